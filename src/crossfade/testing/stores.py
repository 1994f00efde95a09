"""Where the databases of a test run are: SQLite files in a folder of the run, or a PostgreSQL server.

A store makes its template once, whichever worker comes first, and clones it; it destroys what it made, or what its
stamp says is for tests. What is in a template is left to the caller.
"""

import fcntl
import hashlib
import sqlite3
from collections.abc import Callable, Collection, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError

from crossfade import redaction, urls
from crossfade.database import faults, stamps
from crossfade.errors import ConfigurationError, DatabaseMissingError
from crossfade.routes import Route

LONGEST_NAME = 63
"""Bytes of a name that PostgreSQL keeps; it cuts the others off without a word, and two workers meet."""

_ABLE = "SELECT rolname, rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"

Fill = Callable[[URL], None]
"""Makes schema and rows in an empty database."""


class Store(Protocol):
    """Databases of one kind."""

    def named(self, name: str) -> URL:
        """Where a database of that name is, or will be."""

    def make(self, url: URL, fill: Fill) -> None:
        """A new clone of the template at `url`; what was there is gone. Raises NotDisposableError, UnreachableError."""

    def drop(self, url: URL) -> None:
        """Takes a database away, whoever is connected to it."""


@dataclass(frozen=True)
class Files:
    """SQLite files."""

    folder: Path
    """The run's own: what is in it is the harness's."""

    def named(self, name: str) -> URL:
        return URL.create("sqlite", database=str(self.folder / f"{name}.db"))

    def make(self, url: URL, fill: Fill) -> None:
        target = _path(url)
        if target.parent != self.folder:
            refuse_foreign(url)
        template = self.folder / "template_test.db"
        with locked(self.folder / "files.lock"):
            if not template.exists():
                filling = self.folder / "filling_test.db"
                filling.unlink(missing_ok=True)
                fill(URL.create("sqlite", database=str(filling)))
                with closing(sqlite3.connect(filling)) as connection:
                    # All of it in the one file, so that the file can be renamed.
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                filling.rename(template)
        with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(target)) as copy:
            copy.execute("PRAGMA synchronous = OFF")
            source.backup(copy)

    def drop(self, url: URL) -> None:
        path = _path(url)
        for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            each.unlink(missing_ok=True)


@dataclass(frozen=True)
class PostgresServer:
    """Databases of a PostgreSQL server."""

    url: URL
    """Its maintenance database, as somebody who may create databases."""
    source: str
    """Who named the server."""
    folder: Path
    """The run's own, where its workers find each other's lock."""
    run: str
    """Distinguishes this run's databases from another one's on the same server."""
    started: bool = False
    """Whether the run has started the server, and ends it."""
    hosts: Collection[str] = ()
    """Machines besides this one whose databases are for tests."""

    def named(self, name: str) -> URL:
        return self.url.set(database=short(name if self.started else f"{name}_{self.run}"))

    def make(self, url: URL, fill: Fill) -> None:
        template = self.named("template_test").database or ""
        with locked(self.folder / "postgresql.lock"), self._administering() as admin:
            if not _exists(admin, template):
                filling = self.named("filling_test").database or ""
                _drop(admin, filling)
                _execute(admin, f"CREATE DATABASE {_quoted(admin, filling)}")
                fill(self.url.set(database=filling))
                _execute(admin, f"ALTER DATABASE {_quoted(admin, filling)} RENAME TO {_quoted(admin, template)}")
            name = url.database or ""
            if _exists(admin, name):
                refuse_foreign(url, hosts=self.hosts)
                _drop(admin, name)
            _execute(admin, f"CREATE DATABASE {_quoted(admin, name)} TEMPLATE {_quoted(admin, template)}")

    def drop(self, url: URL) -> None:
        with self._administering() as admin:
            _drop(admin, url.database or "")

    def ensure_able(self) -> None:
        """Raises ConfigurationError if no database may be made, UnreachableError and its kin if nobody answers."""
        with self._administering() as admin:
            user, able = admin.exec_driver_sql(_ABLE).one()
            if not able:
                masked, role = redaction.mask_url(self.url), _quoted(admin, user)
                raise ConfigurationError(
                    reason=f"{self.source}: {user} may not create databases on {masked}, as a test run has to: say "
                    f"ALTER ROLE {role} CREATEDB"
                )

    def drop_template(self) -> None:
        """Takes the template away too: for the end of a run on a server that stays."""
        with self._administering() as admin:
            for name in ("template_test", "filling_test"):
                _drop(admin, self.named(name).database or "")

    @contextmanager
    def _administering(self) -> Generator[Connection]:
        engine = create_engine(urls.sync_url(self.url), isolation_level="AUTOCOMMIT")
        try:
            with _translated(self.url, self.source):
                connection = engine.connect()
            with connection:
                yield connection
        finally:
            engine.dispose()


def refuse_foreign(url: URL, source: str = "the database of the tests", *, hosts: Collection[str] = ()) -> None:
    """Raises NotDisposableError unless the database is not there, is empty, or has the stamp of one for tests."""
    if url.drivername == "sqlite" and not _path(url).exists():
        return
    engine = create_engine(urls.sync_url(url))
    route = Route("flask", "test", url, source, "test")
    try:
        with suppress(DatabaseMissingError), _translated(url, source), engine.connect() as connection:
            stamps.ensure_disposable(connection, route, hosts=hosts)
    finally:
        engine.dispose()


def worker_name(name: str, worker: str) -> str:
    """The name of a worker's own database; one process alone keeps the name as it is."""
    return short(f"{name}_{worker}") if worker else name


def short(name: str) -> str:
    """A name that PostgreSQL keeps whole: one that is too long is cut, and told apart by a hash."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    # `test` as a word stays in it, whatever was cut.
    return f"{name.encode()[: LONGEST_NAME - 14].decode(errors='ignore')}_{digest}_test"


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Alone among the processes of the run; a process that dies lets go."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _path(url: URL) -> Path:
    return Path(url.database or "")


def _exists(admin: Connection, name: str) -> bool:
    statement = "SELECT count(*) FROM pg_database WHERE datname = %(name)s"
    return bool(admin.exec_driver_sql(statement, {"name": name}).scalar_one())


def _drop(admin: Connection, name: str) -> None:
    _execute(admin, f"DROP DATABASE IF EXISTS {_quoted(admin, name)} WITH (FORCE)")


def _execute(admin: Connection, statement: str) -> None:
    with _translated(admin.engine.url, "the server of the tests"):
        admin.exec_driver_sql(statement)


def _quoted(admin: Connection, name: str) -> str:
    return admin.dialect.identifier_preparer.quote(name)


@contextmanager
def _translated(url: URL, source: str) -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        route = Route("flask", "test", url.set(drivername=url.get_backend_name()), source, "test")
        cause = error.orig if isinstance(error.orig, Exception) else error
        raise faults.while_connecting(cause, route) from error
