"""The two readings of a cron expression: Debian's cron (`standard`) and the legacy application's (`apscheduler`).

A `Reading` says which minutes, hours, months and days an expression means and when it is due next. That an expression
is refused if it never fires, previews, end dates and comparisons are left to `services.cron`.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from cronsim.explain import Expression
from typing_extensions import override

from cronjobs.models.jobs import APSCHEDULER, STANDARD

_ITEM = re.compile(r"(\*|\d+-\d+|[A-Za-z]{3}-[A-Za-z]{3})(/\d+)?|\d+|[A-Za-z]{3}", re.ASCII)
"""What crontab(5) allows between commas; whether the numbers and names fit their field is cronsim's to say."""
_SINGLE_WITH_STEP = re.compile(r"(\d+|[A-Za-z]{3})/\d+", re.ASCII)
_LEAP_YEAR = 2024
_BEFORE_ALL = datetime(2024, 1, 1, tzinfo=UTC)
_SHORTEST = timedelta(microseconds=1)


class UnreadableError(ValueError):
    """The expression means nothing in this dialect; the message says why, for people."""


class Reading(Protocol):
    """What an expression means in one dialect."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]

    def has(self, day: date) -> bool:
        """Whether `day` matches by its day of the month and of the week; its month is not looked at."""

    def ticks(self, *, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """The ticks later than `after` (aware), in UTC, rising, without end unless there is none for decades."""

    def description(self) -> str:
        """The schedule in English."""


def read(expression: str, dialect: str) -> Reading:
    """What `expression` (five fields) means in `dialect`. Raises UnreadableError."""
    if dialect == STANDARD:
        return _Debian(expression)
    if dialect == APSCHEDULER:
        return _Legacy(expression)
    raise UnreadableError(f"there is no cron dialect {dialect!r}: use {STANDARD} or {APSCHEDULER}")


class _Debian(Reading):
    """0 and 7 are Sunday, and restricted days of month and week are OR-ed; read by cronsim."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        _refuse_extensions(expression)
        try:
            self._parsed = CronSim(expression, _BEFORE_ALL)
        except CronSimError as error:
            raise UnreadableError(str(error)) from error
        except (ValueError, AssertionError) as error:  # Python's own limit on digits; a step from "last"
            raise UnreadableError("a field is out of range") from error
        self.minutes = frozenset(self._parsed.minutes)
        self.hours = frozenset(self._parsed.hours)
        self.months = frozenset(self._parsed.months)

    @override
    def has(self, day: date) -> bool:
        return self._parsed.match_day(day)

    @override
    def ticks(self, *, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        latest = after
        for tick in CronSim(self._expression, after.astimezone(zone)):
            # Compared in UTC: datetimes of one zone compare by the wall clock, which runs twice in autumn. cronsim
            # repeats a tick when several wall times fall into the spring gap, and steps back from the second 01:30.
            instant = tick.astimezone(UTC)
            if instant > latest:
                latest = instant
                yield instant

    @override
    def description(self) -> str:
        return self._parsed.explain()


def _refuse_extensions(expression: str) -> None:
    """What cronsim understands beyond Debian's cron is refused: another cron would run it at other times, or never."""
    for item in (item for field in expression.split() for item in field.split(",")):
        if _SINGLE_WITH_STEP.fullmatch(item):
            raise UnreadableError(
                f"{item} has a step without a range: write {item.partition('/')[0]}-LAST/STEP or */STEP"
            )
        if not _ITEM.fullmatch(item):
            raise UnreadableError(f"{item!r} is not understood by standard cron")


class _Legacy(Reading):
    """0 is Monday, and restricted days of month and week are AND-ed; read by APScheduler's `from_crontab`."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        fields = {field.name: field for field in _trigger(expression, ZoneInfo("UTC")).fields}
        moments = [datetime(_LEAP_YEAR, 1, 1, hour, minute, tzinfo=UTC) for hour in range(24) for minute in range(60)]
        self.minutes = frozenset(moment.minute for moment in moments[:60] if _matches(fields["minute"], moment))
        self.hours = frozenset(moment.hour for moment in moments[::60] if _matches(fields["hour"], moment))
        self.months = frozenset(
            month for month in range(1, 13) if _matches(fields["month"], datetime(_LEAP_YEAR, month, 1, tzinfo=UTC))
        )
        self._day, self._weekday = fields["day"], fields["day_of_week"]

    @override
    def has(self, day: date) -> bool:
        return _matches(self._day, day) and _matches(self._weekday, day)

    @override
    def ticks(self, *, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        trigger, latest = _trigger(self._expression, zone), after.astimezone(UTC)
        # Always asked in UTC: asked with a wall time whose fold got lost, APScheduler may never come back.
        while (tick := trigger.get_next_fire_time(None, latest + _SHORTEST)) is not None:
            instant = tick.astimezone(UTC)
            if instant > latest:
                latest = instant
                yield instant
            else:
                latest += timedelta(minutes=1)

    @override
    def description(self) -> str:
        minute, hour, day, month, _ = self._expression.upper().split()
        if not self._reads_alike(minute, hour, month):
            minute, hour, month = _spelled(self.minutes), _spelled(self.hours), _spelled(self.months)
        week = [date(_LEAP_YEAR, 1, day) for day in range(1, 8)]  # it begins on a Monday
        weekdays = [day.isoweekday() for day in week if _matches(self._weekday, day)]
        weekday = "*" if len(weekdays) == len(week) else _spelled(weekdays)
        explained = Expression([minute, hour, day.replace("LAST", "L"), month, weekday])
        explained.day_and = True
        return explained.explain()

    def _reads_alike(self, minute: str, hour: str, month: str) -> bool:
        """Whether cron reads these fields as APScheduler does, which overlooks what follows a name."""
        try:
            standard = _Debian(f"{minute} {hour} * {month} *")
        except UnreadableError:
            return False
        return (standard.minutes, standard.hours, standard.months) == (self.minutes, self.hours, self.months)


@lru_cache(maxsize=10_000)
def _trigger(expression: str, zone: ZoneInfo) -> Any:
    # Imported late: a process whose scheduler is off, and which has no job of the old dialect, never loads APScheduler.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    try:
        return CronTrigger.from_crontab(expression, timezone=zone)
    except ValueError as error:
        raise UnreadableError(str(error)) from error


def _matches(field: Any, moment: date) -> bool:
    return bool(field.get_next_value(moment) == field.get_value(moment))


def _spelled(values: Iterable[int]) -> str:
    """`values` as a cron field, neighbours drawn together: 1-5,7."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
