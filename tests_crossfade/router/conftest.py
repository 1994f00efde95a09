"""Routers on SQLite files of their own, disposed at the end."""

import sqlite3

import pytest
from sqlalchemy import Pool, event, text

from crossfade.database import files
from crossfade.router import Router
from crossfade.settings import Settings


@pytest.fixture(autouse=True)
def no_connection_is_left_to_the_garbage_collector():
    """These tests retire and forget engines on purpose; from Python 3.13 on, SQLite's connections complain of that."""
    made = []

    def remember(connection, _record):
        if isinstance(connection, sqlite3.Connection):
            made.append(connection)

    event.listen(Pool, "connect", remember)
    yield
    event.remove(Pool, "connect", remember)
    for connection in made:
        connection.close()


@pytest.fixture
def settings(tmp_path):
    """Makes settings for a named file that is there, with a table in it."""

    def make(name="app", **fields):
        made = Settings(root=tmp_path, database_url=f"sqlite:///{tmp_path}/{name}.db", **fields)
        router = Router(made)
        for route in router.routes.distinct():
            files.create(route)
        for stack in ("flask", "fastapi"):
            with router.engine(stack).begin() as connection:
                connection.execute(text("CREATE TABLE IF NOT EXISTS jobs (name VARCHAR(10) NOT NULL)"))
        router.dispose()
        return made

    return make


@pytest.fixture
def router(settings):
    made = Router(settings(), name="flask:web")
    yield made
    made.dispose()


@pytest.fixture
def names():
    """The jobs that a connection of its own sees."""

    def read(router, stack="flask"):
        with router.engine(stack).connect() as connection:
            return connection.execute(text("SELECT name FROM jobs ORDER BY name")).scalars().all()

    return read
