"""A process that executes what is handed to it through Procrastinate's queue: `crossfade worker`.

It claims nothing by itself: a task says which run waits, and the row says whether it may begin. While it has runs it
renews their leases, it closes those of others that died, and shows itself in the list of nodes, as any process that
ticks. Whose processes may fire is asked for each run; a worker belongs to both stacks.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status
from sqlalchemy import URL, create_engine

from cronjobs.scheduler import runner
from cronjobs.scheduler.courier import GRACE, Courier
from cronjobs.scheduler.executors import queue
from cronjobs.scheduler.executors.interface import Executor
from cronjobs.scheduler.flights import Flight, reckoned
from cronjobs.scheduler.nodes import Node
from cronjobs.scheduler.recorder import Recorder
from cronjobs.scheduler.sites import Site, TroubleError, sites
from cronjobs.services.calls import DEADLINE, Claim
from cronjobs.services.runs import leases
from cronjobs.settings import Settings
from crossfade.router import Router
from crossfade.routes import Stack

_BEAT = timedelta(seconds=5)
_REAPING = timedelta(seconds=10)
_STALLED = timedelta(seconds=60)
_AGAIN_SECONDS = 2.0
"""Before a worker whose database went away tries again."""
_POLL_SECONDS = 1.0
"""How long a task waits at most whose notification was lost."""

logger = logging.getLogger(__name__)


class Worker:
    """The worker of one process, on the database of one stack."""

    def __init__(
        self, router: Router, settings: Settings, executor: Executor, *, stack: Stack, concurrency: int
    ) -> None:
        """Starts nothing. Raises ExecutorError where the database can hold no queue."""
        self._route = router.route(stack)
        executor.refuse(self._route)
        self._settings = settings
        self._node = Node(stack)
        self._courier = Courier(settings)
        self._router, self._executor = router, executor
        self._concurrency = concurrency
        self._flights: dict[str, Flight] = {}
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Works until SIGTERM or SIGINT; then waits for what it has begun, as long as a run without a timeout takes."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        made = sites(self._router, self._settings, self._node, self._courier, self._executor)
        # In shared mode there is one, whatever it is called.
        self._site: Site = next((each for each in made if each.name == self._route.stack), made[0])
        self._recorder = Recorder(self._site)
        anchor = made[0]  # the list of nodes is there, and nowhere else
        chores = [
            loop.create_task(self._each(_BEAT, anchor.beat)),
            loop.create_task(self._each(_REAPING, self._site.reap)),
            loop.create_task(self._each(leases.LEASE / 4, self._renew)),
        ]
        logger.info("The worker %s executes up to %s runs at once", self._node.name, self._concurrency)
        try:
            while not self._ending.is_set():
                await self._work()
        finally:
            for chore in chores:
                chore.cancel()
            left = [flight.claim for flight in self._flights.values()]
            with contextlib.suppress(TroubleError):
                if left:
                    await self._site.abandon(left)
                await anchor.leave()
            await asyncio.to_thread(self._courier.stop, GRACE)

    async def _work(self) -> None:
        """Takes tasks, until it is to end or the database goes away."""
        try:
            async with _opened(self._route.url) as app:
                app.task(name=queue.TASK, queue=queue.QUEUE)(self._execute)
                sweeping = asyncio.create_task(self._each(_STALLED, lambda: _forget_stalled(app)))
                working = asyncio.create_task(
                    app.run_worker_async(
                        queues=[queue.QUEUE],
                        concurrency=self._concurrency,
                        delete_jobs="always",
                        install_signal_handlers=False,
                        fetch_job_polling_interval=_POLL_SECONDS,
                        shutdown_graceful_timeout=DEADLINE,
                    )
                )
                ending = asyncio.create_task(self._ending.wait())
                await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
                for task in (sweeping, ending, working):
                    task.cancel()
                await asyncio.gather(sweeping, ending, return_exceptions=True)
                with contextlib.suppress(asyncio.CancelledError):
                    await working
        except Exception as error:  # noqa: BLE001 - whatever its library makes of a database that is away
            logger.error("The worker %s has lost the queue, and goes on trying: %s", self._node.name, error)  # noqa: TRY400 - no secrets
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _AGAIN_SECONDS)

    async def _execute(self, execution_id: str) -> None:
        """One task. A run that somebody else has, or that may not begin, is no failure: its row knows."""
        reckoning = reckoned()
        try:
            claim: Claim | None = await self._site.take(execution_id)
        except TroubleError:
            return  # logged; the run waits on, and gets another task
        if claim is None:
            return
        flight = self._flights[execution_id] = Flight(claim, self._site, reckoning)
        try:
            outcome = await runner.perform(claim, self._settings, is_ours=flight.is_ours)
            await self._recorder.record(claim, outcome)
        finally:
            if not self._ending.is_set():
                self._flights.pop(execution_id, None)

    async def _renew(self) -> None:
        mine = dict(self._flights)
        if not mine:
            return
        reckoning = reckoned()
        renewed = await self._site.renew(list(mine))
        for execution_id, flight in mine.items():
            if execution_id in renewed:
                flight.reckoning = reckoning
            else:
                flight.is_lost = True

    async def _each(self, interval: timedelta, chore: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await chore()
            except TroubleError:
                pass  # logged where it happened
            except Exception:
                logger.exception("A chore of the worker %s failed", self._node.name)
            await asyncio.sleep(interval.total_seconds())


async def _forget_stalled(app: App) -> None:
    """Tasks of workers that died: their runs have rows, whose leases say what becomes of them."""
    for job in await app.job_manager.get_stalled_jobs(
        queue=queue.QUEUE, seconds_since_heartbeat=_STALLED.total_seconds()
    ):
        await app.job_manager.finish_job(job=job, status=Status.FAILED, delete_job=True)


@contextlib.asynccontextmanager
async def _opened(url: URL) -> AsyncGenerator[App]:
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    _, arguments = engine.dialect.create_connect_args(url)
    app = App(connector=PsycopgConnector(kwargs=arguments, configure=_see_the_queue, min_size=1, max_size=4))
    async with app.open_async():
        yield app


async def _see_the_queue(connection: Any) -> None:
    await connection.execute(queue.SEEN.replace("true)", "false)"))
    await connection.commit()
