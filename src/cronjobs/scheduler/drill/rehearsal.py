"""A drill from beginning to end: trouble while jobs are due, then calm until everything is over, then the verdict."""

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from sqlalchemy import URL, Table, func, make_url, select

from cronjobs.models import JobExecution, SchedulerNode
from cronjobs.models.executions import DUE, RUNNING
from cronjobs.models.scheduling import BOTH, OWNERS
from cronjobs.scheduler.drill import stage, target
from cronjobs.scheduler.drill.conductor import Conductor
from cronjobs.scheduler.drill.ground import Ground, Server, ground
from cronjobs.scheduler.drill.judge import Verdict, judge
from cronjobs.scheduler.drill.stage import Stage
from cronjobs.scheduler.drill.troupe import ActorsError, Troupe
from cronjobs.services.runs import leases
from crossfade import clock
from crossfade.router import Router

Place = Literal["sqlite", "postgresql", "here"]
Tell = Callable[[str], None]

_ANSWERING = 0.05
"""Seconds that the target takes, so that processes die in the middle of calls."""
_FROZEN = (0.5, 4.0)
_NO_ROOM = (0.5, 2.0)
_CALM = 3
"""Leases after which everything is over, or is stuck."""

_STARTING = 120.0
_REAPING = 15.0
_SAID_EACH = 10.0
_LEAST_AWAKE = 2

_nodes = cast("Table", SchedulerNode.__table__)
_executions = cast("Table", JobExecution.__table__)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is drilled."""

    place: Place
    """A SQLite file or a PostgreSQL server of the drill's own, or a new database on the installation's server."""
    runs: int
    seconds: float
    """The trouble ends when so many runs were due, or so many seconds have passed."""
    processes: int = 8
    jobs: int = 1000
    per_second: int = 100
    """Jobs that become due each second, as long as the processes keep up."""
    trouble: float = 1.0
    """Seconds between two strokes, on average."""
    lease: float = leases.LEASE.total_seconds()
    seed: int = 0


@dataclass
class Outcome:
    """What happened, and what came of it."""

    verdict: Verdict
    strokes: Counter[str]
    seconds: float
    late: dict[str, float]
    """Seconds after its instant at which the first call of a run arrived: p50, p99, last."""
    peak: int
    """Most bytes that the processes held."""
    logs: dict[str, str] = field(default_factory=dict)


def drill(plan: Plan, installation: Router, tell: Tell) -> Outcome:
    """Does it. Nothing but the policies of the installation's jobs is read from it, and nothing is written to it."""
    copied = stage.policies_of(installation)
    with ExitStack() as ends:
        place = ends.enter_context(ground())
        server, url = _database(plan, place, installation, ends)
        address = ends.enter_context(_target())
        target.reset(address, delay=_ANSWERING)
        made = Stage(url, Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="crossfade-drill-"))), address)
        ends.callback(made.router.dispose)
        count = made.fill(copied, plan.jobs)
        tell(f"{count} jobs in {made.router.route('flask').masked}, seed {plan.seed}")
        troupe = Troupe(made.folder, made.environ, plan.lease)
        ends.callback(troupe.end)
        return _Drill(plan, made, troupe, place, server, address, tell).run()


class _Drill:
    def __init__(
        self, plan: Plan, made: Stage, troupe: Troupe, place: Ground, server: Server | None, address: str, tell: Tell
    ) -> None:
        self._plan, self._troupe, self._place, self._server = plan, troupe, place, server
        self._stage, self._address, self._tell = made, address, tell
        self._conductor = Conductor(made)
        self._random = random.Random(plan.seed)  # noqa: S311 - to be repeated, not to be secret
        self._strokes: Counter[str] = Counter()
        self._timers: list[threading.Timer] = []
        self._over = threading.Event()
        self._broken: Exception | None = None
        self._peak = 0

    def run(self) -> Outcome:
        begun = time.monotonic()
        self._troupe.begin(self._plan.processes)
        self._wait_for_nodes()
        troubling = threading.Thread(target=self._trouble, name="drill-trouble", daemon=True)
        troubling.start()
        try:
            self._conduct()
        finally:
            self._over.set()
            troubling.join()
        if self._broken is not None:
            raise self._broken
        self._calm()
        self._settle()
        calls = target.received(self._address)
        verdict = judge(self._stage.engine, self._conductor.expected, calls)
        logs = {each.name: each.read_text(errors="replace") for each in self._stage.folder.glob("*.log")}
        return Outcome(verdict, self._strokes, time.monotonic() - begun, self._late(calls), self._peak, logs)

    def _wait_for_nodes(self) -> None:
        """The first jobs are due when processes are there."""
        latest = time.monotonic() + _STARTING
        nodes = select(func.count()).select_from(_nodes)
        while (there := self._conductor.ask(nodes)) < len(self._troupe.actors) and time.monotonic() < latest:
            time.sleep(0.2)
        if not there:
            raise ActorsError(self._troupe.last_words())

    def _conduct(self) -> None:
        """Jobs are due each second."""
        plan, begun = self._plan, time.monotonic()
        said_at = begun
        latest = begun + plan.seconds
        while len(self._conductor.expected) < plan.runs and time.monotonic() < latest and self._broken is None:
            if self._conductor.overdue() < 2 * plan.per_second:
                self._conductor.make_due(min(plan.per_second, plan.runs - len(self._conductor.expected)))
            self._peak = max(self._peak, self._troupe.memory())
            if time.monotonic() - said_at > _SAID_EACH:
                said_at = time.monotonic()
                self._tell(f"{len(self._conductor.expected):,} runs were due; {told(self._strokes)}")
            time.sleep(1 - time.time() % 1)

    def _trouble(self) -> None:
        try:
            while not self._over.wait(self._random.expovariate(1 / self._plan.trouble)):
                self._stroke()
                self._strokes["ended by itself"] += self._troupe.replace_ended()
        except Exception as error:  # noqa: BLE001 - the edge of the thread: the drill ends with it
            self._broken = error

    def _stroke(self) -> None:
        strokes: list[Callable[[], str | None]] = [self._kill, self._freeze, self._switch, self._switch]
        if self._server is not None:
            strokes.append(self._restart)
        if self._place.is_small:
            strokes.append(self._fill_up)
        done = self._random.choice(strokes)()
        if done is not None:
            self._strokes[done] += 1

    def _kill(self) -> str:
        self._troupe.kill(self._random.choice(self._troupe.actors))
        return "killed"

    def _freeze(self) -> str | None:
        awake = [each for each in self._troupe.actors if not each.is_frozen]
        if len(awake) <= _LEAST_AWAKE:
            return None
        actor = self._random.choice(awake)
        process = actor.process
        self._troupe.freeze(actor)
        self._after(_FROZEN, lambda: self._troupe.thaw(actor) if actor.process is process else None)
        return "frozen"

    def _switch(self) -> str | None:
        owner = self._random.choice(OWNERS)
        return "switched" if self._conductor.give_to(owner) else None

    def _restart(self) -> str | None:
        if self._strokes["server killed"] * 8 > sum(self._strokes.values()):
            return None  # more often, and nothing else would happen
        cast("Server", self._server).restart()
        return "server killed"

    def _fill_up(self) -> str | None:
        if self._strokes["disk full"] * 8 > sum(self._strokes.values()):
            return None
        self._place.fill_up()
        self._after(_NO_ROOM, self._clear)
        return "disk full"

    def _clear(self) -> None:
        self._place.clear()
        if self._server is not None:
            self._server.start()  # it gives up when it can't write its log

    def _after(self, span: tuple[float, float], action: Callable[[], object]) -> None:
        """Does it later, whatever everybody else waits for meanwhile."""
        timer = threading.Timer(self._random.uniform(*span), action)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _calm(self) -> None:
        """All processes run, there is room, and anybody may fire."""
        for timer in self._timers:
            timer.join()
        self._clear()
        while not self._conductor.give_to(BOTH):
            time.sleep(0.2)

    def _settle(self) -> None:
        """Until whatever is left is finished, or closed because its lease is over."""
        latest = time.monotonic() + _CALM * (self._plan.lease + _REAPING)
        unfinished = select(func.count()).where(_executions.c.state.in_([RUNNING, DUE]))
        while time.monotonic() < latest and self._conductor.ask(unfinished) + self._conductor.overdue():
            self._troupe.replace_ended()
            time.sleep(0.5)

    def _late(self, calls: list[target.Received]) -> dict[str, float]:
        """Of first attempts, by the instants that are in the rows."""
        with self._stage.engine.connect() as connection:
            instants = {
                run: clock.utc(instant).timestamp()
                for run, instant in connection.execute(select(_executions.c.id, _executions.c.scheduled_for))
            }
        late = sorted(call.at - instants[call.id] for call in calls if call.attempt == 1 and call.id in instants)
        if not late:
            return {}
        return {"p50": late[len(late) // 2], "p99": late[int(0.99 * len(late))], "last": late[-1]}


def _database(plan: Plan, place: Ground, installation: Router, ends: ExitStack) -> tuple[Server | None, URL]:
    if plan.place == "here":
        url = installation.route("flask").url
        if url.drivername == "postgresql":
            return None, ends.enter_context(stage.database(url))
    if plan.place == "postgresql":
        server = Server(place.folder / "pg")
        ends.callback(server.end)
        return server, ends.enter_context(stage.database(server.url))
    return None, make_url(f"sqlite:///{place.folder / 'drill.db'}")


def told(strokes: Counter[str]) -> str:
    """What was done, in words."""
    return ", ".join(f"{what} {count}" for what, count in sorted(strokes.items()) if count) or "nothing was done"


@contextmanager
def _target() -> Generator[str]:
    command = [sys.executable, "-m", "cronjobs.scheduler.drill.target"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this interpreter
        try:
            yield f"http://127.0.0.1:{cast('str', process.stdout and process.stdout.readline()).strip()}"
        finally:
            with suppress(ProcessLookupError):
                process.kill()
