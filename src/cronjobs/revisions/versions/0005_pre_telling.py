"""What tells people once and finds what is old: claims of the upkeep, and indexes for inboxes and their pruning."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table and two indexes: the legacy code takes no notice of either."""
    op.create_table(
        "upkeep_claims",
        sa.Column("chore", sa.String(50), primary_key=True),
        sa.Column("due_at", sa.DateTime(), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("claimed_at", sa.DateTime(), nullable=False),
    )
    op.create_index(
        "ix_notifications_user_id_is_read_created_at", "notifications", ["user_id", "is_read", "created_at"]
    )
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"])
