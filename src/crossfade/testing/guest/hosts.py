"""The connections that take guests at the moment, and who is to be one.

A host is a connection with an open transaction: Django's while a plain `django_db` test runs, the harness's own in a
test of joint isolation. It is asked for at each connection that any engine of this process opens. Connections that
engines keep from before, or from an earlier test, are replaced when they are next asked for.
"""

import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from crossfade.database.engines import INODE
from crossfade.errors import RouterError
from crossfade.testing.guest import sqlite
from crossfade.testing.guest.frames import Frames

_LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})
_PORT = "5432"

Target = tuple[str, ...]
"""Which database a connection goes to: equal for two ways to the same."""


@dataclass(eq=False)
class Host:
    """A connection on which others may sit."""

    connection: Callable[[], Any]
    """The driver's, as it is now."""
    whose: str
    """For errors."""
    instead: str
    """What to do where a guest can't be had, for errors."""
    frames: Frames = field(init=False)
    lock: AbstractContextManager[Any] = field(default_factory=threading.RLock)
    """One statement at a time, of the guests in threads."""
    waiting: Any = None
    """The same for those in an event loop."""

    def __post_init__(self) -> None:
        """Nobody sits there yet."""
        self.frames = Frames(whose=self.whose, instead=self.instead)


@dataclass(frozen=True)
class _Seat:
    """Where a pooled connection sits."""

    target: Target
    host: Host | None
    """None: it is a connection of its own."""


class Hosts:
    """Made once for a test run; listens from then on until it is closed."""

    def __init__(self) -> None:
        """Starts to listen."""
        self._hosts: Mapping[Target, Host] = {}
        self._seats: weakref.WeakKeyDictionary[ConnectionPoolEntry, _Seat] = weakref.WeakKeyDictionary()
        event.listen(Engine, "do_connect", self._connect)
        event.listen(Pool, "checkout", self._check_out)

    def close(self) -> None:
        """Ends the listening."""
        event.remove(Engine, "do_connect", self._connect)
        event.remove(Pool, "checkout", self._check_out)

    @contextmanager
    def hosting(self, wrappers: Iterable[Any]) -> Generator[None]:
        """Guests sit on these connections of Django's (`connections.all()`), as far as a transaction is open there."""
        with ExitStack() as stack:
            hosts = {_target_of(wrapper): _of_django(wrapper, stack) for wrapper in wrappers if wrapper.in_atomic_block}
            self.take(hosts)
            self._drop(hosts)
            try:
                yield
            finally:
                self.take({})
                self._drop(hosts)

    def take(self, hosts: Mapping[Target, Host]) -> None:
        """From now on these have guests, and no others."""
        self._hosts = hosts

    def _drop(self, targets: Iterable[Target]) -> None:
        """Has pools replace what they keep before they so much as try it: this host doesn't come back."""
        for entry, seat in list(self._seats.items()):
            if seat.target in targets:
                entry.invalidate(soft=True)

    def _check_out(self, _connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        seat = self._seats.get(entry)
        if seat is not None and seat.host is not self._hosts.get(seat.target):
            # The pool drops it, and opens another one in the place where it belongs now.
            raise DisconnectionError("this connection is of another test")

    def _connect(
        self, dialect: Dialect, entry: ConnectionPoolEntry | None, arguments: Any, options: dict[str, Any]
    ) -> Any:
        to = target(dialect.name, arguments, options)
        if to is None:
            return None
        host = self._hosts.get(to)
        if entry is not None:
            self._seats[entry] = _Seat(to, host)
        if host is None:
            return None
        if dialect.name == "sqlite":
            if entry is not None and to[1].startswith("/"):
                status = Path(to[1]).stat()
                entry.info[INODE] = (status.st_dev, status.st_ino)
            return _on_sqlite(dialect, host)
        return _on_postgresql(dialect, host)


def _of_django(wrapper: Any, stack: ExitStack) -> Host:
    host = Host(lambda: wrapper.connection, "Django's connection", "mark the test django_db(transaction=True)")
    stack.enter_context(wrapper.execute_wrapper(partial(_note, host.frames)))
    return host


def _on_sqlite(dialect: Dialect, host: Host) -> Any:
    guest = sqlite.Guest(host.connection(), host.frames, host.lock)
    if not dialect.is_async:
        return guest
    return dialect.connect(async_creator_fn=partial(sqlite.asynchronous, guest))


def _on_postgresql(dialect: Dialect, host: Host) -> Any:
    connection = host.connection()
    driver = type(connection).__module__.partition(".")[0]
    if driver != "psycopg" or not dialect.driver.startswith("psycopg") or dialect.driver == "psycopg2":
        raise RouterError(
            reason=f"{dialect.driver} can't join the transaction on {host.whose}, which is one of {driver}: "
            f"use psycopg 3 on both sides, or {host.instead}"
        )
    # Here, because SQLite's users need no psycopg.
    from crossfade.testing.guest import postgresql

    if not dialect.is_async:
        return postgresql.synchronous(connection, host.frames)
    host.waiting = host.waiting or postgresql.LoopLock()
    creator = partial(postgresql.asynchronous, connection, host.frames, host.waiting)
    return dialect.connect(async_creator_fn=creator)


def _target_of(wrapper: Any) -> Target:
    if wrapper.vendor == "sqlite":
        named = target("sqlite", [str(wrapper.settings_dict["NAME"])], {})
    else:
        named = target(wrapper.vendor, [], wrapper.get_connection_params())
    return named or (wrapper.vendor, wrapper.alias)


def target(backend: str, arguments: Any, options: Mapping[str, Any]) -> Target | None:
    """Where a driver's arguments lead. None for what is no database of these kinds, or one that libpq alone names."""
    if backend == "sqlite":
        file = str(arguments[0])
        if file.startswith("file:"):
            path, _, query = file.removeprefix("file:").partition("?")
            in_memory = not path.startswith("/") or "vfs=" in query or "mode=memory" in query
            return backend, f"file:{path}" if in_memory else os.path.realpath(path)
        return None if file == ":memory:" else (backend, os.path.realpath(file))
    name = options.get("dbname") or options.get("database")
    if backend != "postgresql" or not name:
        return None
    host = str(options.get("host") or "")
    # A socket's directory is this machine too.
    return backend, str(name), "" if host in _LOCAL or host.startswith("/") else host, str(options.get("port") or _PORT)


def _note(frames: Frames, execute: Any, sql: Any, *rest: Any) -> Any:
    frames.host_executes(str(sql))
    return execute(sql, *rest)
