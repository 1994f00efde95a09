"""Who changed what, and when: kept whatever becomes of the one and the other."""

from datetime import datetime

from sqlalchemy import DateTime, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Identified
from crossfade import clock


class AuditEvent(Identified, Base):
    """A change that was made. Nothing refers to rows here or from here: what was deleted keeps its history."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_pages", "occurred_at", "id"),
        Index("ix_audit_events_actor_id_occurred_at", "actor_id", "occurred_at"),
        Index("ix_audit_events_actor_name_occurred_at", "actor_name", "occurred_at"),
        Index("ix_audit_events_subject_id_occurred_at", "subject_id", "occurred_at"),
        Index("ix_audit_events_kind_pages", "kind", "occurred_at", "id", "action"),
        Index("ix_audit_events_action_pages", "action", "occurred_at", "id"),
    )

    occurred_at: Mapped[datetime] = mapped_column(DateTime, default=clock.naive_utc)
    """Naive UTC."""
    actor_id: Mapped[str | None] = mapped_column(String(36))
    """The user who did it; null if nobody who signed in did."""
    actor_name: Mapped[str | None] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(50))
    kind: Mapped[str] = mapped_column(String(50))
    """Of what was changed."""
    subject_id: Mapped[str] = mapped_column(String(36))
    subject_name: Mapped[str] = mapped_column(String(255))
    """What it was called after the change, or before it was deleted."""
    changes: Mapped[str] = mapped_column(Text)
    """A JSON object: for each field that changed `{"before": ..., "after": ...}`, secrets left out."""
