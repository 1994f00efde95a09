"""What it costs to have a test begin with the same rows as the one before: our ways, and those that are often used.

10 tables of 2 rows. A test writes two rows; that is not counted. Each way has a database of its own, is tried first
(its cost means nothing if it leaves other rows behind), and they take turns. "Seen by": who sees what a test wrote.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import URL, Column, Engine, ForeignKey, Integer, MetaData, String, create_engine, insert, select
from sqlalchemy import Table as Rows
from sqlalchemy.pool import NullPool

from crossfade.testing import restore
from crossfade.testing.guest.hosts import Hosts
from crossfade.testing.joint import Joint
from crossfade.testing.places import memory
from crossfade.testing.postgres import embedded
from crossfade.testing.stores import Files, PostgresServer

ROOM = 2**24
"""Bytes for the files of SQLite."""
TURNS, TESTS = 6, 15
"""Each way has so many turns, and in each so many tests one after the other, as in a suite."""
SEEN_BY_ALL, SEEN_AT_A_NEW_URL, SEEN_HERE = "live servers", "live servers, at a new URL", "this process"
OURS = "restore"

metadata = MetaData()
TABLES = [
    Rows(
        f"table_{number}",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String(50)),
        Column("earlier_id", ForeignKey(f"table_{number - 1}.id")) if number else Column("earlier_id", Integer),
    )
    for number in range(10)
]

Engines = Callable[[], Engine]


@dataclass
class Way:
    """A way to begin anew."""

    name: str
    seen_by: str
    engine: Engines
    """Of the database as it is now."""
    begin: Callable[[], object] = lambda: None
    """Before a test; counted."""
    end: Callable[[], object] = lambda: None
    """After it; counted."""
    taken: list[float] = field(default_factory=list)
    """Seconds, one number for each test."""

    def test(self) -> None:
        """A test: with nothing else of it than what it writes."""
        begun = time.perf_counter()
        self.begin()
        taken = time.perf_counter() - begun
        with self.engine().begin() as connection:
            connection.execute(insert(TABLES[0]), {"name": "of the test"})
            connection.execute(insert(TABLES[9]), {"name": "of the test", "earlier_id": 1})
        begun = time.perf_counter()
        self.end()
        self.taken.append(taken + time.perf_counter() - begun)

    def proven(self) -> "Way":
        """This way, when a test of it really begins with the seed's rows, and no others."""
        for _ in range(2):
            self.begin()
            with self.engine().begin() as connection:
                counted = [len(connection.execute(select(table)).all()) for table in TABLES]
                connection.execute(insert(TABLES[5]), {"name": "of the test"})
            self.end()
            if counted != [2] * len(TABLES):
                raise RuntimeError(f"{self.name}: a test began with {counted} rows")
        return self


def main() -> None:
    """Measures and prints, a table for each database."""
    console = Console(width=120)
    for database, ways in (("SQLite", _on_sqlite), ("PostgreSQL", _on_postgresql)):
        with ExitStack() as ends:
            measured = [way.proven() for way in ways(ends)]
            for _ in range(TURNS):
                for way in measured:
                    for _ in range(TESTS):
                        way.test()
            console.print(_told(database, measured))


def _on_sqlite(ends: ExitStack) -> Generator[Way]:
    files = Files(Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="crossfade-bench-", dir=memory(ROOM)))))
    fill = partial(_fill, driver="sqlite")

    def new() -> Engine:
        url = files.named(f"bench_{time.monotonic_ns()}_test")
        files.make(url, fill)
        return _engine(url, "sqlite", ends)

    yield from _ours(ends, new)
    yield _recreating(new())
    yield _emptying(new(), [f"DELETE FROM {table.name}" for table in reversed(TABLES)], "DELETE, seed")
    yield _cloning(files, fill, "sqlite", "template clone, engine")


def _on_postgresql(ends: ExitStack) -> Generator[Way]:
    server = ends.enter_context(embedded())
    folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="crossfade-bench-")))
    store = PostgresServer(server.url, "the benchmark", folder, "bench", started=True)
    fill = partial(_fill, driver="postgresql+psycopg")

    def new() -> Engine:
        url = store.named(f"bench_{time.monotonic_ns()}_test")
        store.make(url, fill)
        return _engine(url, "postgresql+psycopg", ends)

    yield from _ours(ends, new)
    yield _recreating(new())
    truncating = f"TRUNCATE {', '.join(table.name for table in TABLES)} RESTART IDENTITY CASCADE"
    yield _emptying(new(), [truncating], "TRUNCATE, seed")
    yield _cloning(store, fill, "postgresql+psycopg", "template clone, engine")
    yield _pytest_postgresql(store.named("template_test"), ends)


def _ours(ends: ExitStack, new: Callable[[], Engine]) -> Generator[Way]:
    restored, joined = new(), new()
    snapshot = ends.enter_context(closing(restore.take(restored, metadata)))
    yield Way(OURS, SEEN_BY_ALL, lambda: restored, end=snapshot.restore)
    joint = ends.enter_context(closing(Joint(joined, ends.enter_context(closing(Hosts())))))
    yield Way("joint", SEEN_HERE, lambda: joined, joint.begin, joint.roll_back)


def _recreating(engine: Engine) -> Way:
    def end() -> None:
        metadata.drop_all(engine)
        metadata.create_all(engine)
        _seed(engine)

    return Way("drop_all, create_all, seed", SEEN_BY_ALL, lambda: engine, end=end)


def _emptying(engine: Engine, statements: list[str], name: str) -> Way:
    def end() -> None:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        _seed(engine)

    return Way(name, SEEN_BY_ALL, lambda: engine, end=end)


def _cloning(store: Files | PostgresServer, fill: Callable[[URL], None], driver: str, name: str) -> Way:
    url = store.named("cloned_test")
    made: list[Engine] = []

    def begin() -> None:
        store.make(url, fill)
        engine = create_engine(url.set(drivername=driver))
        engine.connect().close()
        made.append(engine)

    def end() -> None:
        made.pop().dispose()
        store.drop(url)

    return Way(name, SEEN_AT_A_NEW_URL, lambda: made[-1], begin, end)


def _pytest_postgresql(template: URL, ends: ExitStack) -> Way:
    """What its fixture `postgresql` does for each test: a database from a template, and a connection."""
    from psycopg import connect
    from pytest_postgresql.janitor import DatabaseJanitor

    access: dict[str, Any] = {"user": template.username, "host": template.query["host"], "port": 5432}
    url = template.set(database="tests")
    janitor = DatabaseJanitor(**access, dbname="tests", template_dbname=template.database)
    engine = create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    connections: list[AbstractContextManager[Any]] = []

    def begin() -> None:
        janitor.init()
        connection = connect(**access, dbname="tests")
        connections.append(closing(connection))

    def end() -> None:
        with connections.pop():
            pass
        janitor.drop()

    ends.callback(engine.dispose)
    return Way("pytest-postgresql", SEEN_AT_A_NEW_URL, lambda: engine, begin, end)


def _engine(url: URL, driver: str, ends: ExitStack) -> Engine:
    engine = create_engine(url.set(drivername=driver))
    ends.callback(engine.dispose)
    if driver == "sqlite":
        # As the router sets up a test's file.
        with closing(engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
            connection.cursor().execute("PRAGMA synchronous=OFF")
    return engine


def _fill(url: URL, *, driver: str) -> None:
    engine = create_engine(url.set(drivername=driver), poolclass=NullPool)
    metadata.create_all(engine)
    _seed(engine)


def _seed(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(insert(table), [{"name": name, "earlier_id": None} for name in ("first", "second")])


def _told(database: str, ways: list[Way]) -> Table:
    table = Table(title=f"{database}, {TURNS * TESTS} tests each", title_justify="left")
    table.add_column("between two tests")
    table.add_column("seen by")
    for heading in ("least ms", f"to {OURS}", "median ms", f"to {OURS}"):
        table.add_column(heading, justify="right")
    ours = next(way for way in ways if way.name == OURS)
    for way in ways:
        cells = (
            cell
            for figure in (min, statistics.median)
            for cell in (f"{1000 * figure(way.taken):.3f}", f"{figure(way.taken) / figure(ours.taken):.1f}")
        )
        table.add_row(way.name, way.seen_by, *cells)
    return table


if __name__ == "__main__":
    main()
