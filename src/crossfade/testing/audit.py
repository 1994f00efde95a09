"""Watches every engine of the process while tests run: who made it, who has a connection of it, where it is.

Two things come out of it: an engine that is on another database than the tests is an error that names both and where
each was made, and a test that leaves a connection open fails with the place that opened it. It listens on SQLAlchemy's
classes, so that it sees the engines that an application makes by itself, sync and async.
"""

import gc
import sys
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import greenlet
import pytest
from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from sqlalchemy.util.concurrency import greenlet_spawn

from crossfade import redaction
from crossfade.errors import ConfigurationError
from crossfade.testing.clients import finished

_PACKAGE = str(Path(__file__).parents[1])
_ROUTER = str(Path(_PACKAGE, "database", "engines.py"))
_PASSED_THROUGH = (
    "/sqlalchemy/",
    "/flask_sqlalchemy/",
    "/contextlib.py",
    "/functools.py",
    "/asyncio/",
    "/pluggy/",
    "/_pytest/",
    "/pytest_asyncio/",
    "/anyio/",
)

Identity = tuple[Any, ...]
"""What tells one database from another, said by the database itself."""


@dataclass(frozen=True)
class Out:
    """A connection that somebody has taken and not given back."""

    entry: ConnectionPoolEntry
    place: str
    """`file:line` that took it."""

    def take_back(self) -> None:
        """Closes it, whatever its holder meant to do with it: the next test must not wait for it."""
        if self.entry.driver_connection is not self.entry.dbapi_connection:
            finished(lambda: greenlet_spawn(self.entry.invalidate))
        else:
            self.entry.invalidate()


@dataclass(frozen=True)
class Guard:
    """The one database that engines may be on while a test runs."""

    name: str
    """Its URL, masked, and who said so."""
    identity: Identity
    ours: Callable[[Engine], bool]
    """Whether an engine is on a database of the harness: another kind's, another test's."""
    proven: WeakSet[Pool]
    strangers: list[str]
    """What was found, one sentence for each; an application may have turned the error into an answer."""


class Audit:
    """What is known about the engines of this process. Installed once for a test run."""

    def __init__(self) -> None:
        """Watches nothing yet."""
        self._made: WeakKeyDictionary[Engine, str] = WeakKeyDictionary()
        self._out: dict[int, Out] = {}
        self._guard: Guard | None = None
        self._last: Guard | None = None
        """The one before, whose pools needn't be asked again if the next test is on the same database."""
        self._early: list[weakref.ref[Engine]] = []

    @contextmanager
    def installed(self) -> Generator["Audit"]:
        """For the length of a block, engines and connections are noted."""
        made = self._made

        def noting(_dialect: type[Dialect], engine: Engine) -> None:
            place = _maker()
            if place is not None:
                made[engine] = place

        listeners: list[tuple[type, str, Callable[..., None]]] = [
            (Engine, "engine_connect", self._connected),
            (Pool, "checkout", self._checked_out),
            (Pool, "checkin", self._gone),
            (Pool, "detach", self._gone),
            (Pool, "invalidate", self._gone),
        ]
        with pytest.MonkeyPatch.context() as patch:
            # A hook that does nothing by itself. Not the engine's own `__init__`, off whose signature SQLAlchemy reads
            # which options there are.
            patch.setattr(Dialect, "engine_created", classmethod(noting))
            for target, name, listener in listeners:
                event.listen(target, name, listener)
            try:
                yield self
            finally:
                for target, name, listener in listeners:
                    event.remove(target, name, listener)

    def note_early(self) -> None:
        """The engines that there are by now are looked at before the first test; later ones when they connect."""
        self._early = [weakref.ref(engine) for engine in self._made]

    @contextmanager
    def on(self, engine: Engine, *, source: str, ours: Callable[[Engine], bool]) -> Generator[Guard]:
        """For the length of a block, engines may be on the database of `engine` only.

        Before the first such block it looks at those of `note_early`; later ones are met when they connect. Raises
        ConfigurationError, naming both databases and where the engine was made, for one that is on another.
        """
        guard = self._guarding(engine, source, ours)
        if self._strangers(guard):
            # An engine that nobody holds any more, and that was part of a circle, is nobody's.
            gc.collect()
            strangers = self._strangers(guard)
            if strangers:
                raise ConfigurationError(reason=". ".join(strangers))
        self._early.clear()
        self._guard = guard
        try:
            yield guard
        finally:
            self._guard, self._last = None, guard

    def out(self) -> set[int]:
        """The connections that are out at the moment; to be compared with `left`."""
        return set(self._out)

    def left(self, before: set[int]) -> list[Out]:
        """Those that have been taken since, and not given back."""
        return [out for key, out in self._out.items() if key not in before]

    def release(self, url: URL) -> None:
        """Closes the idle connections to a database, of the engines too that applications have made by themselves."""
        for engine in list(self._made):
            if (engine.url.host, engine.url.database) == (url.host, url.database):
                if engine.dialect.is_async:
                    finished(AsyncEngine(engine).dispose)
                else:
                    engine.dispose()

    def _guarding(self, engine: Engine, source: str, ours: Callable[[Engine], bool]) -> Guard:
        name, last = f"{redaction.mask_url(engine.url)} ({source})", self._last
        if last is not None and last.name == name and engine.pool in last.proven and _is_still(last.identity, engine):
            return Guard(name, last.identity, ours, last.proven, [])
        with engine.connect() as connection:
            return Guard(name, _identity(connection), ours, WeakSet([engine.pool]), [])

    def _strangers(self, guard: Guard) -> list[str]:
        early = [engine for engine in (reference() for reference in self._early) if engine is not None]
        return [_stranger(guard, each, self._made[each]) for each in early if _elsewhere(guard, each)]

    def _connected(self, connection: Connection) -> None:
        guard, pool = self._guard, connection.engine.pool
        if guard is None or pool in guard.proven:
            return
        place = self._place(connection.engine)
        if place is not None and not guard.ours(connection.engine) and _identity(connection) != guard.identity:
            connection.close()
            error = ConfigurationError(reason=_stranger(guard, connection.engine, place))
            guard.strangers.append(str(error))
            raise error
        guard.proven.add(pool)

    def _place(self, engine: Engine) -> str | None:
        # An engine with options of its own shares the pool of the one that was made.
        return next((place for each, place in self._made.items() if each.pool is engine.pool), None)

    def _checked_out(self, _connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        self._out[id(entry)] = Out(entry, place())

    def _gone(self, _connection: Any, entry: ConnectionPoolEntry | None, *_: Any) -> None:
        self._out.pop(id(entry), None)


AUDIT = pytest.StashKey[Audit]()
"""Where a run of pytest keeps its audit."""


def place() -> str:
    """`file:line` of the code of the project that led here, also out of a greenlet in which an async driver runs."""
    for frame in _frames():
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGE) and not _passed_through(name):
            return f"{name}:{frame.f_lineno}"
    return "an unknown place"


def _maker() -> str | None:
    """Who makes an engine; None if the router's own commands or this harness do, which know what they want."""
    names = (frame.f_code.co_filename for frame in _frames())
    nearest = next((name for name in names if name != __file__ and not _passed_through(name)), "")
    return None if nearest.startswith(_PACKAGE) and nearest != _ROUTER else place()


def _passed_through(name: str) -> bool:
    # In angle brackets: code that was made at run time, as SQLAlchemy's decorators are.
    return name.startswith("<") or any(part in name for part in _PASSED_THROUGH)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    current = greenlet.getcurrent()
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and current.parent is not None:
            current = current.parent
            frame = current.gr_frame


def _elsewhere(guard: Guard, engine: Engine) -> bool:
    """Whether an engine is on another database, as far as that can be told without connecting to it."""
    if engine.pool in guard.proven or guard.ours(engine):
        return False
    if engine.dialect.name != "sqlite":
        return bool(guard.identity[0] == "sqlite")
    path = Path(engine.url.database or ":memory:")
    return guard.identity[0] != "sqlite" or (path.exists() and _file(path) != guard.identity)


def _identity(connection: Connection) -> Identity:
    """Asks the database, on the raw connection: SQLAlchemy's would begin a transaction."""
    cursor = connection.connection.cursor()
    try:
        if connection.dialect.name == "sqlite":
            cursor.execute("PRAGMA database_list")
            name = next(row[2] for row in cursor.fetchall() if row[1] == "main")
            if name and Path(name).exists():
                return _file(Path(name))
            # Memory that has a name is everybody's who knows it; other memory is the pool's own.
            known = str(connection.engine.url.database or "")
            return ("memory", known if known.startswith("file:") else id(connection.engine.pool))
        cursor.execute("SELECT pg_postmaster_start_time()::text, current_database()")
        return (connection.dialect.name, *(cursor.fetchone() or ()))
    finally:
        cursor.close()
        connection.connection.rollback()


def _is_still(identity: Identity, engine: Engine) -> bool:
    """Whether that is still what the database would say: a file may have been replaced."""
    if engine.dialect.name != "sqlite":
        return True
    path = Path(engine.url.database or "")
    return path.is_file() and _file(path) == identity


def _file(path: Path) -> Identity:
    status = path.stat()
    return "sqlite", status.st_dev, status.st_ino


def _stranger(guard: Guard, engine: Engine, made: str) -> str:
    # No colon behind the URL: with an @ further on it would look like a login, and all between would be masked.
    return (
        f"the tests use {guard.name}, but the engine that was made at {made} is on {redaction.mask_url(engine.url)}"
        f"{_meaning(engine.url)}. Ask the router for it, or say @pytest.mark.crossfade(elsewhere=True) if that is meant"
    )


def _meaning(url: URL) -> str:
    """What a SQLite URL comes to that doesn't say it itself."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name.startswith(("/", "file:")):
        return ""
    if name in ("", ":memory:"):
        return " (memory that no other engine sees)"
    return f" (which is {Path(name).absolute()}, since it is relative to where the tests run)"
