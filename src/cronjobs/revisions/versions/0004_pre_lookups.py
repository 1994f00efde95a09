"""Indexes for the questions that the legacy database answered by reading whole tables."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """History by time, the inbox of a user, what points at a job or a run that is deleted."""
    op.create_index("ix_jobs_updated_at", "jobs", ["updated_at"])
    op.create_index("ix_job_executions_started_at", "job_executions", ["started_at"])
    op.create_index("ix_job_executions_job_id_started_at", "job_executions", ["job_id", "started_at"])
    op.create_index("ix_notifications_user_id_created_at", "notifications", ["user_id", "created_at"])
    op.create_index("ix_notifications_related_job_id", "notifications", ["related_job_id"])
    op.create_index("ix_notifications_related_execution_id", "notifications", ["related_execution_id"])
