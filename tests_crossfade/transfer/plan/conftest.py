"""Two ends of both kinds, made by `init`, and a way past the router into them."""

import dataclasses
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

from crossfade import revisions, urls
from crossfade.project import Project
from crossfade.revisions.places import at
from crossfade.routes import resolve
from crossfade.settings import Settings
from crossfade.transfer import ends, kinds

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path) -> Project:
    """The application's project, at home in a folder of this test's."""
    (tmp_path / "instance").mkdir()
    return dataclasses.replace(Project.find(REPOSITORY), root=tmp_path)


@pytest.fixture
def settings(project) -> Settings:
    return Settings(root=project.root)


@pytest.fixture
def url(request, tmp_path, project):
    """Makes an empty database, and returns its URL."""
    numbers = iter(range(100))

    def make(engine):
        if engine == "postgresql":
            return request.getfixturevalue("new_database")()
        path = tmp_path / "instance" / f"made_{next(numbers)}.db"
        path.touch()
        return f"sqlite:///{path}"

    return make


@pytest.fixture
def new_database(server):
    numbers = iter(range(100))
    return lambda: server.database(f"plan_{next(numbers)}").render_as_string(hide_password=False)


@pytest.fixture
def initialised(url, settings, project):
    """Makes a database by `init`, and returns its URL."""

    def make(engine):
        made = url(engine)
        routes = resolve(at(settings, made, source="--url"))
        revisions.initialise((routes.flask, routes.fastapi), project)
        return made

    return make


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
        with opened(text) as connection:
            # The driver's own cursor takes a percent sign for what it is.
            with closing(connection.connection.cursor()) as cursor:
                for one in several:
                    cursor.execute(one)
                return cursor.fetchall() if cursor.description else []

    return statements


@pytest.fixture
def pair(settings):
    """Both ends of two URLs, open for a while."""
    return lambda source, target: ends.ends(settings, source=source, target=target)


@pytest.fixture
def drivers(pair):
    """The drivers' own connections to two URLs, as a copy has them."""

    @contextmanager
    def both(source, target):
        with pair(source, target) as (here, there), here.connection() as reader, there.connection() as writer:
            kinds.install(reader)
            kinds.install(writer)
            yield reader, here.engine, writer, there.engine

    return both
