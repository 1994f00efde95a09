"""The shapes of the tools for cron expressions."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import PlainSerializer

from cronjobs.services.previews import Preview, Verdict
from cronjobs.web import queries
from cronjobs.web.requests import Body
from cronjobs.web.schemas.answers import Answer

ZonedInstant = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str)]
"""An instant in the zone that it carries, with its offset: `2026-11-22T09:00:00+09:00`."""

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
