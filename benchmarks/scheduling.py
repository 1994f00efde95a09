"""A thousand jobs due in the same second, among 100,000, and how fast runs are claimed; others under the same load.

Lateness is counted where it matters: at the target, when a call arrives. All of a table is measured in one run, one way
after the other, on the same machine, with the same target: read the ratios, and the processor time, which a busy
machine changes less.
"""

import argparse
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rig import crowd, processor
from rig.crowd import Crowd, Process
from sqlalchemy import URL

from cronjobs.scheduler.drill import target
from crossfade.testing.postgres import embedded

PATIENCE = 90.0
"""Seconds after which what has not happened is taken to be lost."""
_AHEAD = 3.0
_ARMING = 25.0
"""Seconds that APScheduler may take to put the jobs into its store."""
_QUIET = 3.0
_ROUNDS, _FEW = 2, 20
"""How often, and of how many jobs at once, a process has fired before it is measured."""
_ROOM = 2**30


@dataclass(frozen=True)
class Measured:
    """What came of a thousand jobs."""

    late: list[float]
    """Seconds after the instant at which each call arrived."""
    recorded: float | None
    """Seconds after it when all of them were written down; None where nothing is."""
    computed: float | None
    """Seconds of processor time, of the processes that fired."""
    peak: int
    """Bytes of memory, of all of them."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000, help="active jobs in the database")
    parser.add_argument("--due", type=int, default=1_000, help="of them due in the same second")
    parser.add_argument("--only", choices=["ours", "peers", "claims"], action="append")
    given = parser.parse_args()
    parts = given.only or ["ours", "peers", "claims"]
    console = Console(width=110)
    for database in ("SQLite", "PostgreSQL"):
        with _place(database) as url, _target() as address, crowd.crowd(url, address, given.jobs) as ours:
            for delay in (0.0, 0.2):
                results = dict(_measured(ours, address, given.due, delay, parts))
                if results:
                    console.print(_lateness(f"{database}, targets answer after {delay:g} s", results, given))
            if "claims" in parts:
                console.print(_claims(database, {count: _claimed(ours, given.due, count) for count in (1, 4, 8)}))


@contextmanager
def _place(database: str) -> Generator[URL | None]:
    if database == "SQLite":
        yield None
    else:
        with embedded(room=_ROOM) as server:
            yield server.database("bench")


@contextmanager
def _target() -> Generator[str]:
    with crowd.process("cronjobs.scheduler.drill.target", environ={}) as serving:
        yield f"http://127.0.0.1:{serving.says()}"
        serving.popen.terminate()


def _measured(ours: Crowd, address: str, due: int, delay: float, parts: list[str]) -> Generator[tuple[str, Measured]]:
    if "ours" in parts:
        for stacks in (["flask"], ["flask", "fastapi"]):
            name = f"ours, {len(stacks)} process{'es' if len(stacks) > 1 else ''}"
            yield name, _ours(ours, address, due, delay, stacks)
    if "peers" not in parts:
        return
    for name, way, threads in (
        ("APScheduler 3, its defaults", "apscheduler", 0),
        ("APScheduler 3, 100 threads, no grace", "apscheduler", 100),
        ("a pool of 100 threads", "pool", 100),
    ):
        target.reset(address, delay=delay)
        yield name, _theirs(ours, address, due, way, threads)


def _ours(ours: Crowd, address: str, due: int, delay: float, stacks: list[str]) -> Measured:
    with ExitStack() as ends:
        started = [ends.enter_context(crowd.process("rig.ticking", each, environ=ours.environ)) for each in stacks]
        for each in started:
            each.says()
        for _ in range(_ROUNDS):  # what a process does for the first time, at its start, is another question
            at = crowd.whole_second(_AHEAD)
            ours.make_due(_FEW, at)
            ours.wait_for(_FEW, PATIENCE)
        target.reset(address, delay=delay)
        at = crowd.whole_second(_AHEAD)
        ours.make_due(due, at)
        before = _computed(started)
        recorded = ours.wait_for(due, PATIENCE + at - time.time()) - at
        return _judged(started, address, at, before, recorded)


def _theirs(ours: Crowd, address: str, due: int, way: str, threads: int) -> Measured:
    store = ours.router.route("flask").url.render_as_string(hide_password=False)
    store = store.replace("postgresql://", "postgresql+psycopg://")
    with crowd.process("rig.peers", way, store, address, str(due), str(threads), environ=ours.environ) as started:
        started.says()
        at = crowd.whole_second(_ARMING if way == "apscheduler" else _AHEAD)
        started.tell(str(at))
        started.says()
        if time.time() > at:
            raise RuntimeError(f"{way} took more than {_ARMING} s to store its jobs: raise _ARMING")
        before = _computed([started])
        _wait_for_calls(address, due)
        measured = _judged([started], address, at, before, None)
        started.popen.kill()  # it would wait for nothing else
    ours.drop("apscheduler_jobs")
    return measured


def _wait_for_calls(address: str, due: int) -> None:
    """Until all arrived, or none did for some seconds: then the others are lost."""
    latest, seen, quiet_since = time.monotonic() + PATIENCE, 0, 0.0
    while seen < due and time.monotonic() < latest:
        time.sleep(0.25)
        now = len(target.received(address))
        if now != seen or seen == 0:
            seen, quiet_since = now, time.monotonic()
        elif time.monotonic() - quiet_since > _QUIET:
            return


def _judged(started: list[Process], address: str, at: float, before: float | None, recorded: float | None) -> Measured:
    after = _computed(started)
    computed = None if before is None or after is None else after - before
    late = [each.at - at for each in target.received(address)]
    return Measured(late, recorded, computed, sum(each.peak for each in started))


def _computed(started: list[Process]) -> float | None:
    spent = [processor.spent(each.session) for each in started]
    return None if None in spent else sum(each for each in spent if each is not None)


def _claimed(ours: Crowd, due: int, count: int) -> float:
    """Claims per second, of so many processes together."""
    ours.make_due(due, time.time() - 1)
    with ExitStack() as ends:
        started = [
            ends.enter_context(crowd.process("rig.claiming", stack, environ=ours.environ))
            for _, stack in zip(range(count), ("flask", "fastapi") * count, strict=False)
        ]
        for each in started:
            each.says()
        begun = time.time()
        for each in started:
            each.tell("go")
        answers = [each.says().split() for each in started]
    if (claimed := sum(int(got) for got, _ in answers)) != due:
        raise RuntimeError(f"{count} processes made {claimed} claims of {due} runs")
    return due / (max(float(done) for got, done in answers if int(got)) - begun)


def _lateness(title: str, results: dict[str, Measured], given: argparse.Namespace) -> Table:
    table = Table(title=f"{given.due:,} of {given.jobs:,} jobs due at once, {title}", title_justify="left")
    for heading in ("", "p50 s", "p99 s", "last s", "to ours", "lost", "recorded s", "CPU s", "peak MB"):
        table.add_column(heading, justify="right" if heading else "left")
    yardstick = max(next(iter(results.values())).late, default=0.0)
    for name, each in results.items():
        late = each.late or [float("nan")]
        table.add_row(
            name,
            f"{crowd.quantile(late, 0.5):.2f}",
            f"{crowd.quantile(late, 0.99):.2f}",
            f"{max(late):.2f}",
            f"{max(late) / yardstick:.1f}" if yardstick else "",
            str(given.due - len(each.late)),
            "nothing" if each.recorded is None else f"{each.recorded:.2f}",
            "" if each.computed is None else f"{each.computed:.2f}",
            f"{each.peak / 2**20:.0f}",
        )
    return table


def _claims(database: str, results: dict[int, float]) -> Table:
    table = Table(title=f"{database}, claims", title_justify="left")
    for heading in ("processes", "claims/s", "to one"):
        table.add_column(heading, justify="right")
    for count, rate in results.items():
        table.add_row(str(count), f"{rate:,.0f}", f"{rate / results[1]:.2f}")
    return table


if __name__ == "__main__":
    main()
