"""The ticks of an expression, walked through by the libraries themselves and not by what the scheduler asks.

Whether an expression is one at all is `services.cron`'s to say, here as there.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any, cast
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim

from cronjobs.models.jobs import STANDARD
from cronjobs.services import cron

_RUN_UP = timedelta(days=1)
"""How long before the first tick a walk begins: beyond any change of clocks, which would confuse its first steps."""
_INSTANT = timedelta(microseconds=1)
_LONGEST = timedelta(days=300)
"""After which a time without a change is cut in two: somewhere clocks never change."""
_KEPT = 500
"""Ticks of a walk that are kept, for jobs with the same expression."""


def ticks(expression: str, dialect: str, zone: ZoneInfo, *, first: datetime, until: datetime) -> Iterator[datetime]:
    """The ticks from `first` to `until`, both inclusive (aware), rising, in UTC. Raises InvalidCronError."""
    cron.parse(expression, dialect)
    first, until = first.astimezone(UTC), until.astimezone(UTC)
    few = _few(expression, dialect, zone, first, until)
    return _walk(expression, dialect, zone, first, until) if few is None else iter(few)


@lru_cache(maxsize=1_000)
def _few(
    expression: str, dialect: str, zone: ZoneInfo, first: datetime, until: datetime
) -> tuple[datetime, ...] | None:
    found = tuple(islice(_walk(expression, dialect, zone, first, until), _KEPT + 1))
    return found if len(found) <= _KEPT else None


def _walk(expression: str, dialect: str, zone: ZoneInfo, first: datetime, until: datetime) -> Iterator[datetime]:
    begin = first - _RUN_UP
    steps = _debian(expression, zone, begin) if dialect == STANDARD else _legacy(expression, zone, begin)
    latest = begin
    for step in takewhile(lambda step: step <= until, steps):
        # cronsim gives several times that fall into one spring gap each the end of the gap.
        if step >= first and step > latest:
            latest = step
            yield step


def _debian(expression: str, zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    if not any(field.startswith("*") for field in expression.split()[:2]):
        for step in CronSim(expression, begin.astimezone(zone)):
            yield step.astimezone(UTC)
        return
    # With a star it runs whenever the clock shows the time. cronsim's steps are hours long, and lose their way where
    # clocks change by half of one: it is led from one change to the next, through times in which none changes.
    for first, before in _constant(zone, begin):
        offset = timezone(cast("timedelta", first.astimezone(zone).utcoffset()))
        steps = CronSim(expression, (first - _INSTANT).astimezone(offset))
        for step in takewhile(lambda step: step.astimezone(UTC) < before, steps):  # noqa: B023  used up within the turn
            yield step.astimezone(UTC)


def _constant(zone: ZoneInfo, begin: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The times from `begin` on, each up to before its end, in which the clocks of a zone are not changed."""
    first = begin
    while True:
        low, offset = first, first.astimezone(zone).utcoffset()
        while (low + _RUN_UP).astimezone(zone).utcoffset() == offset and low - first < _LONGEST:
            low += _RUN_UP
        high = low + _RUN_UP
        while high - low > _INSTANT:
            middle = low + (high - low) / 2
            low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
        yield first, high
        first = high


def _legacy(expression: str, zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    trigger: Any = CronTrigger.from_crontab(expression, timezone=zone)
    now = begin
    while (fire := trigger.get_next_fire_time(None, now)) is not None:
        instant = fire.astimezone(UTC)
        if instant >= now:
            yield instant
        # Where clocks are put back it may lead to the first of two times, which is over.
        now = max(instant + _INSTANT, now + (timedelta(minutes=1) if instant < now else _INSTANT))
