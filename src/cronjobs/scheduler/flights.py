"""Runs in the air: claimed by this process, and not written down yet.

A lease ends by the database's clock, which this process can't see at the moment of a call. It reckons from when it
asked for the lease, by both of its clocks: one goes on while the process is stopped, the other while the machine
sleeps. So a process that was frozen learns in time that its runs may be somebody else's by now.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronjobs.scheduler.sites import Site
from cronjobs.services.calls import Claim
from cronjobs.services.runs import leases
from crossfade import clock

_MARGIN = timedelta(seconds=5)
"""How long before its lease ends a run is not begun any more."""


@dataclass(frozen=True)
class Reckoning:
    """When a lease was asked for."""

    monotonic: float
    at: datetime


def reckoned() -> Reckoning:
    """Now: to be called before the transaction that takes or renews a lease."""
    return Reckoning(time.monotonic(), clock.now())


@dataclass
class Flight:
    """A run in the air."""

    claim: Claim
    site: Site
    reckoning: Reckoning
    """Of its lease."""
    is_lost: bool = False
    """Whether the database said that it is not ours any more."""

    def is_ours(self) -> bool:
        """Whether nobody else can have closed or taken it yet."""
        gone = max(time.monotonic() - self.reckoning.monotonic, (clock.now() - self.reckoning.at).total_seconds())
        return not self.is_lost and gone < (leases.LEASE - _MARGIN).total_seconds()
