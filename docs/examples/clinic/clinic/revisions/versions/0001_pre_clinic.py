"""Therapists, patients, sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes their tables."""
    for table in ("therapists", "patients"):
        op.create_table(
            table, sa.Column("id", sa.Integer(), primary_key=True), sa.Column("name", sa.String(80), nullable=False)
        )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("patient_id", sa.Integer(), sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("therapist_id", sa.Integer(), sa.ForeignKey("therapists.id"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.UniqueConstraint("patient_id", "day"),
    )
