"""A guest on a sqlite3 connection of Django's, as sync and async drivers want one.

Django lets its connection turn values into objects by the declared types of their columns; SQLAlchemy expects texts,
and gets them back here. What can't be done inside a transaction (PRAGMAs that set something) is left undone.
"""

import datetime as dt
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import aiosqlite
from typing_extensions import override

from crossfade.testing.guest.frames import Frame, Frames

# What threading.RLock() returns: its name is a function's until Python 3.13.
Lock = AbstractContextManager[Any]
_SETTING = re.compile(r"\s*PRAGMA\s+([\w.]+)\s*=", re.IGNORECASE)
_BOUNDARY = re.compile(r"\s*(BEGIN|COMMIT|END|ROLLBACK(?!\s+(?:TRANSACTION\s+)?TO\b))\b", re.IGNORECASE)
# SQLAlchemy's own, of another meaning than Django's function of the same name.
_DJANGOS_FUNCTIONS = frozenset({"regexp"})


class Guest:
    """Looks like a connection, and ends nothing but its own work."""

    def __init__(self, host: sqlite3.Connection, frames: Frames, lock: Lock) -> None:
        """`host` is Django's; `lock` is the same for all guests on it, which may be in threads of their own."""
        self._host = host
        self._frames = frames
        self.lock = lock
        self._frame: Frame | None = None

    def __getattr__(self, name: str) -> Any:
        """Everything else is the host's."""
        return getattr(self._host, name)

    @property
    def in_transaction(self) -> bool:
        """Whether this guest is in a transaction of its own."""
        return self._frame is not None

    @property
    def isolation_level(self) -> str | None:
        """As the driver's own way is called. How Django's transaction began can't be changed any more."""
        return ""

    @isolation_level.setter
    def isolation_level(self, level: str | None) -> None:
        """Does nothing."""

    def cursor(self, _factory: Any = None) -> "GuestCursor":
        """A cursor on the host."""
        return self._host.cursor(partial(GuestCursor, guest=self))

    def execute(self, sql: str, parameters: Any = ()) -> "GuestCursor":
        """As the driver's."""
        return self.cursor().execute(sql, parameters)

    def create_function(self, name: str, *arguments: Any, **options: Any) -> None:
        """As the driver's, but for Django's own."""
        if name not in _DJANGOS_FUNCTIONS:
            self._host.create_function(name, *arguments, **options)

    def commit(self) -> None:
        """Leaves the guest's work to Django's transaction."""
        self._end(keep=True)

    def rollback(self) -> None:
        """Undoes the guest's work."""
        self._end(keep=False)

    def close(self) -> None:
        """Undoes what is open. The connection is Django's."""
        self._end(keep=False)

    def enter(self, sql: str) -> str | None:
        """Before a statement: what is to be executed in its place, None for nothing."""
        boundary = _BOUNDARY.match(sql)
        if boundary is not None and boundary[1].upper() != "BEGIN":
            self._end(keep=not boundary[1].upper().startswith("ROLLBACK"))
            return None
        setting = _SETTING.match(sql)
        sql = sql if setting is None else f"PRAGMA {setting[1]}"
        self._frame, command = self._frames.enter(self._frame, "SELECT" if boundary else sql)
        if command is not None:
            self._host.execute(command)
        return None if boundary else sql

    def _end(self, *, keep: bool) -> None:
        with self.lock:
            frame, self._frame = self._frame, None
            command = None if frame is None else self._frames.leave(frame, keep=keep)
            if command is None:
                return
            try:
                self._host.execute(command)
            except sqlite3.OperationalError as error:
                # Another guest has released a savepoint of its own that was set before this one's.
                raise self._frames.entangled() from error


class GuestCursor(sqlite3.Cursor):
    """A cursor of a guest's."""

    def __init__(self, connection: sqlite3.Connection, *, guest: Guest) -> None:
        """Use `Guest.cursor`."""
        super().__init__(connection)
        self._guest = guest

    @override
    def execute(self, sql: str, parameters: Any = (), /) -> "GuestCursor":
        with self._guest.lock:
            instead = self._guest.enter(sql)
            if instead is not None:
                super().execute(instead, parameters)
        return self

    @override
    def executemany(self, sql: str, parameters: Iterable[Any], /) -> "GuestCursor":
        with self._guest.lock:
            self._guest.enter(sql)
            super().executemany(sql, parameters)
        return self

    @override
    def executescript(self, sql_script: str, /) -> "GuestCursor":
        raise sqlite3.NotSupportedError("a script would commit Django's transaction: execute its statements one by one")

    @override
    def fetchone(self) -> Any:
        row = super().fetchone()
        return None if row is None else _as_stored(row)

    @override
    def fetchmany(self, size: int | None = None) -> list[Any]:
        rows = super().fetchmany(self.arraysize if size is None else size)
        return [_as_stored(row) for row in rows]

    @override
    def fetchall(self) -> list[Any]:
        return [_as_stored(row) for row in super().fetchall()]

    @override
    def __next__(self) -> Any:
        return _as_stored(super().__next__())

    @override
    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # typeshed wants Self, which this is at run time
        return self


def asynchronous(guest: Guest) -> aiosqlite.Connection:
    """The guest as aiosqlite's connection, with its thread; it opens when it is awaited."""

    def connect() -> Any:
        # No sqlite3.Connection, but aiosqlite asks for no more than looks like one.
        return guest

    connection = aiosqlite.Connection(connect, iter_chunk_size=64)
    # As SQLAlchemy does for those that it opens itself: an engine that nobody disposes must not hold up the exit.
    connection._thread.daemon = True
    return connection


def _as_stored(row: Any) -> Any:
    if not any(isinstance(value, (dt.date, dt.time)) for value in row):
        return row
    return tuple(_text(value) for value in row)


def _text(value: Any) -> Any:
    match value:
        case dt.datetime():
            return value.isoformat(" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return value
