"""An engine on another database, a connection that is left open, a changed schema: the test that did it is told."""

import pytest

HEAD = """
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from bookshop.models import Book
"""

LEAKS = (
    HEAD
    + """
@pytest.fixture
def engine(crossfade_router):
    return crossfade_router.engine("flask")

def test_sync(crossfade_router):
    held.append(crossfade_router.engine("flask").connect())  # the sync one

async def test_async(crossfade_router):
    held.append(await crossfade_router.async_engine("fastapi").connect())  # the async one

def test_in_a_transaction(crossfade_router):
    connection = crossfade_router.engine("flask").connect()
    held.append(connection)
    connection.execute(Book.__table__.insert().values(title="never committed"))

def test_the_next_one(sync_session, flask_client):
    assert flask_client.get("/api/books").json == []
    assert flask_client.post("/api/books", json={"title": "still works"}).status_code == 201

held = []
"""
)

STRANGERS = (
    HEAD
    + """
def test_a_third_engine(flask_client):
    assert flask_client.post("/api/books", json={"title": "Emma"}).status_code == 201
    engine = create_engine("sqlite:///elsewhere.db")
    try:
        with engine.connect():
            pass
    finally:
        engine.dispose()

async def test_an_async_engine(fastapi_client):
    engine = create_async_engine("sqlite+aiosqlite:///elsewhere.db")
    try:
        async with engine.connect():
            pass
    finally:
        await engine.dispose()

def test_memory(flask_client):
    engine = create_engine("sqlite://", echo=False, hide_parameters=True)
    try:
        with engine.connect():
            pass
    finally:
        engine.dispose()

@pytest.mark.crossfade(elsewhere=True)
def test_one_that_is_meant(flask_client):
    engine = create_engine("sqlite:///elsewhere.db")
    with engine.connect():
        pass
    engine.dispose()
    assert flask_client.get("/api/books").json == []
"""
)

EARLY = """
from sqlalchemy import create_engine

early = create_engine("sqlite:///customers.db")
"""
LATER = """
def test_it(flask_client):
    print("it ran")

def test_another(flask_client):
    print("it ran")
"""

CHANGES = (
    HEAD
    + """
def test_changes_the_schema(sync_session):
    sync_session.execute(text("DROP TABLE books"))
    sync_session.commit()

def test_leaves_a_table(sync_session):
    sync_session.execute(text("CREATE TABLE left_over (id int)"))
    sync_session.commit()

def test_the_next_one(flask_client, sync_session):
    assert flask_client.get("/api/books").json == []
    sync_session.execute(text("CREATE TABLE left_over (id int)"))
    sync_session.rollback()
"""
)


def test_a_test_that_leaves_a_connection_open_or_changes_the_schema_is_told_and_harms_nobody(suite) -> None:
    tests = {"test_it.py": LEAKS, "test_schema.py": CHANGES}

    outcome = suite(tests, "--crossfade-db=both", "-p", "no:randomly")

    for number in places(LEAKS, ".connect()"):
        assert f"test_it.py:{number}: close it" in outcome.said, outcome.said
    assert 'mark it @pytest.mark.crossfade(isolation="clone")' in outcome.said
    assert "there is now public.left_over" in outcome.said
    # SQLite's schema is put back with the rows.
    assert outcome.counts(passed=8 + 6, errors=6 + 2), outcome.said


@pytest.mark.parametrize("isolation", ["restore", "joint"])
def test_an_engine_on_another_database_is_an_error_that_names_both(suite, bookshop, isolation) -> None:
    outcome = suite(STRANGERS, "-p", "no:randomly", "-o", f"crossfade_isolation={isolation}")

    assert "the tests use sqlite+pysqlite:" in outcome.said
    for number in places(STRANGERS, "engine = create_")[:3]:
        assert f"the engine that was made at {bookshop}/test_it.py:{number} is on" in outcome.said, outcome.said
    assert "sqlite:// (memory that no other engine sees). Ask the router for it" in outcome.said, outcome.said
    assert outcome.counts(passed=1, failed=3, errors=3), outcome.said


@pytest.mark.parametrize("importer", ["conftest.py", "test_first.py"])
def test_an_engine_that_is_there_before_the_first_test_is_found_without_connecting(suite, bookshop, importer) -> None:
    (bookshop / "customers.db").touch()

    outcome = suite(
        {"early.py": EARLY, importer: "import early", "test_it.py": LATER}, "-o", "crossfade_isolation=joint"
    )

    [number] = places(EARLY, "create_engine(")
    assert f"made at {bookshop}/early.py:{number} is on sqlite:///customers.db" in outcome.said, outcome.said
    assert outcome.counts(errors=2), outcome.said
    assert "it ran" not in outcome.said


def places(tests: str, part: str) -> list[int]:
    """The numbers of the lines with that part in them."""
    return [number for number, line in enumerate(tests.splitlines(), start=1) if part in line]
