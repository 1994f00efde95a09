"""The shapes of the tools for cron expressions."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer

from cronjobs.services.previews import Ahead, Other, Preview, Verdict
from cronjobs.web import queries
from cronjobs.web.requests import Body
from cronjobs.web.schemas.answers import Answer, Instant

ZonedInstant = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str)]
"""An instant in the zone that it carries, with its offset: `2026-11-22T09:00:00+09:00`."""


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
"""A date as JSON writes it; blank is none."""

Dialect = Literal["standard", "apscheduler"]

FEWEST_RUNS, SOME_RUNS, MOST_RUNS = 1, 5, 20


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
    timezone: str | None = None
    """The IANA zone that it is meant in; the installation's if not given."""
    start_date: Day = None
    """The first day, inclusive."""
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


def _other(other: Other) -> OtherDialect:
    return OtherDialect(
        name=other.dialect, next_runs=other.next_runs, differs=other.reason is not None, reason=other.reason
    )


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
            other_dialect=_other(preview.other),
        )


class OccasionObject(Answer):
    """A run that is to come."""

    at: Instant
    local: ZonedInstant = Field(description="The same in the job's zone.")
    clock_change: str | None = Field(
        description="gap: clocks jump over the time that is meant. repeat: they show it twice."
    )


class NextRuns(Answer):
    """`GET jobs/{id}/next-runs`: none of a job that is inactive or has ended."""

    job_id: str
    job_name: str
    timezone: str
    cron_dialect: str
    next_runs: list[OccasionObject]
    count: int
    other_dialect: OtherDialect
    error: str | None = Field(description="Why nobody can say when the job is due.")

    @classmethod
    def of(cls, ahead: Ahead) -> Self:
        """The answer of what a job has before it."""
        return cls(
            job_id=ahead.job.id,
            job_name=ahead.job.name,
            timezone=ahead.timezone,
            cron_dialect=ahead.job.cron_dialect,
            next_runs=[
                OccasionObject(at=each.at, local=each.at, clock_change=each.clock_change) for each in ahead.occasions
            ],
            count=len(ahead.occasions),
            other_dialect=_other(ahead.other),
            error=ahead.error,
        )
