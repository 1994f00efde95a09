"""What one stack, a session or a server in another process writes, all the others see; the next test sees nothing.

Starting pytest takes longer than such tests do, so each run has many of them.
"""

import re

import pytest

SEED = """
import pytest
from bookshop.models import Book

@pytest.fixture(scope="session")
def crossfade_seed():
    return lambda session: session.add(Book(id=7, title="from the seed"))
"""

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
    assert flask_client.get("/api/books").json == ["from the seed"]
    sync_session.delete(sync_session.get(Book, 7))
    sync_session.add(Book(title="from the test"))
    sync_session.commit()
    assert flask_client.get("/api/books").json == ["from the test"]
    flask_client.post("/api/books", json={"title": "from Flask"})
    assert sync_session.scalar(select(func.max(Book.id))) == 9

@pytest.mark.parametrize("time", [1, 2])
async def test_async(time, async_session, sync_session, fastapi_client, flask_client):
    async_session.add(Book(title="from the test"))
    await async_session.commit()
    flask_client.post("/api/books", json={"title": "from Flask"})
    assert (await fastapi_client.get("/api/v2/books")).json() == ["from the seed", "from the test", "from Flask"]
    assert sync_session.scalar(select(func.max(Book.id))) == 9
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
    assert (await fastapi_client.get("/api/v2/books")).json() == ["from the seed", "from the test"]
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
    assert flask_client.get("/api/books").json == ["from the seed", "from the test"]
    assert (await fastapi_client.get("/api/v2/books")).json() == ["from the seed", "from the test"]
"""
)

JOINED = (
    HEAD
    + """
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

pytestmark = pytest.mark.crossfade(isolation="joint")
restore = pytest.mark.crossfade(isolation="restore")

@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.parametrize("isolation", ["joint", pytest.param("restore", marks=restore)])
async def test_in_turn(time, isolation, async_session, sync_session, fastapi_client, flask_client, crossfade_router):
    assert flask_client.get("/api/books").json == ["from the seed"]
    async_session.add(Book(title="async"))
    await async_session.commit()
    sync_session.add(Book(title="sync"))
    sync_session.commit()
    flask_client.post("/api/books", json={"title": "Flask"})
    seen = ["from the seed", "async", "sync", "Flask"]
    assert (await fastapi_client.get("/api/v2/books")).json() == seen
    assert flask_client.get("/api/books").json == seen
    async with crossfade_router.async_engine("fastapi").connect() as connection:
        assert len([row async for row in await connection.stream(select(Book.id))]) == 4
    # A third engine, which somebody has made by himself, and a broken constraint on each side.
    engine = create_engine(crossfade_router.engine("flask").url)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Book)) == 4
    engine.dispose()
    for attempt in range(2):
        async_session.add(Book(id=7, title="there already"))
        with pytest.raises(IntegrityError):
            await async_session.flush()
        await async_session.rollback()
        sync_session.add(Book(id=7, title="there already"))
        with pytest.raises(IntegrityError):
            sync_session.flush()
        sync_session.rollback()
    with sync_session.begin_nested() as savepoint:
        sync_session.add(Book(title="undone"))
        sync_session.flush()
        savepoint.rollback()
    assert (await fastapi_client.get("/api/v2/books")).json() == seen

@pytest.mark.parametrize("time", [1, 2])
def test_the_schema_is_undone_too(time, sync_session, flask_client):
    assert flask_client.get("/api/books").json == ["from the seed"]
    sync_session.execute(text("DROP TABLE books"))
    sync_session.commit()
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

TWICE = (
    HEAD
    + """
@pytest.mark.parametrize("time", [1, 2])
def test_the_rows_of_the_next_test(time, sync_session, flask_client):
    assert flask_client.get("/api/books").json == []
    sync_session.add(Book(title="from the test"))
    sync_session.commit()
    assert flask_client.get("/api/books").json == ["from the test"]
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


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "in two workers"])
def test_a_test_finds_what_every_test_begins_with_and_all_see_what_it_writes(suite, options) -> None:
    tests = {
        "conftest.py": SEED,
        "test_both.py": BOTH_STACKS,
        "test_anyio.py": ON_ANYIO,
        "test_clones.py": CLONES,
        "test_joined.py": JOINED,
    }

    outcome = suite(tests, "--crossfade-db=both", *options)

    assert outcome.code == 0, outcome.said
    assert outcome.counts(passed=2 * (4 + 2 + 2 + 6)), outcome.said


def test_servers_in_other_processes_are_on_the_same_database(suite) -> None:
    outcome = suite(LIVE, "--crossfade-db=both", "--crossfade-postgres=embedded")

    assert outcome.counts(passed=4), outcome.said


def test_a_named_database_is_made_for_each_worker_and_used_again_by_the_next_run(suite, server) -> None:
    url = server.database("named_test").render_as_string(hide_password=False)
    of_a_worker = server.database("named_test_gw0").render_as_string(hide_password=False)

    assert suite(TWICE, f"--crossfade-db={of_a_worker}").counts(passed=2)
    outcome = suite(TWICE, f"--crossfade-db={url}", "-n1")

    assert outcome.counts(passed=2), outcome.said


def test_an_application_may_be_made_before_the_first_test_and_without_pytest_django(suite) -> None:
    outcome = suite({"test_early.py": EARLY, "test_absent.py": ABSENT}, "--crossfade-db=sqlite", "-p", "no:django")

    assert outcome.counts(passed=2), outcome.said


def test_a_project_without_revisions_has_the_tables_of_its_models(suite, bookshop) -> None:
    pyproject = bookshop / "pyproject.toml"
    pyproject.write_text(re.sub(r"^revisions = .*\n", "", pyproject.read_text(), flags=re.MULTILINE))

    outcome = suite({"conftest.py": SEED, "test_both.py": BOTH_STACKS}, "--crossfade-db=both")

    assert outcome.counts(passed=8), outcome.said


def test_a_test_may_choose_its_kind_of_database_and_tell_that_django_is_absent(suite) -> None:
    outcome = suite({"test_chosen.py": CHOSEN, "test_absent.py": ABSENT})

    assert outcome.counts(passed=2), outcome.said
