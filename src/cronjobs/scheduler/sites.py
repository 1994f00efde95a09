"""A database on which a process ticks: what is claimed there, and the chores that keep it in order.

In separate mode a process ticks on two: Flask's is the anchor, whose switch rules in both, and whose jobs are fired
there alone, also where the other database has them too. If the anchor can't be read, nothing of the other is fired.

Each unit of work is a transaction in a thread. What fails is logged once, and again when it works; when things are
done, and that a run happens once, is left to `ticker` and to `services.runs`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cronjobs.scheduler import nodes
from cronjobs.scheduler.courier import Courier
from cronjobs.scheduler.executors import Executor, Taken
from cronjobs.scheduler.nodes import Node, Skew
from cronjobs.services import digest, maintenance, news, retention, rounds, runs
from cronjobs.services.calls import Claim, Outcome
from cronjobs.settings import Settings
from crossfade import clock, fence
from crossfade.database.sessions import WriteSession, begin_write
from crossfade.errors import CrossfadeError, WritesFrozenError
from crossfade.router import Router
from crossfade.routes import STACKS, Stack

_AFTER_A_FREEZE = timedelta(seconds=30)
"""In which those who have run something write it down, before anybody takes it for dead: they try each second."""
MOST_SKEW = 1.0
"""Seconds by which a machine's clock may differ from the database's without a warning."""
_OVERLAP = timedelta(seconds=60)
"""How far back each look for changed jobs reaches over the last one: a transaction may commit late, a clock be slow."""
_HEARTBEATS = 12
"""Of so many the one that was answered fastest says how far the clocks are apart."""
_BREATH_SECONDS = 0.2
"""Between two batches of what is deleted or planned anew, in which everybody else gets to write."""

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class TroubleError(Exception):
    """The database failed; it was logged."""

    @property
    def is_freeze(self) -> bool:
        """Whether nothing is wrong: writes are frozen for a while, and work again afterwards."""
        return isinstance(self.__cause__, WritesFrozenError)


class Site:
    """One database, as one process ticks on it."""

    def __init__(
        self,
        router: Router,
        settings: Settings,
        node: Node,
        courier: Courier,
        executor: Executor,
        *,
        stack: Stack,
        anchor: Stack | None,
    ) -> None:
        """The database of `stack`; `anchor` is the stack whose database rules over it, None if it does itself."""
        self._router = router
        self._settings = settings
        self._node = node
        self._courier = courier
        self._executor = executor
        self._stack: Stack = stack
        self._anchor: Stack | None = anchor
        self._troubled: set[str] = set()
        self._is_skewed = False
        self._skews: deque[Skew] = deque(maxlen=_HEARTBEATS)
        self._reaping_from = 0.0
        self._replanned_at: datetime | None = None
        self.last_pass: dict[str, Any] = {"at": None, "claimed": 0, "reaped": 0, "replanned": 0}
        self.claiming = asyncio.Lock()
        self.ending = False
        """Whether no more work is to be begun."""

    @property
    def name(self) -> str:
        """Which of them it is, for ids."""
        return self._stack

    @property
    def is_anchor(self) -> bool:
        """Whether the switch and the list of nodes are here."""
        return self._anchor is None

    @property
    def ahead(self) -> timedelta:
        """By how much this machine's clock is ahead of the database's at most: who waits for it is never too early."""
        return min((each.most for each in self._skews), default=timedelta(0))

    # --- runs ---------------------------------------------------------------------------------------------------------

    async def claim(self, limit: int) -> Taken:
        """Takes up to `limit` due runs. Raises TroubleError, as all of these do."""
        return await self._in_thread("claim", lambda: self._claim(limit))

    def _claim(self, limit: int) -> Taken:
        with self._over_it() as anchor, self._router.session(self._stack) as session:
            # Looks, before the lock that a claim takes.
            if not (runs.may_fire(anchor or session, self._node.stack) and runs.is_anything_due(session)):
                return Taken([], 0, 0)
            taken = self._executor.take(
                begin_write(session),
                node=self._node.name,
                stack=self._node.stack,
                zone=self._settings.zone,
                limit=limit,
                anchor=anchor,
            )
            said = news.taken(session)
        self._courier.send(said)
        return taken

    async def take(self, execution_id: str) -> Claim | None:
        """Takes one run that waits, for whichever stack may fire; None if it may not begin now, or is somebody's."""
        return await self._in_thread("take", lambda: self._take(execution_id))

    def _take(self, execution_id: str) -> Claim | None:
        with self._over_it() as anchor, self._router.session(self._stack) as session:
            stack = next((each for each in STACKS if runs.may_fire(anchor or session, each)), None)
            if stack is None:
                return None
            return runs.take(begin_write(session), execution_id, node=self._node.name, stack=stack, anchor=anchor)

    async def finish(self, claim: Claim, outcome: Outcome) -> bool:
        """Writes down how a run went."""
        return await self.write(runs.finish, claim, outcome)

    async def finish_all(self, ended: Sequence[tuple[Claim, Outcome]]) -> set[str]:
        """The same of many; the ids of those that it dealt with. The others are to be finished one by one."""
        return await self.write(runs.finish_all, ended)

    async def renew(self, execution_ids: Sequence[str]) -> set[str]:
        """Keeps runs for another lease; those that still are ours."""
        return await self.write(runs.renew, node=self._node.name, execution_ids=execution_ids)

    async def abandon(self, claims: Sequence[Claim]) -> None:
        """Gives up runs that are in flight, because the process ends."""
        await self.write(runs.abandon, claims)

    # --- chores -------------------------------------------------------------------------------------------------------

    async def beat(self) -> None:
        """Shows that the process is alive."""
        found = await self.write(nodes.beat, self._node, last_pass=self.last_pass)
        self._skews.append(found)
        skew = found.seconds
        if abs(skew) > MOST_SKEW and not self._is_skewed:
            logger.warning(
                "The clock of %s is %.1f s %s the database's, which decides what is due: set it right",
                self._node.host,
                abs(skew),
                "ahead of" if skew > 0 else "behind",
            )
        self._is_skewed = abs(skew) > MOST_SKEW
        self.last_pass["clock_skew_seconds"] = round(skew, 3)

    async def leave(self) -> None:
        """Takes the process off the list of nodes."""
        await self.write(nodes.leave, self._node)

    async def reap(self) -> None:
        """Closes what nobody will finish, or lets it be due again.

        Not while nobody could finish it, nor before those who wait for that have their turn. A freeze that outlasts a
        lease is seen here before it ends: a lease is longer than the time between two looks.
        """
        now = asyncio.get_running_loop().time()
        if await self._look(_is_frozen):
            self._reaping_from = now + _AFTER_A_FREEZE.total_seconds()
        if now < self._reaping_from:
            return
        while (reaped := await self._over(runs.reap)) == runs.REAPED_AT_ONCE:
            continue
        self.last_pass["reaped"] = reaped

    async def replan_all(self) -> None:
        """The slow one, over all jobs: heals what the cursor missed."""
        await self._replan_since(None)

    async def replan(self) -> None:
        """The quick one, over what changed since the last."""
        if self._replanned_at is not None:
            await self._replan_since(self._replanned_at - _OVERLAP)

    async def _replan_since(self, since: datetime | None) -> None:
        begun, count = clock.now(), 0
        # Usually there is nothing, and the look at all jobs need not keep anybody from writing.
        if await self._look(runs.is_anything_unplanned, since=since):
            while (seen := await self.write(runs.replan, zone=self._settings.zone, since=since)) > 0:
                count += seen
                if seen < runs.REPLANNED_AT_ONCE or self.ending:
                    break
                await asyncio.sleep(_BREATH_SECONDS)
        self._replanned_at = begun
        self.last_pass["replanned"] = count

    async def see_to_end_dates(self) -> None:
        """The Monday round."""
        zone = self._settings.zone
        if await self._look(maintenance.is_due, zone=zone):
            await self._over(maintenance.see_to_end_dates, node=self._node.name, stack=self._node.stack, zone=zone)

    async def write_digest(self) -> None:
        """The daily round."""
        zone = self._settings.zone
        if await self._look(digest.is_due, zone=zone):
            await self._over(digest.write_digest, node=self._node.name, stack=self._node.stack, zone=zone)

    async def prune(self) -> None:
        """Deletes what is too old, once an hour whoever ticks, in batches that leave room for others."""
        wanted = retention.wanted(self._settings)
        if not wanted or not await self._over(self._take_pruning):
            return
        for prune, days in wanted:
            while not self.ending:
                if await self.write(prune, days) < retention.BATCH:
                    break
                await asyncio.sleep(_BREATH_SECONDS)

    def _take_pruning(self, session: WriteSession, *, anchor: Session | None) -> bool:
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        return runs.may_fire(anchor or session, self._node.stack) and rounds.take(
            session, retention.CHORE, hour, owner=self._node.name
        )

    # --- the database -------------------------------------------------------------------------------------------------

    async def write(self, service: Callable[Concatenate[WriteSession, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A unit of work, in a thread. Raises TroubleError."""

        def work() -> T:
            with self._router.session(self._stack) as session:
                result = service(begin_write(session), *args, **kwargs)
                said = news.taken(session)
            # Only now is it true.
            self._courier.send(said)
            return result

        return await self._in_thread(service.__name__, work)

    async def _over(self, service: Callable[..., T], **kwargs: Any) -> T:
        """As `write`, of a service that asks the anchor, too."""

        def work() -> T:
            with self._over_it() as anchor, self._router.session(self._stack) as session:
                result = service(begin_write(session), anchor=anchor, **kwargs)
                said = news.taken(session)
            self._courier.send(said)
            return result

        return await self._in_thread(service.__name__, work)

    async def _look(self, question: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A question, in a thread, that takes no lock. Raises TroubleError."""

        def look() -> T:
            with self._router.session(self._stack) as session:
                return question(session, *args, **kwargs)

        return await self._in_thread(question.__name__, look)

    @contextmanager
    def _over_it(self) -> Generator[Session | None]:
        """A session of the anchor, where that is another database."""
        if self._anchor is None:
            yield None
        else:
            with self._router.session(self._anchor) as session:
                yield session

    async def _in_thread(self, name: str, work: Callable[[], T]) -> T:
        what = name if self._anchor is None else f"{name} on the database of {self._stack}"
        try:
            result = await _threaded(work)
        except (SQLAlchemyError, CrossfadeError, OSError) as error:
            if name not in self._troubled:
                self._troubled.add(name)
                # A freeze is no fault: somebody wants it so.
                level = logging.WARNING if isinstance(error, WritesFrozenError) else logging.ERROR
                # Without the trace: what it quotes may hold secrets, and it repeats while the trouble lasts.
                logger.log(level, "The scheduler of %s can't %s, and goes on trying: %s", self._node.name, what, error)
            raise TroubleError from error
        if name in self._troubled:
            self._troubled.discard(name)
            logger.info("The scheduler of %s can %s again", self._node.name, what)
        return result


def sites(router: Router, settings: Settings, node: Node, courier: Courier, executor: Executor) -> list[Site]:
    """The databases on which a process ticks: one, or two where the stacks' are separate; the anchor comes first."""
    anchor = router.routes.anchor
    return [
        Site(
            router,
            settings,
            node,
            courier,
            executor,
            stack=route.stack,
            anchor=None if route.stack == anchor.stack else anchor.stack,
        )
        for route in router.routes.distinct()
    ]


def _is_frozen(session: Session) -> bool:
    return fence.frozen(session.connection()) is not None


async def _threaded(work: Callable[[], T]) -> T:
    try:
        running = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:
        # The interpreter is ending and gives no more threads: nothing else needs this loop now.
        return work()
    return await running
