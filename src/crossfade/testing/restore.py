"""Puts a database back in place between tests: the same URL, engines, pools and other processes go on.

What a test committed is seen by both stacks, by threads and by servers in other processes; afterwards the rows are
those of the snapshot again. Schema changes are not undone.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, MetaData, Table

PATIENCE = 5.0
"""Seconds that a restore waits for a transaction that a test left open."""

_STASH = "_stash"


class Snapshot(Protocol):
    """The rows of a database at one moment."""

    def restore(self) -> None:
        """Makes these the rows of the database again. Raises TimeoutError when somebody holds it."""

    def close(self) -> None:
        """Lets go of what the snapshot holds; it can't be restored any more."""


def take(engine: Engine, metadata: MetaData) -> Snapshot:
    """A snapshot of the tables of `metadata` in the engine's database: SQLite files and PostgreSQL."""
    if engine.dialect.name == "sqlite":
        return _SqliteSnapshot(Path(engine.url.database or ""))
    return _PostgresqlSnapshot(engine, metadata.sorted_tables)


class _SqliteSnapshot:
    """A copy in memory, written back page by page with SQLite's backup API: 0.1 ms for a small database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copy = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(path)) as live:
            live.backup(self._copy)

    def restore(self) -> None:
        deadline = time.monotonic() + PATIENCE

        def hurry(status: int, remaining: int, total: int) -> None:
            # CPython retries for ever while the target is locked.
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._path} is locked ({remaining} of {total} pages left): a transaction is open")

        with closing(sqlite3.connect(self._path)) as live:
            live.execute("PRAGMA synchronous = OFF")
            self._copy.backup(live, progress=hurry)

    def close(self) -> None:
        self._copy.close()


class _PostgresqlSnapshot:
    """A schema beside the tables that holds their rows; put back in one round trip, in the order of the keys."""

    def __init__(self, engine: Engine, tables: Sequence[Table]) -> None:
        self._engine = engine
        quote = engine.dialect.identifier_preparer.quote
        names = [quote(table.name) for table in tables]
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {_STASH} CASCADE")
            connection.exec_driver_sql(f"CREATE SCHEMA {_STASH}")
            for name in names:
                connection.exec_driver_sql(f"CREATE TABLE {_STASH}.{name} AS TABLE {name}")
        lines = [f"SET LOCAL lock_timeout = '{PATIENCE:.0f}s'"]
        lines += [f"DELETE FROM {name}" for name in reversed(names)]
        lines += [f"INSERT INTO {name} SELECT * FROM {_STASH}.{name}" for name in names]
        self._script = "; ".join(lines)

    def restore(self) -> None:
        with self._engine.begin() as connection:
            # Without parameters psycopg sends the whole script at once.
            connection.exec_driver_sql(self._script)

    def close(self) -> None:
        """The schema of stashed rows stays: the database is a test's, and goes with it."""
