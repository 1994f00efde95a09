"""When a process looks at a database: as a whole second begins, because that is when runs become due.

Not at an interval from whenever the process was started: then every run would be late by the same part of a second.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from typing_extensions import override

from crossfade import clock

_MARGIN = timedelta(milliseconds=10)
"""How long after the second: clocks are compared no better, and who looks too early finds nothing for a second."""
_HALF = timedelta(milliseconds=500)
_NONE = timedelta(0)


class Rhythm(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """At an origin and whole intervals after it."""

    def __init__(
        self, interval: timedelta, origin: datetime, *, ahead: Callable[[], timedelta] = lambda: _NONE
    ) -> None:
        """`ahead` is by how much this machine's clock is ahead of the one that tells the origin; asked each time."""
        self._interval = interval
        self._origin = origin
        self._ahead = ahead

    @override
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        after = now if previous_fire_time is None else max(now, previous_fire_time)
        origin = self._origin + self._ahead()
        return origin + ((after - origin) // self._interval + 1) * self._interval


def of_passes(interval: timedelta, ahead: Callable[[], timedelta]) -> Rhythm:
    """As a second of the clock begins of which this machine's is `ahead`."""
    return Rhythm(interval, datetime(1970, 1, 1, tzinfo=UTC) + _MARGIN, ahead=ahead)


def of_chores(interval: timedelta) -> Rhythm:
    """Between two seconds, where they hold up no run; not in all processes at once if it is a long interval."""
    return Rhythm(interval, clock.now().replace(microsecond=0) + _HALF)
