"""The rows that answer ticks: a run or a skipped row answers one, a missed row all from its first to its last."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from crossfade import clock

_FETCHED = 1_000


@dataclass(frozen=True, order=True)
class Entry:
    """A row. Instants are aware."""

    first: datetime
    last: datetime
    id: str
    state: str


def entries(sessions: Sequence[Session], job_id: str, *, first: datetime, until: datetime) -> Iterator[Entry]:
    """The rows of a job that answer ticks from `first` to `until`, in all these databases, by their first tick.

    A row that was copied from one database into another is one row.
    """
    latest = None
    for entry in heapq.merge(*(_entries(session, job_id, first, until) for session in sessions)):
        if latest is None or entry.id != latest.id:
            yield entry
        latest = entry


def first_ticks(session: Session, job_ids: Sequence[str]) -> dict[str, datetime]:
    """For each job the earliest tick that a row answers; jobs without such a row are left out."""
    # Asked for each job by itself it is one look into the index, grouped it is the job's whole history.
    earliest = (
        select(func.min(JobExecution.scheduled_for))
        .where(JobExecution.job_id == Job.id)
        .correlate(Job)
        .scalar_subquery()
    )
    statement = select(Job.id, earliest).where(Job.id.in_(job_ids))
    return {job_id: clock.utc(tick) for job_id, tick in session.execute(statement) if tick is not None}


def _entries(session: Session, job_id: str, first: datetime, until: datetime) -> Iterator[Entry]:
    begins = func.coalesce(JobExecution.missed_from, JobExecution.scheduled_for)
    statement = (
        select(
            begins, JobExecution.scheduled_for, JobExecution.id, func.coalesce(JobExecution.state, JobExecution.status)
        )
        .where(
            JobExecution.job_id == job_id,
            JobExecution.scheduled_for >= clock.naive_utc(first),
            begins <= clock.naive_utc(until),
        )
        .order_by(begins, JobExecution.scheduled_for)
        .execution_options(yield_per=_FETCHED)
    )
    for begin, end, row_id, state in session.execute(statement):
        yield Entry(clock.utc(begin), clock.utc(cast("datetime", end)), row_id, state)
