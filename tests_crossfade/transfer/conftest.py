"""A way past the router into databases of both kinds."""

from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

from crossfade import urls


@pytest.fixture
def new_database(server):
    """Makes an empty database on the server, and returns its URL."""
    with server.databases("transfer") as make:
        yield lambda: make().render_as_string(hide_password=False)


@contextmanager
def opened(text):
    """A connection past the router, committed at the end."""
    drivername = "sqlite+pysqlite" if text.startswith("sqlite") else "postgresql+psycopg"
    engine = create_engine(urls.canonical(text, root=Path("/")).set(drivername=drivername), poolclass=NullPool)
    if drivername.startswith("sqlite"):
        event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA foreign_keys=ON"))
    with engine.begin() as connection:
        yield connection


@pytest.fixture
def open_database():
    """A connection to a URL past the router."""
    return opened


@pytest.fixture
def run():
    """Runs statements in a database, and returns the rows of the last."""

    def statements(text, *several):
        # The driver's own cursor takes a percent sign for what it is.
        with opened(text) as connection, closing(connection.connection.cursor()) as cursor:
            for one in several:
                cursor.execute(one)
            return cursor.fetchall() if cursor.description else []

    return statements
