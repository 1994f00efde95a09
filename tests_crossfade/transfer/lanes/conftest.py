"""Two ends on real databases for each direction, and tables to carry between them."""

import itertools
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select
from sqlalchemy.pool import NullPool

from crossfade import urls
from crossfade.database.engines import Engines
from crossfade.routes import Route
from crossfade.transfer import pictures
from crossfade.transfer.ends import End
from crossfade.transfer.lanes import lane
from crossfade.transfer.shapes import shape_of

_NUMBERS = itertools.count()
_DIRECTIONS = list(itertools.product(("sqlite", "postgresql"), repeat=2))


class Lanes:
    """What tests do with a database at each end, past the router where they only prepare and look."""

    def __init__(self, source, target):
        self.source, self.target = source, target

    def create(self, metadata):
        for end in (self.source, self.target):
            with engine_of(end).begin() as connection:
                for schema in {table.schema for table in metadata.tables.values()} - {None}:
                    if end.engine == "postgresql":
                        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
            with self._begun(end) as connection:
                metadata.create_all(connection)

    def fill(self, table, rows, end=None):
        with self._begun(end or self.source) as connection:
            connection.execute(insert(table), rows)

    def rows(self, table, end=None):
        with self._begun(end or self.target) as connection:
            return sorted((tuple(map(_plain, row)) for row in connection.execute(select(table))), key=repr)

    def batches(self, table, *, after=None, size=50_000, where=None):
        shape = shape_of(table)
        with pictures.take(self.source) as picture:
            carrying = lane(self.source, self.target, shape, where=where)
            yield from carrying.read(picture.connections[0], after=after, size=size)

    def carry(self, table, **options):
        shape = shape_of(table)
        writing = lane(self.source, self.target, shape)
        positions = []
        with self.target.connection() as connection:
            for batch in self.batches(table, **options):
                writing.write(connection, batch, shape.at(self.target.engine))
                positions.append((batch.rows, batch.last))
            connection.commit()
        return positions

    def _begun(self, end):
        engine = engine_of(end)
        if end.engine == "sqlite":
            engine = engine.execution_options(schema_translate_map={"audit": None})
        return engine.begin()


def _plain(value):
    # SQLite knows no zones: what it has of an instant is in UTC.
    aware = isinstance(value, datetime) and value.tzinfo
    return value.astimezone(UTC).replace(tzinfo=None) if aware else value


def engine_of(end):
    return create_engine(urls.sync_url(end.route.url), poolclass=NullPool)


@pytest.fixture
def make_end(tmp_path, new_database):
    """Makes an end with an empty database: `make_end("source", "sqlite")`."""
    made = []

    def make(role, engine):
        url = new_database() if engine == "postgresql" else f"sqlite:///{tmp_path}/{role}{next(_NUMBERS)}.db"
        canonical = urls.canonical(url, root=Path("/"))
        if engine == "sqlite":
            with closing(sqlite3.connect(urls.path_of(canonical))) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        made.append(Engines(name=f"crossfade:{role}", statement_timeout=0))
        return End(role, "URL", Route("flask", "shared", canonical, role, "development"), made[-1])

    yield make
    for engines in made:
        engines.dispose()


@pytest.fixture
def lanes(make_end, request):
    """Two ends, the source's engine and the target's given by the test."""
    source, target = request.param
    return Lanes(make_end("source", source), make_end("target", target))


def pytest_generate_tests(metafunc):
    """A test that asks for `lanes` runs in each direction, if it doesn't name one."""
    named = any(mark.args[0] == "lanes" for mark in metafunc.definition.iter_markers("parametrize"))
    if "lanes" in metafunc.fixturenames and not named:
        metafunc.parametrize("lanes", _DIRECTIONS, indirect=True, ids="_to_".join)
