"""The shapes of jobs and of the cron tools."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal, Protocol, Self, cast

from pydantic import BeforeValidator, Field, PlainSerializer, SecretStr

from cronjobs.models import Job
from cronjobs.services import drafts
from cronjobs.services.calls import Claim, Overrides
from cronjobs.services.drafts import Draft
from cronjobs.services.jobs import Seen
from cronjobs.services.pages import Slice
from cronjobs.services.previews import Preview, Verdict
from cronjobs.services.targets import Named, text
from cronjobs.web import queries
from cronjobs.web.requests import Body
from cronjobs.web.schemas.answers import Answer, Instant

ZonedInstant = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str)]
"""An instant in the zone that it carries, with its offset: `2026-11-22T09:00:00+09:00`."""

Dialect = Literal["standard", "apscheduler"]

FEWEST_RUNS, SOME_RUNS, MOST_RUNS = 1, 5, 20


def _day(value: object) -> object:
    """A date as JSON writes it; blank is none."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        found = date.fromisoformat(value.strip())
    except ValueError:
        found = None
    if found is None or found.isoformat() != value.strip():
        raise ValueError("write a date like 2026-12-31")
    return found


Day = Annotated[date | None, BeforeValidator(_day)]


class JobFields(Body):
    """A job as a client writes it: all of it, or the fields to change."""

    name: str | None = None
    cron_expression: str | None = None
    cron_dialect: Dialect | None = None
    end_date: Day = None
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
    end_date: date | None
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


class CronText(Body):
    """An expression to look at: it may be of any type, because the answer says what is wrong with it."""

    expression: Any = None
    cron_expression: Any = None
    """Another name for `expression`."""
    cron_dialect: Any = None
    """How it is read; the dialect of new jobs if not given."""

    @property
    def written(self) -> Any:
        """The expression, whichever name it came under."""
        return self.cron_expression if self.expression is None else self.expression


class CronVerdict(Answer):
    """An expression that is a schedule."""

    valid: bool
    message: str
    description: str | None
    cron_dialect: str


class CronRefusal(CronVerdict):
    """An expression that is none."""

    error: str


def cron_verdict(verdict: Verdict) -> CronVerdict:
    """The answer of `validate-cron`."""
    if verdict.error is None:
        return CronVerdict(
            valid=True,
            message="Valid cron expression",
            description=verdict.description,
            cron_dialect=verdict.dialect,
        )
    return CronRefusal(
        valid=False,
        message="Invalid cron expression",
        error=verdict.error,
        description=None,
        cron_dialect=verdict.dialect,
    )


class CronPreviewRequest(Body):
    """An expression whose next runs are wanted."""

    expression: str | None = None
    cron_expression: str | None = None
    """Another name for `expression`."""
    cron_dialect: Dialect | None = None
    """How it is read; the dialect of new jobs if not given."""
    count: Any = None
    """How many: 1 to 20, 5 if not given; what is out of range is the nearest of them."""

    @property
    def written(self) -> str | None:
        """The expression, whichever name it came under."""
        return self.cron_expression if self.expression is None else self.expression

    @property
    def runs(self) -> int:
        """How many runs are wanted."""
        return queries.nearest(self.count, default=SOME_RUNS, least=FEWEST_RUNS, most=MOST_RUNS)


class OtherDialect(Answer):
    """What the expression would do in the other dialect."""

    name: str
    next_runs: list[ZonedInstant]
    differs: bool
    reason: str | None


class CronPreview(Answer):
    """When an expression is due next."""

    timezone: str
    next_runs: list[ZonedInstant]
    count: int
    cron_dialect: str
    other_dialect: OtherDialect

    @classmethod
    def of(cls, preview: Preview) -> Self:
        """The answer of `cron-preview`."""
        return cls(
            timezone=preview.timezone,
            next_runs=preview.next_runs,
            count=len(preview.next_runs),
            cron_dialect=preview.dialect,
            other_dialect=OtherDialect(
                name=preview.other.dialect,
                next_runs=preview.other.next_runs,
                differs=preview.other.reason is not None,
                reason=preview.other.reason,
            ),
        )


class TargetFields(Body):
    """A target, as a client names it."""

    target_url: str | None = None
    github_owner: str | None = None
    github_repo: str | None = None
    github_workflow_name: str | None = None

    def named(self) -> Named:
        """What was mentioned of the target."""
        return {
            "target_url": self.target_url,
            "github_owner": self.github_owner,
            "github_repo": self.github_repo,
            "github_workflow_name": self.github_workflow_name,
        }


class RunOverrides(TargetFields):
    """What a run that is asked for does differently, this once. Blank is as the job says."""

    metadata: dict[str, Any] | None = None
    dispatch_url: str | None = None
    github_token: SecretStr | None = None
    """Used for this run, then forgotten."""

    def overrides(self) -> Overrides:
        """What was mentioned."""
        token = None if self.github_token is None else text(self.github_token.get_secret_value())
        return Overrides(
            metadata=self.metadata,
            target_url=text(self.target_url),
            github_owner=text(self.github_owner),
            github_repo=text(self.github_repo),
            github_workflow_name=text(self.github_workflow_name),
            dispatch_url=text(self.dispatch_url),
            github_token=None if token is None else SecretStr(token),
        )


class TriggeredRun(Answer):
    """A run that was asked for, and how it went."""

    message: str
    job_id: str
    execution_id: str
    status: str

    @classmethod
    def of(cls, claim: Claim, status: str) -> Self:
        """The answer of `execute`."""
        return cls(
            message="Job triggered successfully", job_id=claim.job_id, execution_id=claim.execution_id, status=status
        )


class TrialRequest(TargetFields):
    """A target to try."""

    metadata: dict[str, Any] | None = None
    timeout_seconds: Annotated[float, Field(ge=1, le=30)] = 10


class Trial(Protocol):
    """What the scheduler says of a target that was tried."""

    @property
    def ok(self) -> bool: ...
    @property
    def type(self) -> str: ...
    @property
    def status_code(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def message(self) -> str: ...


class TrialAnswer(Answer):
    """What came of trying a target."""

    ok: bool
    type: str
    message: str


class AnsweredTrial(TrialAnswer):
    """A target that answered, whatever it said."""

    status_code: int


class FailedTrial(TrialAnswer):
    """A target that did not answer."""

    error: str


def trial_answer(trial: Trial) -> AnsweredTrial | FailedTrial:
    """The answer of `test-run`."""
    if trial.status_code is not None:
        return AnsweredTrial(ok=trial.ok, type=trial.type, message=trial.message, status_code=trial.status_code)
    return FailedTrial(ok=trial.ok, type=trial.type, message=trial.message, error=trial.error or trial.message)
