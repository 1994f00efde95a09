"""What an expression would do, before a job has it, and what a job will do: when they are due next.

Nothing is stored.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.models.jobs import APSCHEDULER, DIALECTS, STANDARD
from cronjobs.services import cron, errors, jobs, schedules
from cronjobs.services.schedules import Schedule
from cronjobs.services.targets import text
from cronjobs.settings import Settings
from crossfade import clock

GAP = "gap"
"""The clock jumps over the time that is meant: the run is put off until after it."""
REPEAT = "repeat"
"""The clock shows that time twice."""


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
    """When an expression is due next, in the zone that it is meant in."""

    timezone: str
    dialect: str
    next_runs: list[datetime]
    other: Other


@dataclass(frozen=True)
class Occasion:
    """A run that is to come."""

    at: datetime
    """Aware, in the job's zone."""
    clock_change: str | None
    """GAP or REPEAT, where the clocks change then."""


@dataclass(frozen=True)
class Ahead:
    """The runs that a job has before it: none if it is inactive or has ended, or for the reason in `error`."""

    job: Job
    timezone: str
    occasions: list[Occasion]
    other: Other
    error: str | None
    """Why nobody can say when it is due; None if it can be said."""


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


def preview(
    expression: str | None,
    dialect: str | None,
    count: int,
    settings: Settings,
    *,
    timezone: str | None = None,
    start_date: date | None = None,
) -> Preview:
    """The next `count` runs, and what the other dialect would do. Raises InvalidError, InvalidScheduleError."""
    if expression is None or not expression.strip():
        raise errors.InvalidError(
            "Missing required fields: expression.", error="Missing required fields", missing_fields=["expression"]
        )
    named = text(timezone)
    zone = settings.zone if named is None else schedules.zone_called(named)
    schedule = Schedule(expression.strip(), dialect or settings.cron_dialect, zone, start_date)
    now = clock.now()
    runs = _runs(schedule, now, count)
    return Preview(zone.key, schedule.dialect, runs, _other(schedule, now, count))


def ahead(session: Session, job_id: str, count: int, settings: Settings) -> Ahead:
    """The next `count` runs of a job, and what they would be in the other dialect. Raises NotFoundError."""
    job = jobs.find(session, job_id)
    zone = schedules.zone_of(job, zone=settings.zone)
    count = count if job.is_active and not jobs.has_ended(job, settings) else 0
    now = clock.now()
    try:
        schedule = schedules.of(job, zone=settings.zone)
        occasions = [_occasion(tick, schedule) for tick in _runs(schedule, now, count)]
        return Ahead(job, zone.key, occasions, _other(schedule, now, count), None)
    except errors.InvalidScheduleError as error:
        return Ahead(job, job.timezone or zone.key, [], Other(_opposite(job.cron_dialect), [], None), error.message)


def _occasion(at: datetime, schedule: Schedule) -> Occasion:
    reading = cron.parse(schedule.expression, schedule.dialect)
    if at.hour not in reading.hours or at.minute not in reading.minutes:
        return Occasion(at, GAP)  # the time that is meant doesn't exist on that day
    first, second = at.replace(fold=0).utcoffset(), at.replace(fold=1).utcoffset()
    return Occasion(at, None if first == second else REPEAT)


def _other(schedule: Schedule, now: datetime, count: int) -> Other:
    other = _opposite(schedule.dialect)
    difference = cron.differs(schedule.expression, zone=schedule.zone, after=now)
    try:
        runs = _runs(replace(schedule, dialect=other), now, count)
    except errors.InvalidCronError:  # the difference says so
        runs = []
    return Other(other, runs, None if difference is None else difference.reason)


def _opposite(dialect: str) -> str:
    return STANDARD if dialect == APSCHEDULER else APSCHEDULER


def _runs(schedule: Schedule, now: datetime, count: int) -> list[datetime]:
    return [tick.astimezone(schedule.zone) for tick in schedule.next_runs(after=now, count=count)]
