"""What is to be run, and when."""

from datetime import date, datetime

from sqlalchemy import Boolean, Date, DateTime, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Dated, Identified

STANDARD = "standard"
APSCHEDULER = "apscheduler"
DIALECTS = (STANDARD, APSCHEDULER)

RUN_ONCE = "run_once"
RUN_ALL = "run_all"
SKIP = "skip"
MISFIRE_POLICIES = (RUN_ONCE, RUN_ALL, SKIP)

QUEUE = "queue"
ALLOW = "allow"
OVERLAP_POLICIES = (SKIP, QUEUE, ALLOW)

FAIL = "fail"
RETRY = "retry"
CRASH_POLICIES = (FAIL, RETRY)

RETRY_DELAY_SECONDS = 60


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
    timezone: Mapped[str | None] = mapped_column(String(64))
    """The IANA zone that the expression is meant in; null: the installation's."""
    start_date: Mapped[date | None] = mapped_column(Date)
    """The first day, in its zone, on which it runs; null: at once."""
    misfire_policy: Mapped[str] = mapped_column(String(20), default=RUN_ONCE, server_default=RUN_ONCE)
    """What becomes of ticks that nobody answered in time: the latest is run, all are, or none."""
    misfire_grace_seconds: Mapped[int | None] = mapped_column(Integer)
    """How late a tick may still be run; null: as its policy has it."""
    overlap_policy: Mapped[str] = mapped_column(String(20), default=SKIP, server_default=SKIP)
    """What becomes of a tick while a run of the job goes on: passed over, run afterwards, or run beside it."""
    on_crash: Mapped[str] = mapped_column(String(20), default=FAIL, server_default=FAIL)
    """What becomes of a run whose process died, so that nobody knows how far it came: closed, or tried again."""
    max_retries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How often a run that failed is tried again."""
    retry_delay_seconds: Mapped[int] = mapped_column(
        Integer, default=RETRY_DELAY_SECONDS, server_default=str(RETRY_DELAY_SECONDS)
    )
    """Before the first of the retries; doubled before each further one."""
    timeout_seconds: Mapped[int | None] = mapped_column(Integer)
    """What one attempt may take; null: ten seconds."""
