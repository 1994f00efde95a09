"""What an expression would do, before a job has it: whether it is a schedule, and when it is due next.

Nothing is stored or read but the clock.
"""

from dataclasses import dataclass
from datetime import datetime

from cronjobs.models.jobs import DIALECTS
from cronjobs.services import cron, errors
from cronjobs.settings import Settings
from crossfade import clock


@dataclass(frozen=True)
class Verdict:
    """Whether an expression is a schedule: `error` says why not, `description` what it means."""

    dialect: str
    error: str | None
    description: str | None


@dataclass(frozen=True)
class Other:
    """What the other dialect would do; `reason` is None if it does the same."""

    dialect: str
    next_runs: list[datetime]
    reason: str | None


@dataclass(frozen=True)
class Preview:
    """When an expression is due next, in the scheduler's zone."""

    timezone: str
    dialect: str
    next_runs: list[datetime]
    other: Other


def verdict(expression: object, dialect: object, settings: Settings) -> Verdict:
    """Whether `expression` is a schedule in `dialect`, or in that of new jobs; anything may be asked."""
    known = str(dialect or settings.cron_dialect)
    if known not in DIALECTS:
        return Verdict(settings.cron_dialect, f"There is no such dialect; there are {' and '.join(DIALECTS)}.", None)
    if not isinstance(expression, str) or not expression.strip():
        return Verdict(known, "The expression must be text of five fields.", None)
    try:
        return Verdict(known, None, cron.describe(expression.strip(), known))
    except errors.InvalidCronError as error:
        return Verdict(known, error.message, None)


def preview(expression: str | None, dialect: str | None, count: int, settings: Settings) -> Preview:
    """The next `count` runs, and what the other dialect would do. Raises InvalidError, InvalidCronError."""
    if expression is None or not expression.strip():
        raise errors.InvalidError(
            "Missing required fields: expression.", error="Missing required fields", missing_fields=["expression"]
        )
    expression, dialect, now = expression.strip(), dialect or settings.cron_dialect, clock.now()
    runs = _runs(expression, dialect, now, count, settings)
    return Preview(settings.scheduler_timezone, dialect, runs, _other(expression, dialect, now, count, settings))


def _other(expression: str, dialect: str, now: datetime, count: int, settings: Settings) -> Other:
    (other,) = (each for each in DIALECTS if each != dialect)
    difference = cron.differs(expression, zone=settings.zone, after=now)
    try:
        runs = _runs(expression, other, now, count, settings)
    except errors.InvalidCronError:  # the difference says so
        runs = []
    return Other(other, runs, None if difference is None else difference.reason)


def _runs(expression: str, dialect: str, now: datetime, count: int, settings: Settings) -> list[datetime]:
    ticks = cron.next_runs(expression, dialect, after=now, zone=settings.zone, count=count)
    return [tick.astimezone(settings.zone) for tick in ticks]
