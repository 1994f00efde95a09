"""The shapes of jobs."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal, Self, cast

from pydantic import Field

from cronjobs.models import Job
from cronjobs.services import drafts
from cronjobs.services.drafts import Draft
from cronjobs.services.jobs import Seen
from cronjobs.services.pages import Slice
from cronjobs.web.requests import Body
from cronjobs.web.schemas.answers import Answer, Instant
from cronjobs.web.schemas.cron import Day, Dialect, ZonedInstant

MisfirePolicy = Literal["run_once", "run_all", "skip"]
OverlapPolicy = Literal["skip", "queue", "allow"]
CrashPolicy = Literal["fail", "retry"]
Grace = Annotated[int, Field(ge=10, le=30 * 86_400)]
"""Seconds. Less than ten would be over before anybody has looked."""
Retries = Annotated[int, Field(ge=0, le=10)]
Delay = Annotated[int, Field(ge=0, le=3600)]
"""Seconds."""
Timeout = Annotated[int, Field(ge=1, le=3600)]
"""Seconds."""


class JobFields(Body):
    """A job as a client writes it: all of it, or the fields to change."""

    name: str | None = None
    cron_expression: str | None = None
    cron_dialect: Dialect | None = None
    timezone: str | None = None
    """An IANA zone that the expression and the days are meant in; null: the installation's."""
    start_date: Day = None
    """The first day, inclusive; null: at once."""
    end_date: Day = None
    misfire_policy: MisfirePolicy | None = None
    misfire_grace_seconds: Grace | None = None
    overlap_policy: OverlapPolicy | None = None
    on_crash: CrashPolicy | None = None
    max_retries: Retries | None = None
    retry_delay_seconds: Delay | None = None
    timeout_seconds: Timeout | None = None
    pic_team: str | None = None
    pic_team_slug: str | None = None
    """Another name for `pic_team`."""
    category: str | None = None
    target_url: str | None = None
    github_owner: str | None = None
    github_repo: str | None = None
    github_workflow_name: str | None = None
    metadata: dict[str, Any] | None = None
    enable_email_notifications: bool = False
    notification_emails: list[str] | None = None
    notify_on_success: bool = False
    is_active: bool = True

    def draft(self) -> Draft:
        """What was mentioned."""
        mentioned = self.model_dump(exclude_unset=True)
        slug = mentioned.pop("pic_team_slug", None)
        if slug is not None and not (mentioned.get("pic_team") or "").strip():
            mentioned["pic_team"] = slug
        return cast("Draft", mentioned)


class JobObject(Answer):
    """A job, as writes answer it."""

    id: str
    name: str
    cron_expression: str
    cron_dialect: str
    target_url: str | None
    github_owner: str | None
    github_repo: str | None
    github_workflow_name: str | None
    metadata: Any
    category: str
    timezone: str | None = Field(description="Null: the installation's.")
    start_date: date | None
    end_date: date | None
    misfire_policy: str
    misfire_grace_seconds: int | None = Field(description="Null: without limit, but a minute if the policy is skip.")
    overlap_policy: str
    on_crash: str
    max_retries: int
    retry_delay_seconds: int
    timeout_seconds: int | None = Field(description="Null: ten seconds.")
    pic_team: str | None
    enable_email_notifications: bool
    notification_emails: list[str]
    notify_on_success: bool
    created_by: str | None
    is_active: bool
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, job: Job) -> Self:
        """The object of a stored job."""
        return cls.model_validate(_values(job))


class SeenJob(JobObject):
    """A job, as reads answer it: with its last run and its next."""

    last_execution_at: Instant | None
    next_execution_at: ZonedInstant | None

    @classmethod
    def seen(cls, seen: Seen) -> Self:
        """The object of a job that is looked at."""
        return cls.model_validate(
            _values(seen.job)
            | {"last_execution_at": seen.last_execution_at, "next_execution_at": seen.next_execution_at}
        )


def _values(job: Job) -> dict[str, Any]:
    columns = {name: getattr(job, name) for name in JobObject.model_fields if name != "metadata"}
    return columns | {"metadata": drafts.metadata(job), "notification_emails": drafts.emails(job)}


class OneJob(Answer):
    """`GET jobs/{id}`."""

    job: SeenJob

    @classmethod
    def of(cls, seen: Seen) -> Self:
        """The answer of one job."""
        return cls(job=SeenJob.seen(seen))


class SavedJob(Answer):
    """A job that was created or changed."""

    message: str
    job: JobObject

    @classmethod
    def created(cls, job: Job) -> Self:
        """The answer to a new job."""
        return cls(message="Job created successfully", job=JobObject.of(job))

    @classmethod
    def changed(cls, job: Job) -> Self:
        """The answer to a change."""
        return cls(message="Job updated successfully", job=JobObject.of(job))


class JobName(Answer):
    """Which job."""

    id: str
    name: str


class DeletedJob(Answer):
    """A job that is no more."""

    message: str
    deleted_job: JobName

    @classmethod
    def of(cls, job: Job) -> Self:
        """The answer to a deletion."""
        return cls(message="Job deleted successfully", deleted_job=JobName.model_validate(job))


class JobList(Answer):
    """All jobs that were asked for."""

    count: int
    jobs: list[SeenJob]

    @classmethod
    def of(cls, jobs: Iterable[Seen]) -> Self:
        """The answer of a list."""
        objects = [SeenJob.seen(job) for job in jobs]
        return cls(count=len(objects), jobs=objects)


class JobPage(Answer):
    """One page of the jobs that were asked for."""

    count: int
    jobs: list[SeenJob]
    total: int
    page: int
    per_page: int
    total_pages: int

    @classmethod
    def of(cls, found: Slice[Seen]) -> Self:
        """The answer of a page."""
        objects = [SeenJob.seen(job) for job in found.rows]
        return cls(
            count=len(objects),
            jobs=objects,
            total=found.total,
            page=found.page.number,
            per_page=found.page.size,
            total_pages=found.total_pages,
        )
