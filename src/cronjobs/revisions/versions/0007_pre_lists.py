"""Indexes for lists of many rows: narrowed to one kind and in the order of time, and for statistics over everything."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Indexes alone, which the legacy code fills without knowing."""
    op.create_index("ix_jobs_created_at", "jobs", ["created_at"])
    # With the duration, so that counts and averages are read from the index, a fraction of the table.
    op.create_index(
        "ix_job_executions_status_started_at", "job_executions", ["status", "started_at", "duration_seconds"]
    )
    op.create_index("ix_job_executions_trigger_type_started_at", "job_executions", ["trigger_type", "started_at"])
    op.create_index("ix_job_executions_execution_type_started_at", "job_executions", ["execution_type", "started_at"])
