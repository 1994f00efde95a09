"""One moment of the source, held still while its application goes on writing.

PostgreSQL: a snapshot that the first connection exports and the others take over. SQLite with a write-ahead log: read
transactions that begin while no write can. SQLite with a rollback journal, and in memory, knows no readers beside a
writer: there the picture is a copy of the file, which the backup API makes while writers wait, for as long as copying
a file takes. What is read from a picture is left to the lanes and to the proof.
"""

import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crossfade.transfer import kinds
from crossfade.transfer.ends import End

BESIDE = "crossfade_source"
"""The name under which a connection of the target sees the source's tables."""

DIGITS = "crossfade_digits"
"""A function on the SQLite connections of a picture: the fewest digits that mean a float."""


@dataclass(frozen=True)
class Picture:
    """What was taken: all connections see the same moment until the picture is put away."""

    connections: tuple[Any, ...]
    """The drivers' own (sqlite3.Connection, psycopg.Connection), each in a read-only transaction that must stay as it
    is: a commit or rollback would let go of the moment. Each is for one thread at a time."""


@contextmanager
def take(source: End, *, readers: int = 1, beside: sqlite3.Connection | None = None) -> Generator[Picture]:
    """A picture of the source for this many readers.

    `beside` is a connection to the target, where both are SQLite: with nothing begun when it comes, and within the
    block in a write transaction of its own, in which the source of the same moment is there as the schema BESIDE. The
    caller commits it; what isn't committed is rolled back. Raises UnreachableError and its kin.
    """
    with ExitStack() as stack:
        if source.engine == "postgresql":
            yield Picture(_snapshots(source, readers, stack))
        else:
            yield Picture(_read_transactions(source, readers, beside, stack))


def _snapshots(source: End, readers: int, stack: ExitStack) -> tuple[Any, ...]:
    connections = []
    exported = ""
    for _ in range(readers):
        connection = stack.enter_context(source.connection())
        stack.callback(connection.rollback)
        # Said in SQL: the driver's own switches would need its enumerations, and the driver is an optional dependency.
        connection.autocommit = True
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.execute("SET client_encoding = 'UTF8'")
        connection.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if exported:
            connection.execute(f"SET TRANSACTION SNAPSHOT '{exported}'")
        else:
            exported = connection.execute("SELECT pg_export_snapshot()").fetchone()[0]
        connections.append(connection)
    return tuple(connections)


def _read_transactions(
    source: End, readers: int, beside: sqlite3.Connection | None, stack: ExitStack
) -> tuple[sqlite3.Connection, ...]:
    guard: sqlite3.Connection = stack.enter_context(source.connection())
    path = source.route.path
    if path is None or guard.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        return _copied(guard, readers, beside, stack)
    connections = [stack.enter_context(source.connection()) for _ in range(readers)]
    _attach(beside, path, stack)
    if len(connections) > 1 or beside is not None:
        # Nobody commits between the beginnings of two readers.
        guard.execute("BEGIN IMMEDIATE")
    try:
        for connection in connections:
            _begin(connection)
            stack.callback(connection.rollback)
        _begin_beside(beside)
    finally:
        guard.rollback()
    return tuple(connections)


def _copied(
    original: sqlite3.Connection, readers: int, beside: sqlite3.Connection | None, stack: ExitStack
) -> tuple[sqlite3.Connection, ...]:
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crossfade-picture-")))
    path = place / "picture.db"
    with closing(sqlite3.connect(path)) as copy:
        # In one step: a backup in several would begin anew whenever somebody writes between them.
        original.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")
    connections = [sqlite3.connect(_read_only(path), uri=True, check_same_thread=False) for _ in range(readers)]
    for connection in connections:
        stack.callback(connection.close)
        kinds.install(connection)
    _attach(beside, path, stack)
    for connection in connections:
        _begin(connection)
    _begin_beside(beside)
    return tuple(connections)


def _begin(connection: sqlite3.Connection) -> None:
    connection.create_function(DIGITS, 1, repr, deterministic=True)
    connection.execute("PRAGMA query_only=ON")
    connection.execute("BEGIN")
    # SQLite takes its snapshot with the first read.
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def _attach(beside: sqlite3.Connection | None, path: Path, stack: ExitStack) -> None:
    if beside is None:
        return
    beside.execute(f"ATTACH DATABASE ? AS {BESIDE}", (_read_only(path),))
    stack.callback(_detach, beside)


def _begin_beside(beside: sqlite3.Connection | None) -> None:
    if beside is not None:
        # What is attached read-only gets no lock that would keep its writers out.
        beside.execute("BEGIN IMMEDIATE")
        # Nor its snapshot, if the driver still has this BEGIN prepared from before the attaching.
        beside.execute(f"SELECT count(*) FROM {BESIDE}.sqlite_schema").fetchone()


def _detach(beside: sqlite3.Connection) -> None:
    beside.rollback()
    beside.execute(f"DETACH DATABASE {BESIDE}")


def _read_only(path: Path) -> str:
    return f"file:{quote(str(path))}?mode=ro"
