"""What one process counts of the runs that it carries out, for as long as it lives. From any thread.

What all processes know together is asked of the database when somebody looks: see `metrics`.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from cronjobs.models.executions import FAILED, MANUAL, SCHEDULED, SUCCESS
from cronjobs.services.calls import Claim, Outcome
from crossfade import clock

LATE_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""The upper bounds of the classes of lateness."""


@dataclass(frozen=True)
class Counted:
    """The counts at one moment."""

    started: Mapping[str, int]
    """Attempts that began, by what triggered them."""
    ended: Mapping[tuple[str, str], int]
    """Attempts that came to an end here, by what triggered them and how they ended: success or failed."""
    late: tuple[int, ...]
    """Scheduled runs by how late they began: a number for each of LATE_SECONDS, and one for what was later."""
    late_sum: float
    """Seconds, of all of them."""


class Measures:
    """The counts of one process."""

    def __init__(self) -> None:
        """Nothing was counted yet."""
        self._lock = threading.Lock()
        self._started = Counter(dict.fromkeys((MANUAL, SCHEDULED), 0))
        self._ended = Counter({(how, what): 0 for how in (MANUAL, SCHEDULED) for what in (FAILED, SUCCESS)})
        self._late = [0] * (len(LATE_SECONDS) + 1)
        self._late_sum = 0.0

    def started(self, claim: Claim) -> None:
        """An attempt begins. Of scheduled ones the first is late by what has passed since its tick."""
        with self._lock:
            self._started[_trigger(claim)] += 1
            if claim.scheduled_for is not None and claim.attempt == 1:
                late = max((clock.now() - claim.scheduled_for).total_seconds(), 0.0)
                self._late[bisect_left(LATE_SECONDS, late)] += 1
                self._late_sum += late

    def ended(self, claim: Claim, outcome: Outcome) -> None:
        """An attempt has come to an end."""
        with self._lock:
            self._ended[_trigger(claim), SUCCESS if outcome.ok else FAILED] += 1

    def counted(self) -> Counted:
        """The counts as they are now."""
        with self._lock:
            return Counted(dict(self._started), dict(self._ended), tuple(self._late), self._late_sum)


def _trigger(claim: Claim) -> str:
    return MANUAL if claim.scheduled_for is None else SCHEDULED
