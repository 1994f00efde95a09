"""When a job is due: its expression, read in its zone, from its first day to its last.

Pure, as `services.cron` is: nothing is read from the clock, a database or the environment; instants are aware on the
way in and in UTC on the way out.

    schedule = schedules.of(job, zone=settings.zone)
    schedule.next_run(after=clock.now())

A job's first and last day are days of its own zone. What an expression means is left to `services.cron`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronjobs.models import Job
from cronjobs.services import cron
from cronjobs.services.errors import InvalidZoneError

_DAY = timedelta(days=1)
_SHORTEST = timedelta(microseconds=1)


@dataclass(frozen=True)
class Schedule:
    """Each method raises InvalidCronError if the expression can't be read in its dialect."""

    expression: str
    dialect: str
    """`standard` or `apscheduler`."""
    zone: ZoneInfo
    start_date: date | None = None
    """The first day, inclusive, in `zone`."""
    end_date: date | None = None
    """The last day, inclusive, in `zone`."""

    def ticks(self, *, after: datetime) -> Iterator[datetime]:
        """The ticks later than `after`, rising; without end unless the schedule has one."""
        if self.start_date is not None and self.start_date > self._day(after):
            after = max(after, _midnight(self.start_date, self.zone) - _SHORTEST)
        ticks = cron.parse(self.expression, self.dialect).ticks(after=after, zone=self.zone)
        return takewhile(lambda tick: not self.has_ended(tick), ticks)

    def next_run(self, *, after: datetime) -> datetime | None:
        """The first tick later than `after`, or None if there is none any more."""
        return next(self.ticks(after=after), None)

    def next_runs(self, *, after: datetime, count: int) -> list[datetime]:
        """The first `count` ticks later than `after`, rising; fewer if the last day comes first."""
        return list(islice(self.ticks(after=after), count))

    def latest_run(self, *, first: datetime, until: datetime) -> datetime | None:
        """The last tick of those from `first` to `until`, both inclusive; None if there is none.

        It takes some tens of looks, however far apart the two are.
        """
        latest = self.next_run(after=first - _SHORTEST)
        if latest is None or latest > until:
            return None
        free = until
        # A tick at or after `latest` is known, none lies between `free` and `until`: halve what is between the two.
        while free - latest > timedelta(minutes=1):
            tick = self.next_run(after=latest + (free - latest) / 2)
            if tick is not None and tick <= until:
                latest = tick
            else:
                free = latest + (free - latest) / 2
        following = self.next_run(after=latest)
        return following if following is not None and following <= until else latest

    def count(self, *, first: datetime, until: datetime) -> int:
        """How many ticks there are from `first` to `until`, both inclusive.

        Days are multiplied, not walked through, but for the first, the last, and those on which clocks change: it
        takes about as long for a week of minutes as for a week of days.
        """
        if self.start_date is not None and self.start_date > self._day(first):
            first = max(first, _midnight(self.start_date, self.zone))
        if self.end_date is not None and self.end_date < self._day(until):
            until = min(until, _midnight(self.end_date + _DAY, self.zone) - _SHORTEST)
        total, day, last = 0, self._day(first), self._day(until)
        walked: datetime | None = first
        per_day = self._ticks_of_a_day()
        while day <= last:
            midnight = _midnight(day, self.zone)
            if first <= midnight and day < last and self._is_plain(day):
                if walked is not None:
                    total += self._walk(walked, midnight - _SHORTEST)
                    walked = None
                total += per_day if self._has(day) else 0
            elif walked is None:
                walked = midnight
            day += _DAY
        return total + (0 if walked is None else self._walk(walked, until))

    def has_ended(self, moment: datetime) -> bool:
        """Whether the last day is over at `moment`."""
        return self.end_date is not None and self._day(moment) > self.end_date

    def _day(self, moment: datetime) -> date:
        # Days are compared before midnights: those of the first and the last day of the calendar may be beyond it.
        return moment.astimezone(self.zone).date()

    def _walk(self, first: datetime, until: datetime) -> int:
        return sum(1 for _ in takewhile(lambda tick: tick <= until, self.ticks(after=first - _SHORTEST)))

    def _ticks_of_a_day(self) -> int:
        reading = cron.parse(self.expression, self.dialect)
        return len(reading.minutes) * len(reading.hours)

    def _has(self, day: date) -> bool:
        reading = cron.parse(self.expression, self.dialect)
        return day.month in reading.months and reading.has(day)

    def _is_plain(self, day: date) -> bool:
        """Whether no clock changes on this day, nor on its neighbours, out of which a tick may be put off into it."""
        midnights = (datetime.combine(day + number * _DAY, time(), tzinfo=self.zone) for number in (-1, 0, 1, 2))
        return len({midnight.utcoffset() for midnight in midnights}) == 1


def of(job: Job, *, zone: ZoneInfo) -> Schedule:
    """The schedule of `job`, where `zone` is the installation's. Raises InvalidZoneError for a zone nobody knows.

    The expression is read when something is asked.
    """
    own = zone_called(job.timezone) if job.timezone else zone
    return Schedule(job.cron_expression, job.cron_dialect, own, job.start_date, job.end_date)


def zone_of(job: Job, *, zone: ZoneInfo) -> ZoneInfo:
    """The zone of `job`; where it has none, or one that nobody knows, the installation's, `zone`."""
    try:
        return zone_called(job.timezone) if job.timezone else zone
    except InvalidZoneError:
        return zone


@lru_cache(maxsize=1_000)
def zone_called(name: str) -> ZoneInfo:
    """The IANA zone of that name, which means the same on every machine. Raises InvalidZoneError."""
    if name not in _names():
        raise InvalidZoneError(f"{name!r} is no IANA time zone: write one like Asia/Tokyo or UTC.")
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    # Not whatever ZoneInfo finds: posix/... and right/... are not for people, and these are other zones elsewhere.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins, in UTC; where midnight falls into a gap, after it."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
