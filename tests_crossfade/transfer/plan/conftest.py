"""Two ends of both kinds, made by `init`."""

import dataclasses
from contextlib import contextmanager
from pathlib import Path

import pytest

from crossfade import revisions
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
def initialised(url, settings, project):
    """Makes a database by `init`, and returns its URL."""

    def make(engine):
        made = url(engine)
        routes = resolve(at(settings, made, source="--url"))
        revisions.initialise((routes.flask, routes.fastapi), project)
        return made

    return make


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
