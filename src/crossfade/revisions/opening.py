"""Opens the databases that `init` works on: makes what isn't there, reads what isn't ours yet without a trace.

An engine of the router switches an SQLite file to write-ahead logging when it connects; a file that may belong to
somebody else is looked at through a connection that can't write. What is done with a connection is left to
`installation`.
"""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from crossfade.database import dialects, faults, files
from crossfade.database.engines import Engines
from crossfade.errors import DatabaseMissingError, DatabaseUnwritableError
from crossfade.routes import Route

_MAINTENANCE = ("postgres", "template1")
_EXISTS = frozenset({"42P04", "23505"})  # duplicate_database, and the index behind it if two create it at once


def make_place(route: Route, engines: Engines) -> bool:
    """Sees to it that there is a file or a server's database, and returns whether it wasn't there before.

    Raises the errors of `database.faults`; DatabaseMissingError if the server doesn't let the user create one.
    """
    if route.url.drivername == "sqlite":
        return files.create(route)
    try:
        engines.sync_engine(route).connect().close()
    except DatabaseMissingError:
        return _create_on_server(route, engines)
    return False


@contextmanager
def reading(route: Route, engines: Engines) -> Generator[Connection]:
    """A connection that only reads. An SQLite file isn't changed by it, not even its journal mode."""
    engine = engines.sync_engine(route) if route.path is None else _reading_engine(route)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        yield connection


def copy_beside(route: Route, when: str) -> Path | None:
    """Copies an SQLite file to one beside it, complete and consistent; None for servers.

    The caller holds the write lock, so the copy is what the file was before the caller's transaction.
    """
    if route.path is None:
        return None
    target = route.path.with_name(f"{route.path.stem}.before-adoption-{when}{route.path.suffix}")
    try:
        # Exclusive: nothing is overwritten. And as private as the original: it holds password hashes.
        target.open("xb").close()
        target.chmod(route.path.stat().st_mode & 0o777)
        with closing(_read_only(route.path)) as source, closing(sqlite3.connect(target)) as copy:
            # What can't be finished is deleted, so it needs no journal, which would be left beside it.
            copy.execute("PRAGMA journal_mode=OFF")
            source.backup(copy)
    except FileExistsError:
        raise _copy_failed(route, target, "there is such a file already") from None
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            target.unlink()
        raise _copy_failed(route, target, str(error)) from error
    return target


def _copy_failed(route: Route, target: Path, reason: str) -> DatabaseUnwritableError:
    return DatabaseUnwritableError(
        database=route.path, source=route.source, reason=f"its copy {target.name} can't be made, {reason}"
    )


def file(route: Route) -> sqlite3.Connection:
    """A connection to the file of an SQLite route that sets nothing on it: not even the journal mode changes.

    It may take a lock, and waits for those of others as an engine's does. Raises the errors of `database.faults`.
    """
    path = route.path
    if path is None or not path.exists():
        raise faults.missing_file(route)
    connection = None
    try:
        connection = _connected(path)
        # SQLite looks into a file when it is first asked something.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        raise faults.while_connecting(error, route) from error
    return connection


def _reading_engine(route: Route) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = file(route)
        connection.execute("PRAGMA query_only=ON")
        return connection

    return create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)


def _read_only(path: Path) -> sqlite3.Connection:
    connection = _connected(path)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _connected(path: Path) -> sqlite3.Connection:
    """Read-only, unless SQLite itself needs to write before anybody can read.

    With a write-ahead log it keeps files beside the database, which only a writer takes away again; and what a crash
    left half-done is rolled back by the next one who opens it. SQLite is asked, not the file: whoever opens and closes
    the file past SQLite lets go of the locks that all connections of this process have on it.
    """
    if path.with_name(f"{path.name}-journal").exists():
        return _opened(path, "rw")
    connection = _opened(path, "ro")
    try:
        write_ahead = connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    except sqlite3.OperationalError:
        # The log is there, and what a reader needs beside it isn't.
        write_ahead = True
    except sqlite3.Error:
        connection.close()
        raise
    if not write_ahead:
        return connection
    connection.close()
    return _opened(path, "rw")


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    name = f"file:{quote(str(path))}?mode={mode}"
    return sqlite3.connect(name, uri=True, check_same_thread=False, timeout=dialects.BUSY_TIMEOUT)


def _create_on_server(route: Route, engines: Engines) -> bool:
    name = route.url.database
    for maintenance in _MAINTENANCE:
        # Never under test rules: the server's own database isn't one for tests, and nothing is written in it.
        other = replace(route, url=route.url.set(database=maintenance), mode="shared")
        try:
            with engines.sync_engine(other).connect() as connection:
                quoted = connection.dialect.identifier_preparer.quote_identifier(str(name))
                connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(f"CREATE DATABASE {quoted}"))
        except DatabaseMissingError:
            continue
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state in _EXISTS:
                return False
            advice = f"The server refused to create it: {error.orig}. Create it with a user who may: createdb {name}."
            raise DatabaseMissingError(database=name, source=route.source, advice=advice) from error
        return True
    advice = f"It can't be created, there is no database postgres to ask in. Create it: createdb {name}."
    raise DatabaseMissingError(database=name, source=route.source, advice=advice)
