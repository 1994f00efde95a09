"""The stamp inside a database, and what a test may do to one."""

import pytest
from sqlalchemy import make_url, text

from crossfade.database import files, stamps
from crossfade.errors import NotDisposableError


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty database whose name says test."""
    if request.param == "sqlite":
        (tmp_path / "some_test.db").touch()
        return f"sqlite:///{tmp_path}/some_test.db"
    server = request.getfixturevalue("server")
    return server.database("some_test").render_as_string(hide_password=False)


@pytest.fixture
def connection(engines, route, url):
    with engines.sync_engine(route(url)).connect() as opened:
        yield opened


def fill(engines, found):
    with engines.sync_engine(found).begin() as connection:
        connection.execute(text("CREATE TABLE users (name VARCHAR(10))"))
        connection.execute(text("INSERT INTO users VALUES ('ada')"))


def stamp(engines, found, environment):
    with engines.sync_engine(found).begin() as connection:
        return stamps.write(connection, environment)


def test_an_empty_database_has_no_stamp(connection):
    assert stamps.read(connection) == {}


def test_a_stamp_says_what_for_and_since_when(connection):
    assert stamps.write(connection, "development") == "development"

    found = stamps.read(connection)
    assert found["environment"] == "development"
    assert found["created_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("first", "then", "result"),
    [
        ("test", "test", "test"),
        ("test", "development", "development"),
        ("test", "production", "production"),
        ("development", "production", "production"),
        ("production", "development", "production"),
        ("development", "development", "development"),
    ],
)
def test_a_stamp_only_becomes_stricter(connection, first, then, result):
    stamps.write(connection, first)
    created = stamps.read(connection)["created_at"]

    assert stamps.write(connection, then) == result
    assert stamps.read(connection) == {"environment": result, "created_at": created}


@pytest.mark.parametrize("first", ["development", "production"])
def test_a_real_database_never_becomes_one_for_tests(connection, first):
    stamps.write(connection, first)

    with pytest.raises(NotDisposableError, match=first):
        stamps.write(connection, "test")


def test_a_stamp_that_lacks_its_environment_is_completed(connection):
    stamps.table.create(connection)
    connection.execute(stamps.table.insert().values(key="created_at", value="long ago"))

    stamps.write(connection, "development")

    assert stamps.read(connection) == {"environment": "development", "created_at": "long ago"}


def test_a_test_may_use_an_empty_database(engines, route, url):
    fill(engines, route(url, testing=True))


def test_a_test_may_use_a_database_that_is_stamped_for_tests(engines, route, url):
    stamp(engines, route(url), "test")
    fill(engines, route(url))

    with engines.sync_engine(route(url, testing=True)).connect() as connection:
        assert connection.scalar(text("SELECT name FROM users")) == "ada"


def test_a_test_is_refused_a_database_with_tables_and_no_stamp(engines, route, url):
    fill(engines, route(url))

    with pytest.raises(NotDisposableError, match="no stamp") as caught:
        fresh(route(url, testing=True))

    assert "TEST_DATABASE_URL (code)" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)


@pytest.mark.parametrize("environment", ["development", "production"])
def test_a_test_is_refused_a_real_database(engines, route, url, environment):
    stamp(engines, route(url), environment)

    with pytest.raises(NotDisposableError, match=environment):
        fresh(route(url, testing=True))


async def test_so_is_a_test_on_the_async_side(engines, route, url):
    fill(engines, route(url))
    from crossfade.database.engines import Engines

    registry = Engines(name="test", statement_timeout=30)
    with pytest.raises(NotDisposableError):
        await registry.async_engine(route(url, testing=True)).connect()
    await registry.adispose()


def fresh(found):
    """A connection by a registry that hasn't looked at the database yet."""
    from crossfade.database.engines import Engines

    registry = Engines(name="test", statement_timeout=30)
    try:
        registry.sync_engine(found).connect().close()
    finally:
        registry.dispose()


def test_a_database_that_is_stamped_for_tests_may_be_destroyed(connection, route, url):
    stamps.write(connection, "test")
    connection.execute(text("CREATE TABLE users (name VARCHAR(10))"))

    stamps.ensure_disposable(connection, route(url, testing=True))


def test_so_may_an_empty_one(connection, route, url):
    stamps.ensure_disposable(connection, route(url, testing=True))


@pytest.mark.parametrize("environment", ["development", "production"])
def test_a_real_stamp_refuses_whatever_the_name_is(connection, route, url, environment):
    stamps.write(connection, environment)

    with pytest.raises(NotDisposableError, match=environment):
        stamps.ensure_disposable(connection, route(url, testing=True), made_here=True)


def test_tables_without_a_stamp_refuse(connection, route, url):
    connection.execute(text("CREATE TABLE users (name VARCHAR(10))"))

    with pytest.raises(NotDisposableError, match="no stamp"):
        stamps.ensure_disposable(connection, route(url, testing=True))


def test_a_route_that_is_not_for_tests_refuses(connection, route, url):
    stamps.write(connection, "test")

    with pytest.raises(NotDisposableError, match="route"):
        stamps.ensure_disposable(connection, route(url))


def test_a_name_without_the_word_refuses_unless_the_harness_made_it(engines, route, tmp_path):
    found = route(f"sqlite:///{tmp_path}/latest.db", testing=True)
    files.create(found)

    with engines.sync_engine(found).connect() as connection:
        with pytest.raises(NotDisposableError, match="test"):
            stamps.ensure_disposable(connection, found)
        stamps.ensure_disposable(connection, found, made_here=True)


def test_another_machine_refuses(connection, route):
    found = route("postgresql://u@db.example.org/x_test", testing=True)

    with pytest.raises(NotDisposableError, match="another machine"):
        stamps.ensure_disposable(connection, found)


@pytest.mark.parametrize(
    "name", ["test", "x_test", "test_x", "x-test-2", "fastapi_test_gw0", "Tests", "x.test", "test1"]
)
def test_names_for_tests(name):
    assert stamps.named_for_tests(make_url(f"postgresql://h/{name}"))
    assert stamps.named_for_tests(make_url(f"sqlite:////tmp/{name}.db"))


@pytest.mark.parametrize("name", ["latest", "contest", "attestation", "cron_jobs", "testimonials"])
def test_names_that_only_look_so(name):
    assert not stamps.named_for_tests(make_url(f"postgresql://h/{name}"))
    assert not stamps.named_for_tests(make_url(f"sqlite:////test/{name}.db"))


@pytest.mark.parametrize(
    "text_of_url",
    [
        "sqlite:////x.db",
        "postgresql:///x",
        "postgresql://localhost/x",
        "postgresql://127.0.0.1:5433/x",
        "postgresql://[::1]/x",
        "postgresql:///x?host=/var/run",
        "postgresql:///x?host=localhost:5432&host=127.0.0.2",
    ],
)
def test_this_machine(text_of_url):
    assert stamps.local(make_url(text_of_url))


@pytest.mark.parametrize(
    "text_of_url",
    ["postgresql://db/x", "postgresql://10.0.0.1/x", "postgresql:///x?host=localhost&host=db.example.org"],
)
def test_another_machine(text_of_url):
    assert not stamps.local(make_url(text_of_url))
