"""Whether this process fires jobs. Where it doesn't, nothing of the scheduler is imported, started or written.

Both stacks, and whatever else might tick, come in through here. What ticking is, is left to `ticker`.
"""

from typing import Protocol

from cronjobs.scheduler.measures import Measures
from cronjobs.settings import Settings
from crossfade.router import Router
from crossfade.routes import Stack


class Ticking(Protocol):
    """A scheduler that was started."""

    def stop(self) -> None:
        """Claims no more, waits for the runs in flight, writes them down. Blocks for some seconds; twice is once."""


def enabled(settings: Settings) -> bool:
    """Whether a process with these settings may fire. Under TESTING none may, whatever else is set."""
    return settings.scheduler_enabled and not settings.testing


def open_scheduler(
    router: Router, settings: Settings, stack: Stack, *, measures: Measures | None = None
) -> Ticking | None:
    """A scheduler that ticks on the stack's database from now on; None where the gate is shut.

    `measures` is what its runs are counted in.
    """
    if not enabled(settings):
        return None
    # Imported behind the gate: where it is shut, APScheduler isn't even loaded.
    from cronjobs.scheduler.ticker import Scheduler  # noqa: PLC0415

    scheduler = Scheduler(router, settings, stack, measures)
    scheduler.start()
    return scheduler
