"""What was run, by whom, and how it went."""

from datetime import datetime

from sqlalchemy import DateTime, Float, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from cronjobs.models.base import Base, Identified

RUNNING = "running"
SUCCESS = "success"
FAILED = "failed"
STATUSES = (RUNNING, SUCCESS, FAILED)

DUE = "due"
MISSED = "missed"
SKIPPED = "skipped"
UNKNOWN = "unknown"
STATUS_OF = {
    DUE: RUNNING,
    RUNNING: RUNNING,
    SUCCESS: SUCCESS,
    FAILED: FAILED,
    MISSED: FAILED,
    SKIPPED: FAILED,
    UNKNOWN: FAILED,
}
"""For each state of a run the status that clients know it by: the contract has three."""
STATES = tuple(STATUS_OF)

SCHEDULED = "scheduled"
MANUAL = "manual"
TRIGGER_TYPES = (SCHEDULED, MANUAL)

WEBHOOK = "webhook"
GITHUB_ACTIONS = "github_actions"
EXECUTION_TYPES = (WEBHOOK, GITHUB_ACTIONS)

_KINDS = ("status", "trigger_type", "execution_type")
_WAITING = text("due_at IS NOT NULL")


class JobExecution(Identified, Base):
    """One run of a job. A scheduled run is unique by (job, scheduled time): who inserts it, owns it."""

    __tablename__ = "job_executions"
    __table_args__ = (
        # Manual runs have a null scheduled time, and nulls do not collide in either database.
        Index("ux_job_executions_job_id_scheduled_for", "job_id", "scheduled_for", unique=True),
        Index("ix_job_executions_status_lease_until", "status", "lease_until"),
        # Counts and averages over everything: a fraction of the table.
        Index("ix_job_executions_status_started_at", "status", "started_at", "duration_seconds"),
        # Pages of lists, in their order, with all that their other conditions ask for: no row is read that isn't shown.
        # Of two kinds one is looked up, and its index knows the other.
        # States are looked up by the status that they belong to, and known where that is, as is the job: of rare states
        # PostgreSQL starts with all runs in them, whatever the job.
        Index("ix_job_executions_state_pages", "started_at", "id", *_KINDS, "state", "duration_seconds"),
        Index(
            "ix_job_executions_job_id_state_pages", "job_id", "started_at", "id", *_KINDS, "state", "duration_seconds"
        ),
        Index(
            "ix_job_executions_status_state_pages",
            "status",
            "started_at",
            "id",
            "trigger_type",
            "execution_type",
            "state",
            "job_id",
        ),
        Index(
            "ix_job_executions_trigger_type_state_pages",
            "trigger_type",
            "started_at",
            "id",
            "execution_type",
            "status",
            "state",
        ),
        Index("ix_job_executions_execution_type_pages", "execution_type", "started_at", "id"),
        # Runs that wait for their turn: a handful, whatever the table's size.
        Index("ix_job_executions_due_at", "due_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )

    job_id: Mapped[str] = mapped_column(String(36), ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    status: Mapped[str] = mapped_column(String(20))
    trigger_type: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[datetime] = mapped_column(DateTime)
    completed_at: Mapped[datetime | None] = mapped_column(DateTime)
    duration_seconds: Mapped[float | None] = mapped_column(Float)
    execution_type: Mapped[str | None] = mapped_column(String(50))
    target: Mapped[str | None] = mapped_column(String(500))
    response_status: Mapped[int | None] = mapped_column(Integer)
    error_message: Mapped[str | None] = mapped_column(Text)
    output: Mapped[str | None] = mapped_column(Text)
    scheduled_for: Mapped[datetime | None] = mapped_column(DateTime)
    """The tick that this run answers, naive UTC, from the schedule and never from the clock."""
    owner: Mapped[str | None] = mapped_column(String(255))
    """The scheduler node that claimed the run."""
    lease_until: Mapped[datetime | None] = mapped_column(DateTime)
    """Past this instant a running run belongs to nobody: its node has died."""
    attempt: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    """How often the run was begun; its owner and its attempt together say whose it is."""
    state: Mapped[str | None] = mapped_column(String(20))
    """Where the run stands; null in rows of code that doesn't know it, which mean their status."""
    due_at: Mapped[datetime | None] = mapped_column(DateTime)
    """From when a run that waits may be begun, naive UTC; null unless it waits."""
    missed_from: Mapped[datetime | None] = mapped_column(DateTime)
    """The first of the ticks that a missed row stands for, naive UTC; `scheduled_for` is the last."""
    missed_count: Mapped[int | None] = mapped_column(Integer)
    """How many ticks a missed row stands for."""
