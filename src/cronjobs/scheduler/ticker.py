"""Ticks: looks for due runs each second, claims them, executes them side by side, and writes down how they went.

One daemon thread with an event loop of its own, started where requests are served and never at import, so that it
survives neither a fork nor the process. It does not end because of an error: a database that fails is logged once and
asked again. Every process may tick; that a run happens once is the claim's promise (`services.runs`), not this one's.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, timedelta
from functools import partial
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from cronjobs.scheduler import rhythm, runner
from cronjobs.scheduler.courier import GRACE, Courier
from cronjobs.scheduler.doors import Doors
from cronjobs.scheduler.executors import Taken, chosen
from cronjobs.scheduler.flights import Flight, reckoned
from cronjobs.scheduler.measures import Measures
from cronjobs.scheduler.nodes import Node
from cronjobs.scheduler.recorder import Recorder
from cronjobs.scheduler.sites import Site, TroubleError, sites
from cronjobs.services import calls, runs
from cronjobs.services.calls import DEADLINE
from cronjobs.services.runs import leases
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.router import Router
from crossfade.routes import Stack

MOST_RUNS = 1_000
"""Runs that are claimed and not over; what is due beyond them is left to others, or waits. `doors` bounds the calls."""

_BEAT = timedelta(seconds=5)
_RENEWAL = leases.LEASE / 4
_REAPING = leases.LEASE / 6
_REPLANNING = timedelta(seconds=5)
_UPKEEP = timedelta(seconds=30)
_PRUNING = timedelta(hours=1)
_FULL_REPLANNING = timedelta(minutes=10)
_PATIENCE_SECONDS = 0.25
"""How long what is claimed waits for more claims of its pass, before it is executed beside them. Both at once take
longer than one after the other: claims are made in a thread, and threads hold each other up."""
_RECORDING = timedelta(seconds=5)
"""What stopping grants to chores, then to runs beyond DEADLINE, and then to whatever else must be written."""

logger = logging.getLogger(__name__)


class Scheduler:
    """The scheduler of one process, which belongs to one stack."""

    def __init__(self, router: Router, settings: Settings, stack: Stack, measures: Measures | None = None) -> None:
        """Starts nothing. `measures` is what its runs are counted in."""
        self._measures = measures or Measures()
        self._router = router
        self._settings = settings
        self._stack: Stack = stack
        self._pulse: _Pulse | None = None
        self._thread: threading.Thread | None = None
        self._process: int | None = None

    @property
    def running(self) -> bool:
        """Whether it ticks in this process; a forked child has none of its parent's threads."""
        return self._thread is not None and self._process == os.getpid() and self._thread.is_alive()

    def start(self) -> None:
        """Ticks from now on; if it does already, nothing."""
        if self.running:
            return
        # Each look at the database would be two lines of the log; what goes wrong is logged here.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        begun: Future[None] = Future()
        self._pulse = _Pulse(self._router, self._settings, Node(self._stack), begun, self._measures)
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._pulse.run, name="cronjobs-scheduler", daemon=True)
        self._thread.start()
        begun.result()

    def stop(self) -> None:
        """Claims no more, waits for the runs in flight, writes them down and tells of them.

        Those that take longer than a run without a timeout of its own may are given up: each is due again, or closed
        as unknown, as its job wants it. Blocks for 28 s at most; twice is once.
        """
        if not self.running or self._pulse is None or self._thread is None:
            return
        self._pulse.end()
        self._thread.join(timeout=DEADLINE + 3 * _RECORDING.total_seconds())
        if self._thread.is_alive():
            logger.error("The scheduler did not end in time: others see to its runs in flight")
        self._pulse.courier.stop(GRACE)


class _Pulse:
    """What happens in the thread."""

    def __init__(self, router: Router, settings: Settings, node: Node, begun: Future[None], measures: Measures) -> None:
        self._router = router
        self._measures = measures
        self._settings = settings
        self._node = node
        self._begun = begun
        self.courier = Courier(settings)
        self._flights: dict[asyncio.Task[None], Flight] = {}
        self._chores: set[asyncio.Task[Any]] = set()
        self._ending = False
        self._saturated = False

    def run(self) -> None:
        """The thread's body."""
        try:
            asyncio.run(self._live())
        except Exception as error:  # the edge of the thread: there is nobody above to tell
            logger.exception("The scheduler of %s has ended", self._node.name)
            if not self._begun.done():
                self._begun.set_exception(error)

    def end(self) -> None:
        """Asks it to end, from another thread."""
        self._loop.call_soon_threadsafe(self._end.set)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        executor = chosen(self._settings)
        for route in self._router.routes.distinct():
            executor.refuse(route)
        self.sites = sites(self._router, self._settings, self._node, self.courier, executor)
        self._doors = Doors()
        self._recorders = {site.name: Recorder(site, partial(self._is_starting, site)) for site in self.sites}
        scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        for site in self.sites:
            self._look_after(site, scheduler)
        scheduler.start()
        logger.info("The scheduler of %s ticks each %s s", self._node.name, self._settings.scheduler_poll_seconds)
        self._begun.set_result(None)
        await self._end.wait()
        self._ending = True
        for site in self.sites:
            site.ending = True
        scheduler.pause()
        await self._drain()
        scheduler.shutdown(wait=False)
        logger.info("The scheduler of %s has stopped", self._node.name)

    def _look_after(self, site: Site, scheduler: AsyncIOScheduler) -> None:
        """Each database at its own pace: one that hangs doesn't hold up the other."""
        poll = timedelta(seconds=self._settings.scheduler_poll_seconds)
        chores: list[tuple[str, timedelta, Callable[[], Awaitable[None]]]] = [
            ("replanning of all jobs", _FULL_REPLANNING, site.replan_all),
            ("replanning", _REPLANNING, site.replan),
            ("renewal of leases", _RENEWAL, partial(self._renew, site)),
            ("reaping", _REAPING, site.reap),
            ("round of end dates", _UPKEEP, site.see_to_end_dates),
            ("digest", _UPKEEP, site.write_digest),
            ("pruning", _PRUNING, site.prune),
        ]
        if site.is_anchor:
            chores.insert(2, ("heartbeat", _BEAT, site.beat))
        rhythms = [(name, rhythm.of_chores(interval), chore) for name, interval, chore in chores]
        rhythms.append(("pass", rhythm.of_passes(poll, lambda: self.sites[0].ahead), partial(self._pass, site)))
        for name, trigger, chore in rhythms:
            named = f"{site.name} {name}"
            scheduler.add_job(self._guarded, trigger, args=(name, chore), id=named, next_run_time=clock.now())

    async def _guarded(self, name: str, chore: Callable[[], Awaitable[None]]) -> None:
        """Keeps a chore's failure from ending anything, and lets `_drain` wait for it."""
        task = asyncio.current_task()
        if self._ending or task is None:
            return
        self._chores.add(task)
        try:
            await chore()
        except TroubleError:
            pass  # logged where it happened; the next round tries again
        except Exception:
            logger.exception("The scheduler's %s failed", name)
        finally:
            self._chores.discard(task)

    async def _drain(self) -> None:
        """Waits for what was begun. A chore is never cancelled: what it has claimed must be run."""
        if self._chores:
            await asyncio.wait(self._chores, timeout=_RECORDING.total_seconds())
        if self._flights:
            await asyncio.wait(self._flights, timeout=DEADLINE + _RECORDING.total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(_RECORDING.total_seconds()):
                await self._give_up()
                await self._leave()

    async def _give_up(self) -> None:
        """Ends the runs that took too long, and says so: nobody has to wait until their leases are over."""
        left = dict(self._flights)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        for site in self.sites:
            claims = [flight.claim for flight in left.values() if flight.site is site]
            if claims:
                with suppress(TroubleError):  # logged; others see to them when their leases are over
                    await site.abandon(claims)

    async def _leave(self) -> None:
        try:
            await self.sites[0].leave()
        except TroubleError:
            logger.warning("The scheduler of %s could not take itself off the list of nodes", self._node.name)

    # --- claiming and running -------------------------------------------------------------------------------------

    async def _pass(self, site: Site) -> None:
        async with site.claiming:
            claimed = 0
            held: list[Flight] = []
            try:
                while not self._ending:
                    free = MOST_RUNS - len(self._flights) - len(held)
                    self._saturated = free <= 0
                    if self._saturated:
                        break
                    limit = min(runs.BATCH, free)
                    reckoning = reckoned()
                    taken = await self._claimed(site, limit, held)
                    held += [Flight(claim, site, reckoning) for claim in taken.claims]
                    claimed += taken.made
                    if taken.seen < limit:
                        break
            finally:
                self._begin(held)
            site.last_pass |= {"at": clock.now().isoformat(), "claimed": claimed}

    async def _claimed(self, site: Site, limit: int, held: list[Flight]) -> Taken:
        """Claims; if that takes long, what is held begins meanwhile."""
        claiming = self._loop.create_task(site.claim(limit))
        if held:
            await asyncio.wait({claiming}, timeout=_PATIENCE_SECONDS)
            if not claiming.done():
                self._begin(held)
        return await claiming

    def _is_starting(self, site: Site) -> bool:
        """Whether there are runs that have to be claimed or begun first."""
        return site.claiming.locked() or self._doors.are_full

    def _begin(self, held: list[Flight]) -> None:
        """Takes flights out of those that are held, and begins them."""
        for flight in held:
            task = self._loop.create_task(self._execute(flight))
            self._flights[task] = flight
            task.add_done_callback(self._ended)
        held.clear()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._flights[task]
        if self._saturated and not self._ending:
            self._saturated = False
            for site in self.sites:
                wake = self._loop.create_task(self._guarded("pass", partial(self._pass, site)))
                self._chores.add(wake)  # the loop itself holds tasks weakly
                wake.add_done_callback(self._chores.discard)

    async def _execute(self, flight: Flight) -> None:
        claim = flight.claim
        try:
            async with self._doors.passed(claim.call):
                self._measures.started(claim)
                outcome = await runner.perform(claim, self._settings, is_ours=flight.is_ours)
            self._measures.ended(claim, outcome)
            await self._recorders[flight.site.name].record(claim, outcome)
        except Exception:
            about = calls.fields(claim)
            logger.exception("Job %s, run %s: executing it failed", claim.job_id, claim.execution_id, extra=about)

    async def _renew(self, site: Site) -> None:
        mine = {flight.claim.execution_id: flight for flight in self._flights.values() if flight.site is site}
        if not mine:
            return
        reckoning = reckoned()
        renewed = await site.renew(list(mine))
        for execution_id, flight in mine.items():
            if execution_id in renewed:
                flight.reckoning = reckoning
            else:
                flight.is_lost = True
