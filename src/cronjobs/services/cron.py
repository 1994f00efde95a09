"""When a cron expression is due, in both dialects, and where the two part.

Pure: text and instants in, instants out, nothing read from the clock, a database or the environment. Instants are aware
and in UTC on both sides, because a wall time runs twice in autumn; `zone` is the one that the expression is meant in.
How each dialect reads an expression is left to `services.dialects`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronjobs.models.jobs import APSCHEDULER, DIALECTS, STANDARD
from cronjobs.services import dialects
from cronjobs.services.dialects import Reading
from cronjobs.services.errors import InvalidCronError

FIELDS = 5
LONGEST_EXPRESSION = 100
"""Characters: what the column holds."""

_COMPARED_DAYS = 366 * 5
_COMPARED_YEAR = 366
_BEFORE_A_CLOCK_CHANGE = timedelta(hours=1)
_AFTER_A_CLOCK_CHANGE = timedelta(hours=2)
_UTC = ZoneInfo("UTC")


@lru_cache(maxsize=10_000)
def parse(expression: str, dialect: str) -> Reading:
    """What `expression` means in `dialect` (`standard` or `apscheduler`).

    Raises InvalidCronError for anything but five readable fields that are due some day.
    """
    if len(expression) > LONGEST_EXPRESSION:
        raise InvalidCronError(f"The cron expression has more than {LONGEST_EXPRESSION} characters.")
    if not expression.isascii() or not expression.replace("\t", " ").isprintable():
        raise InvalidCronError(f"The cron expression {expression!r} contains characters that no field knows.")
    count = len(expression.split())
    if count != FIELDS:
        raise InvalidCronError(
            f"The cron expression {expression!r} has {count} fields instead of {FIELDS}: "
            "minute, hour, day of month, month, day of week."
        )
    try:
        reading = dialects.read(expression, dialect)
    except dialects.UnreadableError as error:
        raise InvalidCronError(f"The cron expression {expression!r} is invalid: {error}.") from error
    if not _is_ever_due(reading):
        raise InvalidCronError(f"The cron expression {expression!r} never fires: there is no such day.")
    return reading


def next_run(
    expression: str, dialect: str, *, after: datetime, zone: ZoneInfo, end_date: date | None = None
) -> datetime | None:
    """The first tick later than `after`, or None if `end_date` (inclusive, in `zone`) comes before it.

    Raises InvalidCronError.
    """
    runs = next_runs(expression, dialect, after=after, zone=zone, count=1, end_date=end_date)
    return runs[0] if runs else None


def next_runs(
    expression: str, dialect: str, *, after: datetime, zone: ZoneInfo, count: int, end_date: date | None = None
) -> list[datetime]:
    """The first `count` ticks later than `after`, rising; fewer if `end_date` comes first. Raises InvalidCronError."""
    ticks = islice(parse(expression, dialect).ticks(after=after, zone=zone), count)
    return [tick for tick in ticks if end_date is None or tick.astimezone(zone).date() <= end_date]


def describe(expression: str, dialect: str) -> str:
    """The schedule in English. Raises InvalidCronError."""
    return parse(expression, dialect).description()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where the two dialects part on one expression."""

    reason: str
    """A sentence for people."""
    at: datetime | None
    """The first instant at which only one of the two fires; None where one of them refuses the expression."""
    standard: datetime | None
    """The next tick as Debian's cron reads it; None where it refuses."""
    apscheduler: datetime | None
    """The next tick as the legacy application reads it; None where it refuses."""


def differs(expression: str, *, zone: ZoneInfo, after: datetime) -> Difference | None:
    """Whether the dialects disagree on `expression` in the years after `after`, and where; None if they don't.

    Raises InvalidCronError if neither can read it.
    """
    readings: dict[str, Reading] = {}
    refusals: dict[str, InvalidCronError] = {}
    for dialect in DIALECTS:
        try:
            readings[dialect] = parse(expression, dialect)
        except InvalidCronError as error:
            refusals[dialect] = error
    if len(refusals) == len(DIALECTS):
        raise refusals[STANDARD]
    at = None
    if refusals:
        ((refusing, refusal),) = refusals.items()
        reason = f"The dialect {refusing} refuses it. {refusal.message}"
    else:
        at = _parting(expression, zone=zone, after=after)
        if at is None:
            return None
        reason = f"Only one of the dialects fires on {at.astimezone(zone):%A %Y-%m-%d at %H:%M} ({zone.key})."
    upcoming = {dialect: next(reading.ticks(after=after, zone=zone), None) for dialect, reading in readings.items()}
    return Difference(reason=reason, at=at, standard=upcoming.get(STANDARD), apscheduler=upcoming.get(APSCHEDULER))


def _is_ever_due(reading: Reading) -> bool:
    return next(reading.ticks(after=datetime(2024, 1, 1, tzinfo=UTC), zone=_UTC), None) is not None


def _parting(expression: str, *, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first instant after `after` at which only one of the two dialects fires, where both read the expression."""
    spans = [(change - _BEFORE_A_CLOCK_CHANGE, change + _AFTER_A_CLOCK_CHANGE) for change in _changes(zone, after)]
    for day in _parting_days(expression, after.astimezone(zone).date()):
        midnight = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
        spans.append((midnight - timedelta(seconds=1), midnight + timedelta(days=1)))
    for start, end in sorted(spans):
        apart = _ticks(expression, STANDARD, zone, max(start, after), end) ^ _ticks(
            expression, APSCHEDULER, zone, max(start, after), end
        )
        if apart:
            return min(apart)
    return None


def _ticks(expression: str, dialect: str, zone: ZoneInfo, after: datetime, until: datetime) -> set[datetime]:
    ticks = parse(expression, dialect).ticks(after=after, zone=zone)
    return set(takewhile(lambda tick: tick <= until, ticks))


@lru_cache(maxsize=10_000)
def _parting_days(expression: str, first: date) -> list[date]:
    """The first two days from `first` on which the dialects differ, clock changes aside; they part on one of them.

    Two, because on the first one it may be too late already.
    """
    standard, legacy = parse(expression, STANDARD), parse(expression, APSCHEDULER)
    same_times = (standard.minutes, standard.hours) == (legacy.minutes, legacy.hours)
    found = []
    for ordinal in range(first.toordinal(), first.toordinal() + _COMPARED_DAYS):
        day = date.fromordinal(ordinal)
        fires = day.month in standard.months and standard.has(day)
        legacy_fires = day.month in legacy.months and legacy.has(day)
        if fires != legacy_fires or (fires and not same_times):
            found.append(day)
            if len(found) == 2:  # noqa: PLR2004  see above
                break
    return found


def _changes(zone: ZoneInfo, after: datetime) -> list[datetime]:
    """When the clocks of `zone` change in the year after `after`, to the minute, in UTC."""
    found = []
    for day in range(_COMPARED_YEAR):
        low = after.astimezone(UTC) + timedelta(days=day)
        high = low + timedelta(days=1)
        offset = low.astimezone(zone).utcoffset()
        if high.astimezone(zone).utcoffset() == offset:
            continue
        while high - low > timedelta(minutes=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
        found.append(high)
    return found
