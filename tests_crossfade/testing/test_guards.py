"""What a project of somebody else's meets when its tests would touch, or already are on, the wrong database."""

import sqlite3
from contextlib import closing

SPLIT = """
import pytest
from contextlib import asynccontextmanager
from fastapi import FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from bookshop.models import metadata

@asynccontextmanager
async def lifespan(app):
    engine = create_async_engine("sqlite+aiosqlite:///of_the_lifespan.db")  # the lifespan's
    try:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        yield
    finally:
        await engine.dispose()

@pytest.fixture
def crossfade_fastapi_app():
    app = FastAPI(lifespan=lifespan)
    app.get("/")(lambda: "up")
    return app

async def test_an_engine_of_the_lifespan(fastapi_client):
    assert (await fastapi_client.get("/")).status_code == 200

def test_a_relative_path(sync_session):
    engine = create_engine("sqlite:///instance/crossfade_test.db")  # the relative one
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    finally:
        engine.dispose()

def test_one_that_is_alright(sync_session):
    assert sync_session.scalar(text("SELECT 1")) == 1
"""

TWIN = """
import pytest

@pytest.fixture
def sync_session():
    print("the twin")
"""

TEST = "def test_it(sync_session):\n    print('it ran')\n"


def test_engines_elsewhere_are_named_with_the_line_that_made_them(suite, bookshop) -> None:
    # After a greenlet that was left by an error, Python 3.11 can't parse what pytest would rewrite.
    outcome = suite(SPLIT, "-p", "no:randomly", "--assert=plain")

    for words in ("# the lifespan's", "# the relative one"):
        [number] = [number for number, line in enumerate(SPLIT.splitlines(), start=1) if words in line]
        assert f"the engine that was made at {bookshop}/test_it.py:{number} is on" in outcome.said, outcome.said
    assert f"which is {bookshop}/instance/crossfade_test.db, since it is relative" in outcome.said
    assert outcome.counts(passed=1, failed=2, errors=2), outcome.said


def test_a_database_with_the_stamp_of_production_is_refused_whatever_its_name(bookshop, crossfade, refusals) -> None:
    file = bookshop / "instance" / "books_test.db"
    made = crossfade("init", DATABASE_URL=f"sqlite:///{file}", APP_ENV="production", SECRET_KEY="s" * 40)
    assert made.returncode == 0, made.stderr
    with closing(sqlite3.connect(file)) as connection:
        before = list(connection.iterdump())
    (bookshop / "test_it.py").write_text(TEST)

    refusals(
        bookshop,
        [
            (["--crossfade-db=sqlite:///books_test.db"], {}, "production"),
            ([], {"TEST_DATABASE_URL": f"sqlite:///{file}"}, "production"),
        ],
    )

    with closing(sqlite3.connect(file)) as connection:
        assert list(connection.iterdump()) == before


def test_a_fixture_that_two_plugins_bring_ends_the_run_before_collection(bookshop, refusals) -> None:
    (bookshop / "another.py").write_text(TWIN)
    (bookshop / "test_it.py").write_text(TEST)

    refusals(
        bookshop, [(["-p", "another"], {}, "the fixture sync_session comes from two plugins, crossfade and another")]
    )


def test_a_conftest_may_say_what_a_fixture_is(suite, bookshop) -> None:
    (bookshop / "conftest.py").write_text(TWIN)
    (bookshop / "another.py").write_text(TWIN)

    outcome = suite(TEST, "-p", "another")

    assert outcome.counts(passed=1), outcome.said
