"""The events of one subject in their order: what a job was like can be said without reading the whole log."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index alone."""
    op.create_index("ix_audit_events_subject_id_occurred_at", "audit_events", ["subject_id", "occurred_at"])
