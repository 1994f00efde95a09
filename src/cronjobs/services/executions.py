"""Executions: what was run and how it went, listed and counted. Running is left to `services.runs`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.models.executions import FAILED, RUNNING, STATES, STATUS_OF, STATUSES, SUCCESS
from cronjobs.services import errors, jobs
from cronjobs.services.pages import Page, Slice, Timeline
from cronjobs.services.periods import Period
from crossfade import clock

_PLACES = 2
_TIMELINE = Timeline(JobExecution.started_at, JobExecution.id)


@dataclass(frozen=True)
class Wanted:
    """What a list of executions is narrowed to; nothing given leaves that side open."""

    job_id: str | None = None
    statuses: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    trigger_types: tuple[str, ...] = ()
    execution_types: tuple[str, ...] = ()
    period: Period = field(default_factory=Period)
    """When they started."""


@dataclass(frozen=True)
class Listed:
    """An execution, with what a list says of its job."""

    execution: JobExecution
    job_name: str
    github_repo: str | None


@dataclass(frozen=True)
class OfJob:
    """A job's executions: how many are wanted, and the newest of them."""

    job: Job
    total: int
    executions: list[JobExecution]


@dataclass(frozen=True)
class Statistics:
    """How executions went."""

    total: int
    success: int
    failed: int
    running: int
    average_duration_seconds: float | None
    """Over the successes, to 2 places; None when there are none."""

    @property
    def success_rate(self) -> float:
        """Successes in per cent of all, to 2 places; 0 of nothing."""
        return round(100 * self.success / self.total, _PLACES) if self.total else 0.0


@dataclass(frozen=True)
class JobStatistics:
    """How a job's executions went, and the latest of them."""

    job: Job
    statistics: Statistics
    latest: JobExecution | None


def of_job(session: Session, job_id: str, wanted: Wanted, *, limit: int) -> OfJob:
    """A job's executions, newest first, at most `limit`. Raises NotFoundError."""
    job = jobs.find(session, job_id)
    conditions = [JobExecution.job_id == job.id, *_conditions(wanted)]
    total = _TIMELINE.count(session, conditions)
    newest = select(JobExecution).where(_TIMELINE.are_on(Page(1, limit), conditions, total=total))
    return OfJob(job, total, list(session.scalars(_TIMELINE.newest_first(newest))))


def one_of_job(session: Session, job_id: str, execution_id: str) -> tuple[Job, JobExecution]:
    """A job and one of its executions. Raises NotFoundError, also when the execution is another job's."""
    job = jobs.find(session, job_id)
    execution = find(session, execution_id)
    if execution.job_id != job.id:
        raise _unknown()
    return job, execution


def find(session: Session, execution_id: str) -> JobExecution:
    """The execution of that id. Raises NotFoundError."""
    execution = None if "\x00" in execution_id else session.get(JobExecution, execution_id)
    if execution is None:
        raise _unknown()
    return execution


def page(session: Session, wanted: Wanted, page: Page) -> Slice[Listed]:
    """One page of the executions that are wanted, newest first, with their jobs' names: two statements."""
    conditions = _conditions(wanted)
    total = _TIMELINE.count(session, conditions)
    listed = select(JobExecution, Job.name, Job.github_repo).join(Job, Job.id == JobExecution.job_id)
    listed = _TIMELINE.newest_first(listed.where(_TIMELINE.are_on(page, conditions, total=total)))
    return Slice([Listed(*row) for row in session.execute(listed)], total, page)


def statistics(session: Session, wanted: Wanted) -> Statistics:
    """How the executions that are wanted went: one statement, counted by the database."""
    average = func.avg(case((JobExecution.status == SUCCESS, JobExecution.duration_seconds)))
    counts = (_count(SUCCESS), _count(FAILED), _count(RUNNING))
    total, success, failed, running, seconds = session.execute(
        select(func.count(), *counts, average).select_from(JobExecution).where(*_conditions(wanted))
    ).one()
    return Statistics(total, success, failed, running, None if seconds is None else round(float(seconds), _PLACES))


def job_statistics(session: Session, job_id: str) -> JobStatistics:
    """How a job's executions went. Raises NotFoundError."""
    job = jobs.find(session, job_id)
    counted = statistics(session, Wanted(job_id=job.id))
    latest = _TIMELINE.are_on(Page(1, 1), [JobExecution.job_id == job.id], total=counted.total)
    return JobStatistics(job, counted, session.scalar(select(JobExecution).where(latest)))


def state(execution: JobExecution) -> str:
    """Where the run stands; rows of code that doesn't know states mean their status."""
    return execution.state or execution.status


def states(session: Session, *, since: datetime) -> dict[str, int]:
    """By state, how many runs are not over, and how many are of those that started after `since` (aware)."""
    of_row = func.coalesce(JobExecution.state, JobExecution.status)
    begun = JobExecution.started_at >= clock.naive_utc(since)
    counted = dict.fromkeys(STATES, 0)
    for status in STATUSES:
        which = [JobExecution.status == status, *(() if status == RUNNING else (begun,))]
        rows = session.execute(select(of_row, func.count()).where(*which).group_by(of_row))
        counted.update((name, count) for name, count in rows)
    return counted


def _count(status: str) -> ColumnElement[int]:
    return func.count(case((JobExecution.status == status, 1)))


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = wanted.period.covers(JobExecution.started_at)
    if wanted.job_id is not None:
        conditions.append(JobExecution.job_id == wanted.job_id)
    for column, values in (
        (JobExecution.status, wanted.statuses),
        (JobExecution.trigger_type, wanted.trigger_types),
        (JobExecution.execution_type, wanted.execution_types),
    ):
        if values:
            conditions.append(column.in_(values))
    if wanted.states:
        conditions.append(_is_in(wanted.states))
    return conditions


def _is_in(states: Iterable[str]) -> ColumnElement[bool]:
    """That a run is in one of these states. By its status first, which the indexes begin with."""
    known = {state for state in states if state in STATUS_OF}
    statuses = sorted({STATUS_OF[state] for state in known})
    within = JobExecution.status.in_(statuses)
    if known >= {state for state, status in STATUS_OF.items() if status in statuses}:
        return within  # all that there are of these statuses
    # A null state is the one that is called like the status.
    plain = [status for status in statuses if status in known]
    unnamed = and_(JobExecution.state.is_(None), JobExecution.status.in_(plain))
    named = JobExecution.state.in_(sorted(known))
    return and_(within, or_(named, unnamed) if plain else named)


def _unknown() -> errors.NotFoundError:
    return errors.NotFoundError("There is no such execution.", error="Execution not found")
