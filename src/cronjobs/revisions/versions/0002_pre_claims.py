"""What lets several processes fire a job exactly once: planned ticks, claims, the nodes that tick.

Every new column is null or has a default in the database, because the legacy code writes rows without knowing it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns first, then the indexes over them, then the tables of the scheduler."""
    # The legacy code reads every expression as APScheduler does, so that is what a row without a dialect means.
    op.add_column("jobs", sa.Column("cron_dialect", sa.String(20), server_default="apscheduler", nullable=False))
    op.add_column("jobs", sa.Column("next_run_at", sa.DateTime()))
    op.add_column("jobs", sa.Column("planned_at", sa.DateTime()))
    op.add_column("job_executions", sa.Column("scheduled_for", sa.DateTime()))
    op.add_column("job_executions", sa.Column("owner", sa.String(255)))
    op.add_column("job_executions", sa.Column("lease_until", sa.DateTime()))
    op.add_column("job_executions", sa.Column("attempt", sa.Integer(), server_default="1", nullable=False))
    op.create_index("ix_jobs_is_active_next_run_at", "jobs", ["is_active", "next_run_at"])
    op.create_index(
        "ux_job_executions_job_id_scheduled_for", "job_executions", ["job_id", "scheduled_for"], unique=True
    )
    op.create_index("ix_job_executions_status_lease_until", "job_executions", ["status", "lease_until"])
    op.create_table(
        "scheduler_nodes",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("stack", sa.String(20), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(), nullable=False),
        sa.Column("last_pass", sa.Text()),
    )
    op.create_index("ix_scheduler_nodes_heartbeat_at", "scheduler_nodes", ["heartbeat_at"])
    op.create_table(
        "scheduler_control",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("owner", sa.String(20), nullable=False),
        sa.Column("changed_by", sa.String(255)),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
    )
