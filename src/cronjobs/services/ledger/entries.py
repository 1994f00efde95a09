"""The rows that answer ticks: a run or a skipped row answers one, a missed row all from its first to its last."""

import functools
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Select, bindparam, func, select
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
    asked = {"job": job_id, "first": clock.naive_utc(first), "until": clock.naive_utc(until)}
    for begin, end, row_id, state in session.execute(_statement(), asked):
        yield Entry(clock.utc(begin), clock.utc(cast("datetime", end)), row_id, state)


@functools.cache
def _statement() -> Select[datetime, datetime | None, str, str]:
    """Made once: it is executed for each job, and to make it takes as long as to execute it."""
    begins = func.coalesce(JobExecution.missed_from, JobExecution.scheduled_for)
    state = func.coalesce(JobExecution.state, JobExecution.status)
    return (
        select(begins, JobExecution.scheduled_for, JobExecution.id, state)
        .where(
            JobExecution.job_id == bindparam("job"),
            JobExecution.scheduled_for >= bindparam("first"),
            begins <= bindparam("until"),
        )
        .order_by(begins, JobExecution.scheduled_for)
        .execution_options(yield_per=_FETCHED)
    )
