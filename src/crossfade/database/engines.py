"""The engines of a process: one for each database and kind (sync, async), made when first asked for.

An engine opens its first connection when it is used. It never creates a database, checks a test's before the first
statement, notices a file that was replaced, and refuses to work once its configuration is gone. After a fork the child
has the same engines with pools of its own, and leaves the parent's connections alone. Who may have an engine, and for
which route, is left to `router`.
"""

import asyncio
import os
import sqlite3
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool, QueuePool

from crossfade import urls
from crossfade.database import closing, dialects, faults, files, stamps, trips
from crossfade.database.pools import WanderingPool
from crossfade.errors import CrossfadeError, DatabaseInUseError, EngineRetiredError
from crossfade.routes import Route

INODE = "crossfade_inode"
"""Where a connection notes which file it has open."""
_PACKAGE = str(Path(__file__).parents[1])
# Between the caller and this file: a session that binds itself late, a context manager.
_PASSED_THROUGH = ("/sqlalchemy/", "/contextlib.py", "/functools.py", "<string>")

_Key = tuple[str, str, int]


@dataclass(eq=False)
class _Made:
    """An engine, and what is known about it."""

    engine: Engine
    route: Route
    place: str
    asynchronous: AsyncEngine | None = None
    loop: closing.LoopReference | None = None
    closing: asyncio.Task[None] | None = None
    """Kept, because a loop holds its tasks weakly."""
    retired: bool = False
    """Whether the router was configured anew: then it opens no connection any more."""
    inherited: list[Pool] = field(default_factory=list)
    """Pools of the parent process: kept, because to let go of them would close its connections."""


class Engines:
    """The registry for one configuration of a router."""

    def __init__(self, *, name: str, statement_timeout: int) -> None:
        """`name` is what PostgreSQL shows as application_name; `statement_timeout` is in seconds, 0 for none."""
        self._name = name
        self._statement_timeout = statement_timeout
        self._made: dict[_Key, _Made] = {}
        self._vetted: set[str] = set()
        self._keepers: dict[str, sqlite3.Connection] = {}
        self._lock = threading.RLock()
        # Weakly: the hook can't be taken away again, and must not keep a registry alive.
        forked = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: _call(forked))

    def sync_engine(self, route: Route) -> Engine:
        """The engine for sync code: the same object on each call."""
        key = (_identity(route), "sync", 0)
        with self._lock:
            made = self._made.get(key)
            if made is None:
                options = dialects.engine_options(route, pool=QueuePool)
                engine = create_engine(urls.sync_url(route.url), **options)
                made = self._made[key] = self._watched(_Made(engine, route, caller()))
        return made.engine

    def async_engine(self, route: Route) -> AsyncEngine:
        """The engine for async code: the same object on each call; with asyncpg, on each call in one event loop."""
        # A connection of asyncpg belongs to the loop that made it; the others survive a change of loops.
        bound = route.async_driver == "asyncpg"
        loop = closing.running_loop() if bound else None
        # Asked outside a loop, none of its connections may outlive their use: the next one may come from another loop.
        pool = NullPool if bound and loop is None else WanderingPool
        key = (_identity(route), route.async_driver or "async", id(loop) if loop else 0)
        with self._lock:
            made = self._made.get(key)
            # The id of a loop that is gone is used again.
            if made is None or made.asynchronous is None or (made.loop is not None and made.loop() is not loop):
                options = dialects.engine_options(route, pool=pool)
                engine = create_async_engine(urls.async_url(route.url, route.async_driver), **options)
                remembered = weakref.ref(loop) if loop else None
                made = self._watched(_Made(engine.sync_engine, route, caller(), engine, remembered))
                self._made[key] = made
            assert made.asynchronous is not None  # noqa: S101  for the type checker
            return made.asynchronous

    def ensure_idle(self) -> None:
        """Raises DatabaseInUseError, with the place that made each engine, while connections are out."""
        uses = [(checked_out(made.engine), made) for made in self._all()]
        busy = [(count, made) for count, made in uses if count]
        if busy:
            raise DatabaseInUseError(
                count=sum(count for count, _ in busy),
                uses="; ".join(
                    f"{count} of {made.route.masked} ({made.route.source}), by the engine made at {made.place}"
                    for count, made in busy
                ),
            )

    def retire(self) -> None:
        """Ends it all: connections are closed, and engines that somebody kept refuse to open new ones."""
        for made in self._all():
            made.retired = True
        self.dispose()

    def dispose(self) -> None:
        """Closes all idle connections. The engines stay, and connect again if they are used."""
        for made in self._all():
            with closing.latecomers_closed(made.engine):
                if made.asynchronous is None:
                    made.engine.dispose()
                else:
                    made.closing = closing.close(made.asynchronous, made.loop)
        self._let_memory_go()

    async def adispose(self) -> None:
        """The same from a running event loop."""
        for made in self._all():
            with closing.latecomers_closed(made.engine):
                if made.asynchronous is None:
                    made.engine.dispose()
                elif made.loop is None or made.loop() is closing.running_loop():
                    await made.asynchronous.dispose()
                else:
                    made.closing = closing.close(made.asynchronous, made.loop)
        self._let_memory_go()

    async def leave_loop(self) -> None:
        """The same, but of those engines alone that belong to the running event loop."""
        for made in self._all():
            if made.asynchronous is not None and made.loop is not None and made.loop() is closing.running_loop():
                with closing.latecomers_closed(made.engine):
                    await made.asynchronous.dispose()

    def _all(self) -> list[_Made]:
        with self._lock:
            return list(self._made.values())

    def _watched(self, made: _Made) -> _Made:
        def connect(
            dialect: Dialect, entry: ConnectionPoolEntry | None, arguments: Any, options: dict[str, Any]
        ) -> DBAPIConnection:
            return self._connect(made, dialect, entry, list(arguments), dict(options))

        def check_out(_connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: Any) -> None:
            opened = entry.info.get(INODE)
            if opened is not None and faults.inode(made.route) != opened:
                # The pool drops the connection and opens another one, on the file that is there now.
                raise DisconnectionError("the database file was replaced")

        def commit(connection: Connection) -> None:
            # SQLite would report success, and the rows be in a file that has no name any more.
            if faults.inode(made.route) != _opened(connection):
                raise faults.replaced_file(made.route)

        def explain(context: ExceptionContext) -> CrossfadeError | None:
            return faults.while_using(context.original_exception, made.route, _opened(context.connection))

        event.listen(made.engine, "do_connect", connect)
        event.listen(made.engine, "handle_error", explain)
        if made.route.path is not None:
            event.listen(made.engine, "checkout", check_out)
            event.listen(made.engine, "commit", commit)
        return made

    def _connect(
        self,
        made: _Made,
        dialect: Dialect,
        entry: ConnectionPoolEntry | None,
        arguments: list[Any],
        options: dict[str, Any],
    ) -> DBAPIConnection:
        """Opens a connection, sets it up and vets it: nobody gets one for which that failed."""
        if made.retired:
            raise _retired(made)
        route = made.route
        self._prepare(route)
        arguments, options = dialects.connect_arguments(
            route,
            arguments,
            options,
            driver=dialect.driver,
            name=self._name,
            statement_timeout=self._statement_timeout,
        )
        try:
            if dialect.driver == "aiosqlite":
                # If this fails, aiosqlite's own attempt would leave a thread that answers a loop which may be closed.
                sqlite3.connect(*arguments, **options).close()
            connection: DBAPIConnection = trips.shortened(dialect.connect(*arguments, **options))
        except Exception as error:  # drivers raise their own errors, the system's and a time-out's
            raise faults.while_connecting(error, route) from error
        try:
            # First the look, then the set-up: WAL is a change to the file.
            self._vet(connection, route)
            dialects.set_up(connection, route)
        except BaseException as error:
            dialect.do_close(connection)
            if isinstance(error, CrossfadeError) or not isinstance(error, Exception):
                raise
            raise faults.while_connecting(error, route) from error
        if entry is not None:
            entry.info[INODE] = faults.inode(route)
        return connection

    def _vet(self, connection: DBAPIConnection, route: Route) -> None:
        """Before a test's first statement: is this a database for tests? Memory is, since this process made it."""
        if not route.disposable or route.in_memory or _identity(route) in self._vetted:
            return
        stamps.refuse_foreign(connection, route)
        # Once for each database: it was empty or a test's, and what is in it from now on is this process's work.
        self._vetted.add(_identity(route))

    def _prepare(self, route: Route) -> None:
        """Sees to it that there is something to connect to."""
        if route.in_memory:
            self._keep(route)
        elif route.path is not None and not route.path.exists():
            if not route.disposable:
                raise faults.missing_file(route)
            files.create(route)

    def _keep(self, route: Route) -> None:
        """A memory database lives as long as a connection to it: this is the one that stays."""
        with self._lock:
            if _identity(route) not in self._keepers:
                name = f"{route.url.database}?" + "&".join(
                    f"{key}={value}" for key, value in route.url.query.items() if key != "uri"
                )
                self._keepers[_identity(route)] = sqlite3.connect(name, uri=True, check_same_thread=False)

    def _let_memory_go(self) -> None:
        with self._lock:
            keepers, self._keepers = list(self._keepers.values()), {}
        for keeper in keepers:
            keeper.close()

    def _after_fork(self) -> None:
        # Another thread of the parent may have held the lock at that moment; nobody in the child would release it.
        self._lock = threading.RLock()
        for made in self._made.values():
            made.inherited.append(made.engine.pool)
            made.engine.dispose(close=False)


def checked_out(engine: Engine) -> int:
    """How many connections of an engine are in use."""
    return engine.pool.checkedout() if isinstance(engine.pool, QueuePool) else 0


def caller() -> str:
    """`file:line` of the code outside the router that led here."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  inspect.stack() reads source files
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGE) and not any(part in name for part in _PASSED_THROUGH):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown place"


def _opened(connection: Connection | None) -> faults.Inode | None:
    """The file that a connection has open; None if it isn't on a file, or not open any more."""
    if connection is None or connection.closed or connection.invalidated:
        return None
    opened: faults.Inode | None = connection.info.get(INODE)
    return opened


def _identity(route: Route) -> str:
    return route.url.render_as_string(hide_password=False)


def _retired(made: _Made) -> EngineRetiredError:
    return EngineRetiredError(url=made.route.masked, place=made.place)


def _call(method: Callable[[], Callable[[], None] | None]) -> None:
    found = method()
    if found is not None:
        found()
