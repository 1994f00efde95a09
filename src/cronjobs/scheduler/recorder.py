"""Writes down how runs went: in batches, because a thousand may end in the same second, and stubbornly.

An outcome that can't be stored is tried again as long as the run's lease would last; after that others may have closed
the run, and nothing of ours would be accepted. While writes are frozen nobody closes it, and there is no such limit.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cronjobs.scheduler.sites import Site, TroubleError
from cronjobs.services import calls
from cronjobs.services.calls import Claim, Outcome
from cronjobs.services.runs import leases

BATCH = 100
"""Runs that one transaction writes down: more holds the write lock for too long."""
_LINGER_SECONDS = 0.05
"""How long the first of a batch waits for company."""
_COURTESY_SECONDS = 0.5
"""How long an outcome waits for runs that have to start, in whose way writing would be."""
_GLANCE_SECONDS = 0.02
"""Between two looks whether it still has to."""
_RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass
class _Waiting:
    claim: Claim
    outcome: Outcome
    since: float
    """The loop's time at which it came."""
    latest: float
    """The loop's time at which it is given up."""
    settled: asyncio.Future[None] = field(repr=False)


class Recorder:
    """The recorder of one event loop."""

    def __init__(self, site: Site, is_starting: Callable[[], bool] = lambda: False) -> None:
        """Writes to the database of `site`; not, for a while, as long as `is_starting` says that runs have to start."""
        self._site = site
        self._is_starting = is_starting
        self._line: deque[_Waiting] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def record(self, claim: Claim, outcome: Outcome) -> None:
        """Returns when the outcome is written down, or given up, which is logged."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(claim, outcome, loop.time(), _latest(), loop.create_future())
        self._line.append(waiting)
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write())
        await waiting.settled

    async def _write(self) -> None:
        while self._line:
            if len(self._line) < BATCH:
                await asyncio.sleep(_LINGER_SECONDS)
            await self._give_way()
            batch = [self._line.popleft() for _ in range(min(BATCH, len(self._line)))]
            try:
                await self._write_all(batch)
            except TroubleError as trouble:
                if trouble.is_freeze:
                    _put_off(batch)
                    _put_off(self._line)
                self._line.extendleft(reversed(_still_ours(batch)))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _give_way(self) -> None:
        """No outcome waits here twice: under a load that lasts, writing is not slowed down."""
        latest = self._line[0].since + _COURTESY_SECONDS
        # Looked at again and again: a pass and many doors have a say, and none of them has an event to wait for.
        while self._is_starting() and asyncio.get_running_loop().time() < latest:  # noqa: ASYNC110 - no one event ends it
            await asyncio.sleep(_GLANCE_SECONDS)

    async def _write_all(self, batch: Sequence[_Waiting]) -> None:
        """At once, and then what is left of it one by one."""
        try:
            dealt_with = await self._site.finish_all([(each.claim, each.outcome) for each in batch])
        except TroubleError:
            raise
        except Exception:
            logger.exception("Writing down how %s runs went failed: they are written down one by one", len(batch))
            dealt_with = set()
        _settle([each for each in batch if each.claim.execution_id in dealt_with])
        for each in batch:
            if each.claim.execution_id not in dealt_with:
                await self._write_one(each)

    async def _write_one(self, one: _Waiting) -> None:
        try:
            await self._site.finish(one.claim, one.outcome)
        except TroubleError:
            raise
        except Exception:
            logger.exception(
                "Job %s, run %s: writing down how it went failed",
                one.claim.job_id,
                one.claim.execution_id,
                extra=calls.fields(one.claim),
            )
        _settle([one])


def _latest() -> float:
    return asyncio.get_running_loop().time() + leases.LEASE.total_seconds()


def _put_off(some: Iterable[_Waiting]) -> None:
    for each in some:
        each.latest = _latest()


def _still_ours(batch: Sequence[_Waiting]) -> list[_Waiting]:
    """Those that are not written down yet, without those for which it is too late."""
    now = asyncio.get_running_loop().time()
    left = [each for each in batch if not each.settled.done()]
    late = [each for each in left if now > each.latest]
    for each in late:
        logger.error(
            "Job %s, run %s: its outcome could not be stored",
            each.claim.job_id,
            each.claim.execution_id,
            extra=calls.fields(each.claim),
        )
    _settle(late)
    return [each for each in left if now <= each.latest]


def _settle(some: Sequence[_Waiting]) -> None:
    for each in some:
        if not each.settled.done():
            each.settled.set_result(None)
