"""Connections that write to the target, and the right to: one copy at a time.

The right goes with the process, whatever ends it. On PostgreSQL it is a lock of the very connection that writes rows,
so a server process that outlives its client keeps it for as long as it may still commit. On SQLite it is a lock on a
file beside the database, because a copy is many transactions and others may write between them.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from crossfade.errors import CopyRunningError, NotReadyError
from crossfade.transfer import kinds
from crossfade.transfer.ends import End
from crossfade.transfer.transactions import by_hand, execute, scalar

_WRITER = int.from_bytes(b"xfade:cp")
_BUILDER = int.from_bytes(b"xfade:ci")
_PATIENCE = 5.0
"""Seconds for what a killed copy left at work on the server, which is told to look for its client every second."""
_STEP = 0.05

_SQLITE = (
    # What a reference refers to may come later; all of them are looked at in the end.
    "PRAGMA foreign_keys = OFF",
    # A power cut may take the last commits back, the ledger's entries with them, but tear nothing.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -64000",
    "PRAGMA wal_autocheckpoint = 10000",
)
_POSTGRESQL = (
    # As on SQLite: `ensure_lasting` makes up for it.
    "SET synchronous_commit = off",
    (
        "SELECT set_config('maintenance_work_mem', greatest(pg_size_bytes(current_setting('maintenance_work_mem')),"
        " 268435456) / 1024 || 'kB', false)"
    ),
)


@contextmanager
def writer(target: End) -> Generator[Any]:
    """The connection that writes, with nothing begun, prepared for bulk work. Raises what `alone` does."""
    with target.connection() as connection, alone(target, connection):
        prepare(connection)
        yield connection


@contextmanager
def builder(target: End) -> Generator[Any]:
    """Another connection to a PostgreSQL target, for indexes: no new copy begins before it has ended, too."""
    with target.connection() as connection:
        by_hand(connection)
        execute(connection, "SELECT pg_advisory_lock_shared(?)", (_BUILDER,))
        prepare(connection)
        yield connection


def prepare(connection: Any) -> None:
    """Sets what bulk work needs, for this connection alone."""
    by_hand(connection)
    kinds.install(connection)
    if isinstance(connection, sqlite3.Connection):
        for statement in _SQLITE:
            execute(connection, statement)
        return
    with suppress(connection.Error):
        # Not on every system; and an old server doesn't know it.
        execute(connection, "SET client_connection_check_interval = '1s'")
    for statement in _POSTGRESQL:
        execute(connection, statement)


@contextmanager
def sorting(connection: Any) -> Generator[None]:
    """For building indexes: makes SQLite sort in runs that the processor's own memory holds, which takes half the time.

    It sorts as many entries at once as its cache has room for.
    """
    if not isinstance(connection, sqlite3.Connection):
        yield
        return
    room = scalar(connection, "PRAGMA cache_size")
    execute(connection, "PRAGMA cache_size = -8000")
    try:
        yield
    finally:
        execute(connection, f"PRAGMA cache_size = {room}")


def ensure_lasting(connection: Any) -> None:
    """From here on a commit returns when it is on the disk, and everything before it."""
    sqlite = isinstance(connection, sqlite3.Connection)
    execute(connection, "PRAGMA synchronous = FULL" if sqlite else "SET synchronous_commit = on")


@contextmanager
def alone(target: End, connection: Any) -> Generator[None]:
    """The right to copy into a database, for as long as the block and the connection last.

    Raises CopyRunningError, and NotReadyError for a connection of a pooler.
    """
    if target.route.path is not None:
        with _locked_beside(target.route.path, target):
            yield
        return
    by_hand(connection)
    if not isinstance(connection, sqlite3.Connection):
        _ensure_direct(connection, target)
        _lock(connection, target)
    yield


def _ensure_direct(connection: Any, target: End) -> None:
    """Raises NotReadyError if another process of the server answers than the one that was connected to."""
    if scalar(connection, "SELECT pg_backend_pid()") != connection.info.backend_pid:
        raise NotReadyError(
            reason=f"{target.masked} is reached through a pooler, which may give its connections to others between two"
            " transactions, and the right to write with them; give the address of the server itself"
        )


def _lock(connection: Any, target: End) -> None:
    deadline = time.monotonic() + _PATIENCE
    for key in (_WRITER, _BUILDER):
        while not scalar(connection, "SELECT pg_try_advisory_lock(?)", (key,)):
            if time.monotonic() > deadline:
                raise CopyRunningError(url=target.masked)
            time.sleep(_STEP)
    # Builders of this copy come later, and share it.
    execute(connection, "SELECT pg_advisory_unlock(?)", (_BUILDER,))


@contextmanager
def _locked_beside(database: Path, target: End) -> Generator[None]:
    """Locks `name-copy` beside the file that the path means in the end, and takes it away afterwards."""
    path = database.resolve()
    path = path.with_name(f"{path.name}-copy")
    file = _lock_file(path)
    if file is None:
        raise CopyRunningError(url=target.masked)
    try:
        yield
    finally:
        # First the name, then the lock: who opens the file in between finds that it isn't the one of that name.
        with suppress(OSError):
            path.unlink()
        os.close(file)


def _lock_file(path: Path) -> int | None:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        with suppress(FileNotFoundError):
            named = path.stat()
            opened = os.fstat(file)
            if (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino):
                return file
        os.close(file)
