"""What it costs to put a database back between two tests: rows restored in place, and two ways that are often used.

All three leave the same rows behind, visible to every process. A test writes a job and some executions first; that is
not counted. Each way has a database of its own, and they take turns.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import URL, Engine, insert, select

from cronjobs.models import Job, JobExecution, metadata
from cronjobs.testing.contents import contents
from cronjobs.testing.worlds import World, world
from crossfade import clock
from crossfade.testing.postgres import embedded

TESTS = 60
WRITTEN = 5
"""Executions that a test writes."""

REPOSITORY = Path(__file__).resolve().parents[1]

Rows = dict[str, list[dict[str, Any]]]
Way = Callable[[], None]


def main() -> None:
    """Measures and prints, a table for each database."""
    console = Console(width=100)
    for database in ("SQLite", "PostgreSQL"):
        with _places(database) as places:
            console.print(_table(database, _measured(places)))


@contextmanager
def _places(database: str) -> Generator[Iterable[URL | str]]:
    """An empty database for each way."""
    names = [f"bench_{number}_test" for number in range(3)]
    if database == "SQLite":
        with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as folder:
            yield [f"sqlite:///{folder}/{name}.db" for name in names]
    else:
        with embedded() as server:
            yield [server.database(name) for name in names]


def _measured(places: Iterable[URL | str]) -> dict[str, list[float]]:
    """Seconds that each way took, one for each test."""
    with ExitStack() as ends:
        worlds = [ends.enter_context(world(place, REPOSITORY)) for place in places]
        ways = dict(_ways(*worlds))
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(TESTS):
            for place, (name, way) in zip(worlds, ways.items(), strict=True):
                _write(place)
                begun = time.perf_counter()
                way()
                taken[name].append(time.perf_counter() - begun)
        return taken


def _ways(restored: World, emptied: World, recreated: World) -> Generator[tuple[str, Way]]:
    yield "restored in place", _proven(restored, restored.restore)
    yield "emptied and seeded", _proven(emptied, _emptying(emptied))
    yield "dropped, created and seeded", _proven(recreated, _recreating(recreated))


def _emptying(place: World) -> Way:
    engine, rows = place.router.engine("flask"), _rows(place)
    tables = [table.name for table in metadata.sorted_tables]
    if engine.dialect.name == "postgresql":
        statements = [f"TRUNCATE {', '.join(tables)}"]
    else:
        statements = [f"DELETE FROM {table}" for table in reversed(tables)]

    def empty_and_seed() -> None:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        _seed(engine, rows)

    return empty_and_seed


def _recreating(place: World) -> Way:
    engine, rows = place.router.engine("flask"), _rows(place)

    def recreate_and_seed() -> None:
        metadata.drop_all(engine)
        metadata.create_all(engine)
        _seed(engine, rows)

    return recreate_and_seed


def _rows(place: World) -> Rows:
    """What a test begins with, ready to be inserted: to hash passwords each time would flatter us."""
    with place.router.engine("flask").connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }


def _seed(engine: Engine, rows: Rows) -> None:
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if rows[table.name]:
                connection.execute(insert(table), rows[table.name])


def _write(place: World) -> None:
    """What a test does."""
    with place.router.session("flask") as session:
        job = Job(name="Written by a test", cron_expression="0 3 * * *", target_url="https://example.com/hook")
        session.add(job)
        session.flush()
        session.add_all(
            JobExecution(job_id=job.id, status="success", trigger_type="manual", started_at=clock.naive_utc())
            for _ in range(WRITTEN)
        )


def _proven(place: World, way: Way) -> Way:
    """The way, tried once: its cost means nothing if it leaves something else behind."""
    look = place.router.session_factory("flask")
    with look() as session:
        before = contents(session)
    _write(place)
    way()
    with look() as session:
        if contents(session) != before:
            raise RuntimeError(f"{way} leaves other rows behind than there were")
    return way


def _table(database: str, taken: dict[str, list[float]]) -> Table:
    table = Table(title=f"{database}, {TESTS} tests", title_justify="left")
    table.add_column("between two tests")
    for heading in ("median ms", "worst ms", "to ours"):
        table.add_column(heading, justify="right")
    ours = statistics.median(next(iter(taken.values())))
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        table.add_row(name, f"{1000 * median:.2f}", f"{1000 * max(seconds):.2f}", f"{median / ours:.1f}")
    return table


if __name__ == "__main__":
    main()
