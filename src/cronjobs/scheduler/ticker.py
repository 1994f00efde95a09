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
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cronjobs.scheduler import nodes, runner
from cronjobs.scheduler.courier import GRACE, Courier
from cronjobs.scheduler.nodes import Node
from cronjobs.services import digest, maintenance, news, retention, rounds, runs
from cronjobs.services.calls import DEADLINE, Claim, Outcome
from cronjobs.services.runs import leases
from cronjobs.settings import Settings
from crossfade import clock, fence
from crossfade.database.sessions import WriteSession, begin_write
from crossfade.errors import CrossfadeError, WritesFrozenError
from crossfade.router import Router
from crossfade.routes import Stack

MOST_RUNS = 100
"""Runs that are executed side by side; what is due beyond them is left to others, or waits."""

_BEAT = timedelta(seconds=5)
_RENEWAL = leases.LEASE / 4
_REAPING = timedelta(seconds=10)
_AFTER_A_FREEZE = timedelta(seconds=30)
"""In which those who have run something write it down, before anybody takes it for dead: they try each second."""
_REPLANNING = timedelta(seconds=5)
_UPKEEP = timedelta(seconds=30)
_PRUNING = timedelta(hours=1)
_BREATH_SECONDS = 0.2
"""Between two batches of what is deleted, in which everybody else gets to write."""
_FULL_REPLANNING = timedelta(minutes=10)
_OVERLAP = timedelta(seconds=60)
"""How far back each look for changed jobs reaches over the last one: a transaction may commit late, a clock be slow."""
_RECORDING = timedelta(seconds=5)
"""What stopping grants, beyond the deadline of the runs, to write them down."""
_RETRY_SECONDS = 1.0

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class Scheduler:
    """The scheduler of one process, for the database of one stack."""

    def __init__(self, router: Router, settings: Settings, stack: Stack) -> None:
        """Starts nothing."""
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
        self._pulse = _Pulse(self._router, self._settings, Node(self._stack), begun)
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._pulse.run, name="cronjobs-scheduler", daemon=True)
        self._thread.start()
        begun.result()

    def stop(self) -> None:
        """Claims no more, waits for the runs in flight, writes them down and tells of them.

        Blocks for 23 s at most; twice is once.
        """
        if not self.running or self._pulse is None or self._thread is None:
            return
        self._pulse.end()
        self._thread.join(timeout=DEADLINE + 2 * _RECORDING.total_seconds())
        if self._thread.is_alive():
            logger.error("The scheduler did not end in time: runs in flight are closed as failed by the others")
        self._pulse.courier.stop(GRACE)


class _Pulse:
    """What happens in the thread."""

    def __init__(self, router: Router, settings: Settings, node: Node, begun: Future[None]) -> None:
        self._router = router
        self._settings = settings
        self._node = node
        self._begun = begun
        self.courier = Courier(settings)
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._chores: set[asyncio.Task[Any]] = set()
        self._ending = False
        self._saturated = False
        self._troubled: set[str] = set()
        self._last_pass: dict[str, Any] = {"at": None, "claimed": 0, "reaped": 0, "replanned": 0}
        self._replanned_at: datetime | None = None
        self._reaping_from = 0.0

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
        self._claiming = asyncio.Lock()
        scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        poll = timedelta(seconds=self._settings.scheduler_poll_seconds)
        self._every(scheduler, _FULL_REPLANNING, self._replan_all)
        self._every(scheduler, _REPLANNING, self._replan)
        self._every(scheduler, _BEAT, self._beat)
        self._every(scheduler, _RENEWAL, self._renew)
        self._every(scheduler, _REAPING, self._reap)
        self._every(scheduler, _UPKEEP, self._see_to_end_dates)
        self._every(scheduler, _UPKEEP, self._write_digest)
        self._every(scheduler, _PRUNING, self._prune)
        self._every(scheduler, poll, self._pass)
        scheduler.start()
        logger.info("The scheduler of %s ticks each %s s", self._node.name, poll.total_seconds())
        self._begun.set_result(None)
        await self._end.wait()
        self._ending = True
        scheduler.pause()
        await self._drain()
        scheduler.shutdown(wait=False)
        logger.info("The scheduler of %s has stopped", self._node.name)

    def _every(self, scheduler: AsyncIOScheduler, interval: timedelta, chore: Callable[[], Awaitable[None]]) -> None:
        """Now, and from then on at whole seconds, which is when runs become due."""
        trigger = IntervalTrigger(seconds=interval.total_seconds(), start_date=_whole_second(), timezone=UTC)
        scheduler.add_job(self._guarded, trigger, args=(chore,), id=chore.__name__, next_run_time=clock.now())

    async def _guarded(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Keeps a chore's failure from ending anything, and lets `_drain` wait for it."""
        task = asyncio.current_task()
        if self._ending or task is None:
            return
        self._chores.add(task)
        try:
            await chore()
        except _TroubleError:
            pass  # logged where it happened; the next round tries again
        except Exception:
            logger.exception("The scheduler's %s failed", chore.__name__)
        finally:
            self._chores.discard(task)

    async def _drain(self) -> None:
        """Waits for what was begun. A chore is never cancelled: what it has claimed must be run."""
        if self._chores:
            await asyncio.wait(self._chores, timeout=_RECORDING.total_seconds())
        if self._running:
            await asyncio.wait(self._running, timeout=DEADLINE + _RECORDING.total_seconds())
        try:
            await self._write(nodes.leave, self._node)
        except _TroubleError:
            logger.warning("The scheduler of %s could not take itself off the list of nodes", self._node.name)

    # --- claiming and running -------------------------------------------------------------------------------------

    async def _pass(self) -> None:
        async with self._claiming:
            claimed = 0
            while not self._ending:
                free = MOST_RUNS - len(self._running)
                self._saturated = free <= 0
                if self._saturated:
                    break
                limit = min(runs.BATCH, free)
                since = self._loop.time()
                claims = await self._in_thread("claim", partial(self._claim, limit))
                for claim in claims:
                    self._begin(claim, since)
                claimed += len(claims)
                if len(claims) < limit:
                    break
            self._last_pass |= {"at": clock.now().isoformat(), "claimed": claimed}

    def _claim(self, limit: int) -> list[Claim]:
        with self._router.session(self._stack) as session:
            if not runs.is_anything_due(session):
                return []
            claims = runs.claim_due(
                begin_write(session), node=self._node.name, stack=self._stack, zone=self._settings.zone, limit=limit
            )
            said = news.taken(session)
        self.courier.send(said)
        return claims

    @property
    def _stack(self) -> Stack:
        return self._node.stack

    def _begin(self, claim: Claim, since: float) -> None:
        task = self._loop.create_task(self._execute(claim, since))
        self._running[task] = claim
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if self._saturated and not self._ending:
            self._saturated = False
            wake = self._loop.create_task(self._guarded(self._pass))
            self._chores.add(wake)  # the loop itself holds tasks weakly
            wake.add_done_callback(self._chores.discard)

    async def _execute(self, claim: Claim, since: float) -> None:
        try:
            if self._loop.time() - since > leases.LEASE.total_seconds() - DEADLINE:
                # The process was frozen since: others may have closed the run, and then it must not happen any more.
                outcome = Outcome(ok=False, error="The process froze between claiming the run and calling the target.")
            else:
                outcome = await runner.perform(claim, self._settings)
            await self._record(claim, outcome)
        except Exception:
            logger.exception("Job %s, run %s: executing it failed", claim.job_id, claim.execution_id)

    async def _record(self, claim: Claim, outcome: Outcome) -> None:
        """Writes the outcome down, and tries as long as the lease would last while the database is away."""
        latest = self._loop.time() + leases.LEASE.total_seconds()
        while True:
            try:
                await self._write(runs.finish, claim, outcome)
            except _TroubleError as trouble:
                if isinstance(trouble.__cause__, WritesFrozenError):
                    # However long it lasts: the run has happened, and nobody closes it meanwhile.
                    latest = self._loop.time() + leases.LEASE.total_seconds()
                elif self._loop.time() > latest:
                    # Without the trace: what it quotes may hold secrets, and it repeats while the trouble lasts.
                    logger.error("Job %s, run %s: its outcome could not be stored", claim.job_id, claim.execution_id)  # noqa: TRY400
                    return
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    # --- chores ---------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        await self._write(nodes.beat, self._node, last_pass=self._last_pass)

    async def _renew(self) -> None:
        mine = [claim.execution_id for claim in self._running.values()]
        if mine:
            await self._write(runs.renew, node=self._node.name, execution_ids=mine)

    async def _reap(self) -> None:
        """Closes what nobody will finish; not while nobody could, nor before those who wait for that have their turn.

        A freeze that outlasts a lease is seen here before it ends: a lease is longer than the time between two looks.
        """
        if await self._look(_is_frozen):
            self._reaping_from = self._loop.time() + _AFTER_A_FREEZE.total_seconds()
        if self._loop.time() < self._reaping_from:
            return
        while (reaped := await self._write(runs.reap)) == runs.REAPED_AT_ONCE:
            continue
        self._last_pass["reaped"] = reaped

    async def _replan_all(self) -> None:
        """The slow one, over all jobs: heals what the cursor missed."""
        await self._replan_since(None)

    async def _replan(self) -> None:
        """The quick one, over what changed since the last."""
        if self._replanned_at is not None:
            await self._replan_since(self._replanned_at - _OVERLAP)

    async def _replan_since(self, since: datetime | None) -> None:
        begun, count = clock.now(), 0
        while (seen := await self._write(runs.replan, zone=self._settings.zone, since=since)) > 0:
            count += seen
            if seen < runs.REPLANNED_AT_ONCE:
                break
        self._replanned_at = begun
        self._last_pass["replanned"] = count

    async def _see_to_end_dates(self) -> None:
        zone = self._settings.zone
        if await self._look(maintenance.is_due, zone=zone):
            await self._write(maintenance.see_to_end_dates, node=self._node.name, stack=self._stack, zone=zone)

    async def _write_digest(self) -> None:
        zone = self._settings.zone
        if await self._look(digest.is_due, zone=zone):
            await self._write(digest.write_digest, node=self._node.name, stack=self._stack, zone=zone)

    async def _prune(self) -> None:
        """Deletes what is too old, once an hour whoever ticks, in batches that leave room for others."""
        wanted = retention.wanted(self._settings)
        if not wanted or not await self._write(self.take_pruning):
            return
        for prune, days in wanted:
            while not self._ending:
                if await self._write(prune, days) < retention.BATCH:
                    break
                await asyncio.sleep(_BREATH_SECONDS)

    def take_pruning(self, session: WriteSession) -> bool:
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        return runs.may_fire(session, self._stack) and rounds.take(
            session, retention.CHORE, hour, owner=self._node.name
        )

    # --- the database ---------------------------------------------------------------------------------------------

    async def _write(self, service: Callable[Concatenate[WriteSession, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A unit of work, in a thread. Raises _TroubleError."""

        def work() -> T:
            with self._router.session(self._stack) as session:
                result = service(begin_write(session), *args, **kwargs)
                said = news.taken(session)
            # Only now is it true.
            self.courier.send(said)
            return result

        return await self._in_thread(service.__name__, work)

    async def _look(self, question: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A question, in a thread, that takes no lock. Raises _TroubleError."""

        def look() -> T:
            with self._router.session(self._stack) as session:
                return question(session, *args, **kwargs)

        return await self._in_thread(question.__name__, look)

    async def _in_thread(self, name: str, work: Callable[[], T]) -> T:
        try:
            result = await _threaded(work)
        except (SQLAlchemyError, CrossfadeError, OSError) as error:
            if name not in self._troubled:
                self._troubled.add(name)
                # A freeze is no fault: somebody wants it so.
                level = logging.WARNING if isinstance(error, WritesFrozenError) else logging.ERROR
                # Without the trace: what it quotes may hold secrets, and it repeats while the trouble lasts.
                logger.log(level, "The scheduler of %s can't %s, and goes on trying: %s", self._node.name, name, error)
            raise _TroubleError from error
        if name in self._troubled:
            self._troubled.discard(name)
            logger.info("The scheduler of %s can %s again", self._node.name, name)
        return result


class _TroubleError(Exception):
    """The database failed; it was logged."""


def _is_frozen(session: Session) -> bool:
    return fence.frozen(session.connection()) is not None


async def _threaded(work: Callable[[], T]) -> T:
    try:
        running = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:
        # The interpreter is ending and gives no more threads: nothing else needs this loop now.
        return work()
    return await running


def _whole_second() -> datetime:
    return clock.now().replace(microsecond=0) + timedelta(seconds=1)
