"""The shapes of executions."""

from typing import Any, Self

from pydantic import Field
from typing_extensions import TypedDict

from cronjobs.models import Job, JobExecution
from cronjobs.services import executions
from cronjobs.services.executions import JobStatistics, Listed, OfJob, Statistics
from cronjobs.services.pages import Slice
from cronjobs.services.periods import Period
from cronjobs.web.schemas.answers import Answer, Instant
from cronjobs.web.schemas.jobs import JobName


class ExecutionObject(Answer):
    """An execution: the columns of the contract."""

    id: str
    job_id: str
    status: str
    trigger_type: str
    started_at: Instant
    completed_at: Instant | None
    duration_seconds: float | None
    execution_type: str | None
    target: str | None
    response_status: int | None
    error_message: str | None
    output: str | None
    state: str = Field(description="due, running, success, failed, missed, skipped or unknown; finer than the status.")
    attempt: int
    scheduled_for: Instant | None = Field(description="The tick that it answers; null for runs by hand.")
    missed_from: Instant | None = Field(description="The first of the ticks that a missed row stands for.")
    missed_count: int | None = Field(description="How many ticks a missed row stands for.")

    @classmethod
    def of(cls, execution: JobExecution) -> Self:
        """The object of a stored execution."""
        return cls.model_validate(_values(execution))


class ListedExecution(ExecutionObject):
    """An execution among those of many jobs."""

    job_name: str
    github_repo: str | None

    @classmethod
    def listed(cls, listed: Listed) -> Self:
        """The object of an execution and what a list says of its job."""
        return cls.model_validate(
            _values(listed.execution) | {"job_name": listed.job_name, "github_repo": listed.github_repo}
        )


def _values(execution: JobExecution) -> dict[str, Any]:
    columns = {name: getattr(execution, name) for name in ExecutionObject.model_fields}
    return columns | {"state": executions.state(execution)}


class ExecutionsOfJob(Answer):
    """A job's executions, newest first; the total counts those beyond the limit too."""

    job_id: str
    job_name: str
    total_executions: int
    executions: list[ExecutionObject]

    @classmethod
    def of(cls, found: OfJob) -> Self:
        """The answer of a job's executions."""
        objects = [ExecutionObject.of(execution) for execution in found.executions]
        return cls(job_id=found.job.id, job_name=found.job.name, total_executions=found.total, executions=objects)


class ExecutionOfJob(Answer):
    """One execution of a job."""

    job: JobName
    execution: ExecutionObject

    @classmethod
    def of(cls, job: Job, execution: JobExecution) -> Self:
        """The answer of one execution of a job."""
        return cls(job=JobName.model_validate(job), execution=ExecutionObject.of(execution))


class OneExecution(Answer):
    """`GET executions/{id}`."""

    execution: ExecutionObject

    @classmethod
    def of(cls, execution: JobExecution) -> Self:
        """The answer of one execution."""
        return cls(execution=ExecutionObject.of(execution))


class ExecutionPage(Answer):
    """One page of executions."""

    executions: list[ListedExecution]
    total: int
    page: int
    limit: int
    total_pages: int

    @classmethod
    def of(cls, found: Slice[Listed]) -> Self:
        """The answer of a page."""
        return cls(
            executions=[ListedExecution.listed(row) for row in found.rows],
            total=found.total,
            page=found.page.number,
            limit=found.page.size,
            total_pages=found.total_pages,
        )


class JobCounts(Answer):
    """How a job's executions went."""

    total_executions: int
    success_count: int
    failed_count: int
    running_count: int
    success_rate: float = Field(description="In per cent, to 2 places.")
    average_duration_seconds: float | None = Field(description="Over the successes, to 2 places.")


class StatisticsOfJob(Answer):
    """How a job's executions went, and the latest of them."""

    job_id: str
    job_name: str
    statistics: JobCounts
    latest_execution: ExecutionObject | None

    @classmethod
    def of(cls, found: JobStatistics) -> Self:
        """The answer of a job's statistics."""
        counted = found.statistics
        return cls(
            job_id=found.job.id,
            job_name=found.job.name,
            statistics=JobCounts(
                total_executions=counted.total,
                success_count=counted.success,
                failed_count=counted.failed,
                running_count=counted.running,
                success_rate=counted.success_rate,
                average_duration_seconds=counted.average_duration_seconds,
            ),
            latest_execution=None if found.latest is None else ExecutionObject.of(found.latest),
        )


Range = TypedDict("Range", {"from": Instant | None, "to": Instant | None})
"""From, inclusive, to, exclusive; null leaves that side open."""


def range_of(period: Period) -> Range:
    """A period as answers show it."""
    return {"from": period.start, "to": period.end}


class ExecutionStatistics(Answer):
    """How executions went."""

    total_executions: int
    successful_executions: int
    failed_executions: int
    running_executions: int
    success_rate: float = Field(description="In per cent, to 2 places.")
    average_duration_seconds: float | None = Field(description="Over the successes, to 2 places.")
    range: Range

    @classmethod
    def of(cls, counted: Statistics, period: Period) -> Self:
        """The answer of statistics over a period."""
        return cls(
            total_executions=counted.total,
            successful_executions=counted.success,
            failed_executions=counted.failed,
            running_executions=counted.running,
            success_rate=counted.success_rate,
            average_duration_seconds=counted.average_duration_seconds,
            range=range_of(period),
        )
