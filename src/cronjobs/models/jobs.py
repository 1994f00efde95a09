"""What is to be run, and when."""

from datetime import date, datetime

from sqlalchemy import Boolean, Date, DateTime, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Dated, Identified

STANDARD = "standard"
APSCHEDULER = "apscheduler"
DIALECTS = (STANDARD, APSCHEDULER)


class Job(Identified, Dated, Base):
    """A cron expression and the webhook or GitHub workflow that it calls."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("name"),
        Index("ix_jobs_is_active_next_run_at", "is_active", "next_run_at"),
        Index("ix_jobs_updated_at", "updated_at"),
        Index("ix_jobs_created_at", "created_at"),
    )

    name: Mapped[str] = mapped_column(String(255))
    cron_expression: Mapped[str] = mapped_column(String(100))
    target_url: Mapped[str | None] = mapped_column(String(500))
    github_owner: Mapped[str | None] = mapped_column(String(255))
    github_repo: Mapped[str | None] = mapped_column(String(255))
    github_workflow_name: Mapped[str | None] = mapped_column(String(255))
    job_metadata: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(100), default="general")
    end_date: Mapped[date | None] = mapped_column(Date)
    pic_team: Mapped[str | None] = mapped_column(String(100))
    enable_email_notifications: Mapped[bool] = mapped_column(Boolean, default=False)
    notification_emails: Mapped[str | None] = mapped_column(Text)
    notify_on_success: Mapped[bool] = mapped_column(Boolean, default=False)
    created_by: Mapped[str | None] = mapped_column(String(36), ForeignKey("users.id"))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    # The legacy application, which does not know the column, reads every expression as APScheduler does.
    cron_dialect: Mapped[str] = mapped_column(String(20), default=STANDARD, server_default=APSCHEDULER)
    next_run_at: Mapped[datetime | None] = mapped_column(DateTime)
    """The next tick, naive UTC; null when there is none or it was not planned yet."""
    planned_at: Mapped[datetime | None] = mapped_column(DateTime)
    """The `updated_at` that `next_run_at` was computed from: where the two differ, it has to be computed again."""
