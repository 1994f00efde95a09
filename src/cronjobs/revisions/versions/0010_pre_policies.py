"""What becomes of runs that are late, that overlap, that fail or whose process dies; and where each run stands.

Every new column is null or has a default in the database, because the legacy code writes rows without knowing it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns first, then the index over one of them."""
    op.add_column("jobs", sa.Column("timezone", sa.String(64)))
    op.add_column("jobs", sa.Column("start_date", sa.Date()))
    op.add_column("jobs", sa.Column("misfire_policy", sa.String(20), server_default="run_once", nullable=False))
    op.add_column("jobs", sa.Column("misfire_grace_seconds", sa.Integer()))
    op.add_column("jobs", sa.Column("overlap_policy", sa.String(20), server_default="skip", nullable=False))
    op.add_column("jobs", sa.Column("on_crash", sa.String(20), server_default="fail", nullable=False))
    op.add_column("jobs", sa.Column("max_retries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("retry_delay_seconds", sa.Integer(), server_default="60", nullable=False))
    op.add_column("jobs", sa.Column("timeout_seconds", sa.Integer()))
    op.add_column("job_executions", sa.Column("state", sa.String(20)))
    op.add_column("job_executions", sa.Column("due_at", sa.DateTime()))
    op.add_column("job_executions", sa.Column("missed_from", sa.DateTime()))
    op.add_column("job_executions", sa.Column("missed_count", sa.Integer()))
    waiting = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_job_executions_due_at", "job_executions", ["due_at"], sqlite_where=waiting, postgresql_where=waiting
    )
