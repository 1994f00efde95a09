"""Databases to freeze, of both kinds, with the tables of a small library."""

import itertools

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table

from crossfade import routes
from crossfade.database import files
from crossfade.database.engines import Engines
from crossfade.fence import STAYS_WRITABLE
from crossfade.settings import Settings
from crossfade.testing.postgres import embedded

_NUMBERS = itertools.count()

metadata = MetaData()
authors = Table("authors", metadata, Column("id", Integer, primary_key=True), Column("name", String(100)))
books = Table(
    "Books of 'all'",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author_id", ForeignKey("authors.id", ondelete="CASCADE")),
)
visits = Table("visits", metadata, Column("id", Integer, primary_key=True), info={STAYS_WRITABLE: True})


@pytest.fixture(scope="session")
def server():
    with embedded() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def route(request, tmp_path):
    """A database that is there, and empty."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/app.db"
    else:
        server = request.getfixturevalue("server")
        url = server.database(f"fence_{next(_NUMBERS)}").render_as_string(hide_password=False)
    found = routes.resolve(Settings(root=tmp_path, database_url=url)).flask
    if found.path is not None:
        files.create(found)
    return found


@pytest.fixture
def engines():
    registry = Engines(name="flask:web", statement_timeout=30)
    yield registry
    registry.dispose()


@pytest.fixture
def engine(engines, route):
    """The router's engine of the library, with an author and his book in it."""
    made = engines.sync_engine(route)
    metadata.create_all(made)
    with made.begin() as connection:
        connection.execute(authors.insert().values(id=1, name="Lem"))
        connection.execute(books.insert().values(id=1, author_id=1))
        connection.execute(visits.insert().values(id=1))
    return made


@pytest.fixture
def library():
    return metadata
