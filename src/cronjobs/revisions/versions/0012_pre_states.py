"""Pages of runs in some state: the indexes of pages know it, so that no row is read that isn't shown."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KINDS = ["status", "trigger_type", "execution_type"]
_PAGES = {
    "": ["started_at", "id", *_KINDS, "state", "duration_seconds"],
    "job_id_": ["job_id", "started_at", "id", *_KINDS, "state", "duration_seconds"],
    "status_": ["status", "started_at", "id", "trigger_type", "execution_type", "state", "job_id"],
    "trigger_type_": ["trigger_type", "started_at", "id", "execution_type", "status", "state"],
}


def upgrade() -> None:
    """Indexes of earlier revisions go once there are ones that begin alike: each costs what every insert costs."""
    for name, columns in _PAGES.items():
        op.create_index(f"ix_job_executions_{name}state_pages", "job_executions", columns)
        op.drop_index(f"ix_job_executions_{name}pages", "job_executions")
