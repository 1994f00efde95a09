"""Fixtures for a run with pytest-django: one database for Django and for the applications beside it.

The plugin registers it where pytest-django is, in a project of the router's; others name it in `pytest_plugins`.
"""

from collections.abc import Generator

import pytest
from pytest_django.lazy_django import django_settings_is_configured
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from crossfade import urls
from crossfade.database import stamps
from crossfade.django import Database, effective
from crossfade.errors import CrossfadeError
from crossfade.testing.guest.hosts import Hosts

_VARIABLES = ("TEST_DATABASE_URL", "FASTAPI_TEST_DATABASE_URL")


@pytest.fixture(scope="session")
def django_database(django_db_setup: None) -> Generator[Database]:
    """The database that Django made for this run, which is the applications' too: the environment says so."""
    from django.db import connections

    try:
        database = effective(connections)
    except CrossfadeError as error:
        raise pytest.UsageError(str(error)) from None
    _stamp(database)
    with pytest.MonkeyPatch.context() as environment:
        for variable in _VARIABLES:
            environment.setenv(variable, database.url.render_as_string(hide_password=False))
        yield database


@pytest.fixture(scope="session")
def _hosts() -> Generator[Hosts]:
    hosts = Hosts()
    yield hosts
    hosts.close()


@pytest.fixture(autouse=True)
def crossfade_guests(request: pytest.FixtureRequest) -> Generator[None]:
    """While a plain `django_db` test runs, every engine of the process is a guest on Django's connection."""
    if not uses_django(request):
        yield
        return
    hosts: Hosts = request.getfixturevalue("_hosts")
    request.getfixturevalue("django_database")
    if commits(request):
        yield
        return
    request.getfixturevalue("db")
    from django.db import connections

    with hosts.hosting(connections.all()):
        yield


def uses_django(request: pytest.FixtureRequest) -> bool:
    """Whether a test asks for Django's database, by its marker or by one of pytest-django's fixtures.

    Where Django has no settings, such a name is a fixture of the project's own: `db` is what many call theirs.
    """
    if not django_settings_is_configured():
        return False
    named = {"db", "transactional_db", "live_server", "django_db_reset_sequences", "django_db_serialized_rollback"}
    return request.node.get_closest_marker("django_db") is not None or not named.isdisjoint(request.fixturenames)


def commits(request: pytest.FixtureRequest) -> bool:
    """Whether Django commits in this test, so that everybody sees its rows anyway."""
    marker = request.node.get_closest_marker("django_db")
    options: dict[str, object] = (
        {} if marker is None else dict(zip(("transaction", "reset_sequences"), marker.args, strict=False))
    )
    options |= {} if marker is None else marker.kwargs
    named = {"transactional_db", "live_server", "django_db_reset_sequences"}
    return bool(options.get("transaction") or options.get("reset_sequences") or named & {*request.fixturenames})


def _stamp(database: Database) -> None:
    """Says inside the database that it is for tests, as the router asks of each that it is to use for them."""
    if database.in_memory or not (stamps.named_for_tests(database.url) and stamps.local(database.url)):
        return
    engine = create_engine(urls.sync_url(database.url), **database.engine_options("psycopg") | {"poolclass": NullPool})
    with engine.begin() as connection:
        stamps.write(connection, "test")
