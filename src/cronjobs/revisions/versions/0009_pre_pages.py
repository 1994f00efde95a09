"""Indexes in which a page of a list is found however far down it is: they know the ids, and what else is asked for."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KINDS = ["status", "trigger_type", "execution_type"]
_PAGES = {
    "job_executions": {
        "": ["started_at", "id", *_KINDS, "duration_seconds"],
        "job_id_": ["job_id", "started_at", "id", *_KINDS, "duration_seconds"],
        "status_": ["status", "started_at", "id", "trigger_type", "execution_type"],
        "trigger_type_": ["trigger_type", "started_at", "id", "execution_type"],
        "execution_type_": ["execution_type", "started_at", "id"],
    },
    "notifications": {
        "user_id_": ["user_id", "created_at", "id"],
        "user_id_is_read_": ["user_id", "is_read", "created_at", "id"],
    },
    "audit_events": {
        "": ["occurred_at", "id"],
        "kind_": ["kind", "occurred_at", "id", "action"],
        "action_": ["action", "occurred_at", "id"],
    },
}
_REPLACED = {
    "job_executions": ["started_at", "job_id_started_at", "trigger_type_started_at", "execution_type_started_at"],
    "notifications": ["user_id_created_at", "user_id_is_read_created_at"],
    "audit_events": ["occurred_at", "kind_occurred_at", "action_occurred_at"],
}


def upgrade() -> None:
    """Indexes of earlier revisions go once there are ones that begin alike: each costs what every insert costs."""
    for table, pages in _PAGES.items():
        for name, columns in pages.items():
            op.create_index(f"ix_{table}_{name}pages", table, columns)
        for name in _REPLACED[table]:
            op.drop_index(f"ix_{table}_{name}", table)
