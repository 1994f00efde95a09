"""A PostgreSQL server for this floor's tests, and registries of engines that leave nothing open."""

import pytest
from sqlalchemy import URL

from crossfade import routes
from crossfade.database.engines import Engines
from crossfade.settings import Settings


@pytest.fixture
def empty(server):
    """A new PostgreSQL database, as text."""
    with server.databases("router") as make:
        yield make().render_as_string(hide_password=False)


@pytest.fixture
def route(tmp_path):
    """Makes Flask's route from a URL, or the default one."""

    def make(url=None, **fields):
        if isinstance(url, URL):
            url = url.render_as_string(hide_password=False)
        name = "test_database_url" if fields.get("testing") else "database_url"
        return routes.resolve(Settings(root=tmp_path, **{name: url}, **fields)).flask

    return make


@pytest.fixture
def engines():
    registry = Engines(name="flask:web", statement_timeout=30)
    yield registry
    registry.dispose()


@pytest.fixture(params=["sqlite", "psycopg", "asyncpg"])
def any_route(request, route, tmp_path):
    """A database that is there, of each kind."""
    if request.param == "sqlite":
        (tmp_path / "app.db").touch()
        return route(f"sqlite:///{tmp_path}/app.db")
    url = request.getfixturevalue("empty")
    return route(url.replace("postgresql:", "postgresql+asyncpg:") if request.param == "asyncpg" else url)
