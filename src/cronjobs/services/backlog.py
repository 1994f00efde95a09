"""Runs whose time has come and that nobody has begun: how many, and for how long. By indexes, whatever there is else.

A tick waits in its job's `next_run_at`, a run that is to be tried again or that waits for another in its own row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.models.executions import RUNNING
from crossfade import clock

MOST_COUNTED = 10_000
"""More than that are counted as that many."""
OVERDUE_AFTER = timedelta(seconds=30)
"""How long a due run may wait before that is told as a fault: a process that is replaced takes less."""


@dataclass(frozen=True)
class Backlog:
    """What is due."""

    due: int
    """Ticks and waiting runs whose time has come, up to twice MOST_COUNTED."""
    late_seconds: float
    """How long the oldest of them has been due; 0 if nothing is."""


def look(session: Session) -> Backlog:
    """What is due now, runs included that wait until another run of their job is over."""
    now = clock.naive_utc()
    ticks, tick = session.execute(_counted(_due_ticks(now))).one()
    waiting, run = session.execute(_counted(_due_runs(now))).one()
    return Backlog(ticks + waiting, _late(now, tick, run))


def overdue_seconds(session: Session) -> float:
    """For how long the oldest run has been due that nobody takes; 0 if there is none.

    Runs that wait count where nothing is running at all: otherwise they may be waiting for what is.
    """
    now = clock.naive_utc()
    tick = session.scalar(_due_ticks(now).limit(1))
    run = session.scalar(_due_runs(now).limit(1))
    if run is not None and _is_anything_running(session, now):
        run = None
    return _late(now, tick, run)


def _is_anything_running(session: Session, now: datetime) -> bool:
    leased = select(JobExecution.lease_until).where(JobExecution.status == RUNNING, JobExecution.lease_until > now)
    return session.scalar(leased.limit(1)) is not None


def _due_ticks(now: datetime) -> Select[datetime | None]:
    return select(Job.next_run_at).where(Job.is_active.is_(True), Job.next_run_at <= now).order_by(Job.next_run_at)


def _due_runs(now: datetime) -> Select[datetime | None]:
    return select(JobExecution.due_at).where(JobExecution.due_at <= now).order_by(JobExecution.due_at)


def _counted(due: Select[datetime | None]) -> Select[int, datetime | None]:
    found = due.limit(MOST_COUNTED).subquery()
    (instant,) = found.columns
    return select(func.count(), func.min(instant)).select_from(found)


def _late(now: datetime, *due: datetime | None) -> float:
    return max(((now - each).total_seconds() for each in due if each is not None), default=0.0)
