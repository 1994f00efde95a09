"""What one stack, a session or a server in another process writes, all the others see; the next test sees nothing."""

import pytest

HEAD = """
import httpx2, pytest
from sqlalchemy import func, select, text
from bookshop.models import Book
"""

BOTH_STACKS = (
    HEAD
    + """
@pytest.mark.parametrize("time", [1, 2])
def test_sync(time, sync_session, flask_client):
    assert flask_client.get("/api/books").json == []
    sync_session.add(Book(title="from the test"))
    sync_session.commit()
    assert flask_client.get("/api/books").json == ["from the test"]
    flask_client.post("/api/books", json={"title": "from Flask"})
    assert sync_session.scalar(select(func.max(Book.id))) == 2

@pytest.mark.parametrize("time", [1, 2])
async def test_async(time, async_session, sync_session, fastapi_client, flask_client):
    async_session.add(Book(title="from the test"))
    await async_session.commit()
    flask_client.post("/api/books", json={"title": "from Flask"})
    assert (await fastapi_client.get("/api/v2/books")).json() == ["from the test", "from Flask"]
    assert sync_session.scalar(select(func.max(Book.id))) == 2
"""
)

ON_ANYIO = (
    HEAD
    + """
pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.parametrize("time", [1, 2])
async def test_async(time, async_session, fastapi_client):
    async_session.add(Book(title="from the test"))
    await async_session.commit()
    assert (await fastapi_client.get("/api/v2/books")).json() == ["from the test"]
"""
)

LIVE = (
    HEAD
    + """
@pytest.mark.parametrize("time", [1, 2])
def test_live(time, sync_session, live_flask, live_fastapi):
    assert httpx2.get(live_fastapi.url + "/api/v2/books").json() == []
    sync_session.add(Book(title="from the test"))
    sync_session.commit()
    httpx2.post(live_flask.url + "/api/books", json={"title": "from Flask"})
    assert httpx2.get(live_fastapi.url + "/api/v2/books").json() == ["from the test", "from Flask"]
"""
)

CLONES = (
    HEAD
    + """
pytestmark = pytest.mark.crossfade(isolation="clone")

@pytest.mark.parametrize("time", [1, 2])
async def test_the_schema_is_the_tests_own(time, sync_session, flask_client, fastapi_client):
    sync_session.execute(text("ALTER TABLE books ADD COLUMN pages INTEGER"))
    sync_session.add(Book(title="from the test"))
    sync_session.commit()
    assert flask_client.get("/api/books").json == ["from the test"]
    assert (await fastapi_client.get("/api/v2/books")).json() == ["from the test"]
"""
)

SEEDED = (
    HEAD
    + """
@pytest.fixture(scope="session")
def crossfade_seed():
    return lambda session: session.add(Book(id=7, title="from the seed"))

@pytest.mark.parametrize("time", [1, 2])
def test_the_seed_is_there_again(time, sync_session, flask_client):
    assert flask_client.get("/api/books").json == ["from the seed"]
    sync_session.delete(sync_session.get(Book, 7))
    added = Book(title="from the test")
    sync_session.add(added)
    sync_session.commit()
    assert added.id == 8
"""
)

EARLY = (
    HEAD
    + """
from bookshop.flask_app import create_app

app = create_app()

def test_an_application_that_is_made_while_it_is_imported(sync_session):
    sync_session.add(Book(title="from the test"))
    sync_session.commit()
    assert app.test_client().get("/api/books").json == ["from the test"]
"""
)

ABSENT = """
import sys

def test_it(no_django, flask_client):
    no_django("bookshop")
    assert "django.db" not in sys.modules
"""

CHOSEN = (
    HEAD
    + """
@pytest.mark.parametrize("crossfade_database", ["postgres"], indirect=True)
def test_one_test_on_postgresql(crossfade_router, flask_client):
    assert crossfade_router.engine("flask").dialect.name == "postgresql"
    assert flask_client.get("/api/books").json == []
"""
)


@pytest.mark.parametrize("tests", [BOTH_STACKS, ON_ANYIO, CLONES, SEEDED], ids=["both", "anyio", "clone", "seed"])
def test_a_test_finds_what_every_test_begins_with_and_all_see_what_it_writes(suite, tests) -> None:
    outcome = suite(tests, "--crossfade-db=both")

    assert outcome.code == 0, outcome.said
    assert outcome.counts(passed=2 * tests.count("def test") * 2), outcome.said


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_servers_in_other_processes_are_on_the_same_database(suite, database) -> None:
    outcome = suite(LIVE, f"--crossfade-db={database}")

    assert outcome.counts(passed=2), outcome.said


def test_each_worker_has_a_database_of_its_own(suite) -> None:
    outcome = suite(BOTH_STACKS, "--crossfade-db=both", "-n2")

    assert outcome.code == 0, outcome.said
    assert outcome.counts(passed=8), outcome.said


def test_a_named_database_is_made_and_put_back_for_each_worker(suite, server) -> None:
    url = server.database("named_test").render_as_string(hide_password=False)

    for options in ([], ["-n2"], []):
        outcome = suite(BOTH_STACKS, f"--crossfade-db={url}", *options)

        assert outcome.counts(passed=4), outcome.said


def test_an_application_may_be_made_before_the_first_test(suite) -> None:
    outcome = suite(EARLY, "--crossfade-db=sqlite")

    assert outcome.counts(passed=1), outcome.said


def test_a_test_may_choose_its_kind_of_database(suite) -> None:
    outcome = suite(CHOSEN)

    assert outcome.counts(passed=1), outcome.said


@pytest.mark.parametrize("plugins", [[], ["-p", "no:django"]], ids=["with pytest-django", "without"])
def test_a_project_without_django_can_tell_that_it_is_one(suite, plugins) -> None:
    outcome = suite(ABSENT, *plugins)

    assert outcome.counts(passed=1), outcome.said
