"""The connections of Django's that take guests at the moment, and who is to be one.

Asked for each connection that any engine of this process opens. Those that engines keep from before, or from an
earlier test, are dropped when they are next asked for.
"""

import os
import threading
import weakref
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.pool import ConnectionPoolEntry

from crossfade.database.engines import INODE
from crossfade.errors import RouterError
from crossfade.testing.guest import sqlite
from crossfade.testing.guest.frames import Frames

_LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})
_PORT = "5432"

Target = tuple[str, ...]
"""Which database a connection goes to: equal for two ways to the same."""


@dataclass(eq=False)
class _Host:
    wrapper: Any
    """Django's DatabaseWrapper."""
    frames: Frames = field(default_factory=Frames)
    lock: AbstractContextManager[Any] = field(default_factory=threading.RLock)
    """One statement at a time, of the guests in threads."""
    waiting: Any = None
    """The same for those in an event loop."""


class Hosts:
    """Made once for a test run; listens from then on until it is closed."""

    def __init__(self) -> None:
        """Starts to listen."""
        self._hosts: dict[Target, _Host] = {}
        self._entries: weakref.WeakKeyDictionary[ConnectionPoolEntry, Target] = weakref.WeakKeyDictionary()
        event.listen(Engine, "do_connect", self._connect)

    def close(self) -> None:
        """Ends the listening."""
        event.remove(Engine, "do_connect", self._connect)

    @contextmanager
    def hosting(self, wrappers: Iterable[Any]) -> Generator[None]:
        """Guests sit on these connections of Django's (`connections.all()`), as far as a transaction is open there."""
        hosts = {_target_of(wrapper): _Host(wrapper) for wrapper in wrappers if wrapper.in_atomic_block}
        with ExitStack() as stack:
            for host in hosts.values():
                stack.enter_context(host.wrapper.execute_wrapper(partial(_note, host.frames)))
            self._replace(hosts)
            try:
                yield
            finally:
                self._replace({})

    def _replace(self, hosts: dict[Target, _Host]) -> None:
        changed = self._hosts.keys() | hosts.keys()
        self._hosts = hosts
        for entry, target in list(self._entries.items()):
            if target in changed:
                # Softly: closed when it is next asked for, in the loop or thread that asks.
                entry.invalidate(soft=True)

    def _connect(
        self, dialect: Dialect, entry: ConnectionPoolEntry | None, arguments: Any, options: dict[str, Any]
    ) -> Any:
        target = _target(dialect.name, arguments, options)
        if target is None:
            return None
        if entry is not None:
            self._entries[entry] = target
        host = self._hosts.get(target)
        if host is None:
            return None
        if dialect.name == "sqlite":
            if entry is not None and target[1].startswith("/"):
                status = Path(target[1]).stat()
                entry.info[INODE] = (status.st_dev, status.st_ino)
            return _on_sqlite(dialect, host)
        return _on_postgresql(dialect, host)


def _on_sqlite(dialect: Dialect, host: _Host) -> Any:
    guest = sqlite.Guest(host.wrapper.connection, host.frames, host.lock)
    if not dialect.is_async:
        return guest
    return dialect.connect(async_creator_fn=partial(sqlite.asynchronous, guest))


def _on_postgresql(dialect: Dialect, host: _Host) -> Any:
    driver = type(host.wrapper.connection).__module__.partition(".")[0]
    if driver != "psycopg" or not dialect.driver.startswith("psycopg") or dialect.driver == "psycopg2":
        raise RouterError(
            reason=f"{dialect.driver} can't join the transaction of a django_db test, for which Django uses {driver}: "
            "use psycopg 3 on both sides, or mark the test django_db(transaction=True)"
        )
    # Here, because SQLite's users need no psycopg.
    from crossfade.testing.guest import postgresql

    if not dialect.is_async:
        return postgresql.synchronous(host.wrapper.connection, host.frames)
    host.waiting = host.waiting or postgresql.LoopLock()
    creator = partial(postgresql.asynchronous, host.wrapper.connection, host.frames, host.waiting)
    return dialect.connect(async_creator_fn=creator)


def _target_of(wrapper: Any) -> Target:
    if wrapper.vendor == "sqlite":
        target = _target("sqlite", [str(wrapper.settings_dict["NAME"])], {})
    else:
        target = _target(wrapper.vendor, [], wrapper.get_connection_params())
    return target or (wrapper.vendor, wrapper.alias)


def _target(backend: str, arguments: Any, options: dict[str, Any]) -> Target | None:
    """None for what is no database of these kinds, or one that libpq alone could name."""
    if backend == "sqlite":
        file = str(arguments[0])
        if file.startswith("file:"):
            return backend, file.partition("?")[0]
        return None if file == ":memory:" else (backend, os.path.realpath(file))
    name = options.get("dbname") or options.get("database")
    if backend != "postgresql" or not name:
        return None
    host = str(options.get("host") or "")
    # A socket's directory is this machine too.
    return backend, str(name), "" if host in _LOCAL or host.startswith("/") else host, str(options.get("port") or _PORT)


def _note(frames: Frames, execute: Any, sql: Any, *rest: Any) -> Any:
    frames.django_executes(str(sql))
    return execute(sql, *rest)
