"""What users are told in the application."""

from datetime import datetime

from sqlalchemy import Boolean, DateTime, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Identified
from crossfade import clock

SUCCESS = "success"
ERROR = "error"
WARNING = "warning"
INFO = "info"
TYPES = (SUCCESS, ERROR, WARNING, INFO)


class Notification(Identified, Base):
    """A message in a user's inbox."""

    __tablename__ = "notifications"
    __table_args__ = (
        # Pages of inboxes: no row is read that isn't shown.
        Index("ix_notifications_user_id_pages", "user_id", "created_at", "id"),
        Index("ix_notifications_user_id_is_read_pages", "user_id", "is_read", "created_at", "id"),
        Index("ix_notifications_created_at", "created_at"),
        Index("ix_notifications_related_job_id", "related_job_id"),
        Index("ix_notifications_related_execution_id", "related_execution_id"),
    )

    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(255))
    message: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(50))
    related_job_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("jobs.id", ondelete="SET NULL"))
    related_execution_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("job_executions.id", ondelete="SET NULL")
    )
    is_read: Mapped[bool] = mapped_column(Boolean, default=False)
    read_at: Mapped[datetime | None] = mapped_column(DateTime)
    created_at: Mapped[datetime] = mapped_column(DateTime, default=clock.naive_utc)
