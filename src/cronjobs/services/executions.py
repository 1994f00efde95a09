"""Executions: what was run and how it went, listed and counted. Running is left to `services.runs`."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.models.executions import FAILED, RUNNING, SUCCESS
from cronjobs.services import errors, jobs
from cronjobs.services.pages import Page, Slice, Timeline
from cronjobs.services.periods import Period

_PLACES = 2
_TIMELINE = Timeline(JobExecution.started_at, JobExecution.id)


@dataclass(frozen=True)
class Wanted:
    """What a list of executions is narrowed to; nothing given leaves that side open."""

    job_id: str | None = None
    statuses: tuple[str, ...] = ()
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
    return conditions


def _unknown() -> errors.NotFoundError:
    return errors.NotFoundError("There is no such execution.", error="Execution not found")
