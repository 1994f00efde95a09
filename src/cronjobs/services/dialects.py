"""The two readings of a cron expression: Debian's cron (`standard`) and the legacy application's (`apscheduler`).

A `Reading` says which minutes, hours, months and days an expression means and when it is due next. That an expression
is refused if it never fires, previews, end dates and comparisons are left to `services.cron`.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
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
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_UNSETTLED = timedelta(hours=3)
"""For how long after a change of clocks a time may be put off: no clock is changed by more."""
_LONGEST_WAIT = 50 * 366
"""Days after which an expression is held to have no tick any more: no combination of days takes as long to return."""


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
    """0 and 7 are Sunday, and restricted days of month and week are OR-ed; read by cronsim, walked through here."""

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
        self._minutes, self._hours = sorted(self.minutes), sorted(self.hours)
        self._is_wild = any(field.startswith("*") for field in expression.split()[:2])

    @override
    def has(self, day: date) -> bool:
        matches: bool = self._parsed.match_day(day)
        return matches

    @override
    def ticks(self, *, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        # Not cronsim's own steps: they are hours long, and where clocks change by half of one they lose their way.
        latest = after.astimezone(UTC)
        for day in self._days(latest.astimezone(zone).date()):
            for instant in self._ticks_of(day, zone, latest):
                if instant > latest:
                    latest = instant
                    yield instant

    def _days(self, first: date) -> Iterator[date]:
        """The days on which it is due, from the one before `first`: a tick of that may be put off into it."""
        day = first - _DAY
        last = min(first.toordinal() + _LONGEST_WAIT, date.max.toordinal())
        while day.toordinal() < last:
            if day.month not in self.months:
                day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
                continue
            if self._parsed.match_day(day):
                # Somebody may ask for one more: the wait is for the next of them.
                last = min(day.toordinal() + _LONGEST_WAIT, date.max.toordinal())
                yield day
            day += _DAY

    def _ticks_of(self, day: date, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        """The ticks of a day that matches, rising; of those up to `after` some may be left out."""
        midnight = datetime.combine(day, time(), tzinfo=zone)
        offset = midnight.utcoffset()
        if offset == (midnight + _DAY).utcoffset() and midnight.astimezone(UTC).astimezone(zone) == midnight:
            begin = midnight.astimezone(UTC)
            passed, within = divmod(after - begin, _HOUR)
            for hour in self._hours[bisect_left(self._hours, passed) :]:
                start = bisect_right(self._minutes, within // _MINUTE) if hour == passed else 0
                for minute in self._minutes[start:]:
                    yield begin + timedelta(hours=hour, minutes=minute)
        else:
            yield from sorted({instant for hour in self._hours for instant in self._changing(midnight, hour)})

    def _changing(self, midnight: datetime, hour: int) -> Iterator[datetime]:
        """The ticks of an hour of a day on which clocks change, as Debian's cron has them.

        With a star for minute or hour: whenever the clock shows the time, so never in a gap, and twice in a repeat.
        Without: once, after the gap or in the first of two.
        """
        for minute in self._minutes:
            wall = midnight.replace(hour=hour, minute=minute)
            first = wall.astimezone(UTC)
            is_shown = first.astimezone(midnight.tzinfo).replace(fold=0) == wall
            if is_shown:
                yield first
                if self._is_wild:
                    yield wall.replace(fold=1).astimezone(UTC)
            elif not self._is_wild:
                yield _after_gap(wall)

    @override
    def description(self) -> str:
        return self._parsed.explain()


def _after_gap(wall: datetime) -> datetime:
    """When the clocks are put forward over `wall`, which no clock shows."""
    # Read with the offset of before and of after it, the time lies on both sides of the change.
    before, after = wall.replace(fold=1).astimezone(UTC), wall.astimezone(UTC)
    offset = before.astimezone(wall.tzinfo).utcoffset()
    while after - before > _SHORTEST:
        middle = before + (after - before) / 2
        if middle.astimezone(wall.tzinfo).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


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
        trigger, after = _trigger(self._expression, zone), after.astimezone(UTC)
        # Asked right after a gap, APScheduler forgets what it puts off out of it: what is next would depend on when.
        latest = after if _is_settled(after, zone) else after - _UNSETTLED
        # Always asked in UTC: asked with a wall time whose fold got lost, APScheduler may never come back.
        while (tick := trigger.get_next_fire_time(None, latest + _SHORTEST)) is not None:
            instant = tick.astimezone(UTC)
            if instant <= latest:
                latest += _MINUTE
                continue
            latest = instant
            if instant > after:
                yield instant

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


def _is_settled(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether no clock has changed for a while."""
    return moment.astimezone(zone).utcoffset() == (moment - _UNSETTLED).astimezone(zone).utcoffset()


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
