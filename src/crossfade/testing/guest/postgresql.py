"""A guest on a psycopg connection of Django's, sync and async.

It is a connection of psycopg's own on the same libpq connection, so that it has none of Django's adapters, and the
async one waits in whatever loop it is used in. psycopg has one body for both, in generators: these are overridden.
"""

import asyncio
from typing import Any, Literal, TypeVar, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.sql import Composable
from typing_extensions import override

from crossfade.testing.guest.frames import Frame, Frames


class LoopLock(asyncio.Lock):
    """One statement at a time in each event loop: pools pass a connection from one loop to the next."""

    def __init__(self) -> None:
        """Nobody has it."""
        super().__init__()
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @override
    async def acquire(self) -> Literal[True]:
        return await self._here().acquire()

    @override
    def release(self) -> None:
        self._here().release()

    def _here(self) -> asyncio.Lock:
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class GuestCursor(psycopg.Cursor[Any]):
    """A cursor of a sync guest's."""

    @override
    def _start_query(self, query: Any = None) -> Any:
        yield from cast("Guest", self._conn).enter(query)
        yield from super()._start_query(query)


class AsyncGuestCursor(psycopg.AsyncCursor[Any]):
    """A cursor of an async guest's."""

    @override
    def _start_query(self, query: Any = None) -> Any:
        yield from cast("AsyncGuest", self._conn).enter(query)
        yield from super()._start_query(query)


class _Guest(psycopg.BaseConnection[Any]):
    """What both kinds of guests have in common."""

    _frame: Frame | None = None
    _frames: Frames

    def settle_in(self, frames: Frames) -> None:
        """After it was made."""
        self._frames = frames
        # Names of prepared statements are the connection's, and Django's psycopg gives the same ones.
        self._prepared.prepare_threshold = None

    def enter(self, query: Any) -> Any:
        """Begins Django's transaction if it has not begun, and the guest's in it."""
        if self._autocommit or self._num_transactions:
            return
        yield from self._start_query()
        self._frame, command = self._frames.enter(self._frame, _text(query))
        if command is not None:
            yield from self._exec_command(command.encode())

    @override
    def _commit_gen(self) -> Any:
        yield from self._end(keep=True)

    @override
    def _rollback_gen(self) -> Any:
        yield from self._end(keep=False)

    def _end(self, *, keep: bool) -> Any:
        frame, self._frame = self._frame, None
        if frame is None:
            return
        aborted = self.pgconn.transaction_status == TransactionStatus.INERROR
        command = self._frames.leave(frame, keep=keep, aborted=aborted)
        if command is None:
            return
        try:
            yield from self._exec_command(command.encode())
        except psycopg.errors.InvalidSavepointSpecification as error:
            # Another guest has released a savepoint of its own that was set before this one's.
            raise self._frames.entangled() from error

    # How Django's transaction began can't be changed any more: psycopg would refuse to try.

    @override
    def _set_autocommit_gen(self, value: bool) -> Any:
        self._autocommit = bool(value)
        yield from ()

    @override
    def _set_isolation_level_gen(self, value: Any) -> Any:
        yield from ()

    @override
    def _set_read_only_gen(self, value: Any) -> Any:
        yield from ()

    @override
    def _set_deferrable_gen(self, value: Any) -> Any:
        yield from ()

    @override
    def __del__(self, *_warn: Any) -> None:
        """The connection is Django's: it stays open, and that is no leak."""


class Guest(_Guest, psycopg.Connection[Any]):
    """A guest for sync code."""

    @override
    def close(self) -> None:
        """Undoes what is open. The connection is Django's."""
        if not self.closed:
            self.rollback()


class AsyncGuest(_Guest, psycopg.AsyncConnection[Any]):
    """A guest for async code."""

    @override
    async def close(self) -> None:
        """Undoes what is open. The connection is Django's."""
        if not self.closed:
            await self.rollback()


G = TypeVar("G", Guest, AsyncGuest)


def synchronous(host: Any, frames: Frames) -> Guest:
    """A guest on Django's psycopg connection."""
    guest: Guest = _on(host.pgconn, Guest)
    # Two statements at once on one connection of libpq's would be the end of it.
    guest.lock = host.lock
    guest.cursor_factory = GuestCursor
    guest.settle_in(frames)
    return guest


async def asynchronous(host: Any, frames: Frames, lock: asyncio.Lock) -> AsyncGuest:
    """The same for async code; `lock` is shared by all guests."""
    guest: AsyncGuest = _on(host.pgconn, AsyncGuest)
    guest.lock = lock
    guest.cursor_factory = AsyncGuestCursor
    guest.settle_in(frames)
    return guest


def _on(connection: PGconn, kind: type[G]) -> G:
    handlers = connection.notice_handler, connection.notify_handler
    guest = kind(connection)
    # What the server tells beside its answers is still Django's to hear.
    connection.notice_handler, connection.notify_handler = handlers
    return guest


def _text(query: Any) -> str | None:
    match query:
        case str():
            return query
        case bytes():
            return query.decode(errors="replace")
        case Composable():
            return query.as_string()
        case _:
            return None
