"""One transaction under the sync and async code of both stacks: all see it, nothing stays, no other process can."""

import pytest

HEAD = """
import asyncio, pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import IntegrityError
from bookshop.models import Book

joint = pytest.mark.crossfade(isolation="joint")
restore = pytest.mark.crossfade(isolation="restore")
"""

BOTH_STACKS = (
    HEAD
    + """
@pytest.fixture(scope="session")
def crossfade_seed():
    return lambda session: session.add(Book(title="from the seed"))

async def in_turn(async_session, sync_session, fastapi_client, flask_client, crossfade_router):
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
        async_session.add(Book(id=1, title="there already"))
        with pytest.raises(IntegrityError):
            await async_session.flush()
        await async_session.rollback()
        sync_session.add(Book(id=1, title="there already"))
        with pytest.raises(IntegrityError):
            sync_session.flush()
        sync_session.rollback()
    with sync_session.begin_nested() as savepoint:
        sync_session.add(Book(title="undone"))
        sync_session.flush()
        savepoint.rollback()
    assert (await fastapi_client.get("/api/v2/books")).json() == seen

@joint
async def test_1(async_session, sync_session, fastapi_client, flask_client, crossfade_router):
    await in_turn(async_session, sync_session, fastapi_client, flask_client, crossfade_router)

@restore
async def test_2(async_session, sync_session, fastapi_client, flask_client, crossfade_router):
    await in_turn(async_session, sync_session, fastapi_client, flask_client, crossfade_router)

@joint
async def test_3(async_session, sync_session, fastapi_client, flask_client, crossfade_router):
    await in_turn(async_session, sync_session, fastapi_client, flask_client, crossfade_router)

@joint
def test_4(sync_session, flask_client):
    assert flask_client.get("/api/books").json == ["from the seed"]
    sync_session.execute(text("DROP TABLE books"))
    sync_session.commit()

@joint
async def test_5(async_session, sync_session, fastapi_client, flask_client, crossfade_router):
    await in_turn(async_session, sync_session, fastapi_client, flask_client, crossfade_router)
"""
)

AT_ONCE = (
    HEAD
    + """
pytestmark = joint

async def test_at_once(crossfade_router, sync_session):
    async def add(title):
        async with crossfade_router.async_session("fastapi") as session:
            session.add(Book(title=title))
            await session.flush()
            await asyncio.sleep(0)

    await asyncio.gather(*(add(str(number)) for number in range(5)))

    assert sync_session.scalar(select(func.count()).select_from(Book)) == 5

def test_one_that_would_undo_another(crossfade_router):
    first = crossfade_router.session_factory("flask")()
    second = crossfade_router.session_factory("flask")()
    first.add(Book(title="first"))
    first.flush()
    second.add(Book(title="second"))
    second.commit()
    second.close()
    try:
        first.rollback()
    finally:
        first.close()

def test_the_next_one(sync_session):
    assert sync_session.scalar(select(func.count()).select_from(Book)) == 0
"""
)

ENDED = (
    HEAD
    + """
pytestmark = joint

def test_commits_in_so_many_words(crossfade_router):
    with crossfade_router.engine("flask").connect() as connection:
        connection.execute(Book.__table__.insert().values(title="stays"))
        connection.exec_driver_sql("COMMIT")

@pytest.mark.parametrize("turn", [1, 2])
def test_the_next_one(turn, sync_session):
    assert sync_session.scalar(select(func.count()).select_from(Book)) == 0
    sync_session.add(Book(title="from the test"))
    sync_session.commit()
"""
)

LIVE = HEAD + "@joint\ndef test_live(live_flask): ...\n\n@joint\ndef test_too(sync_session, live_fastapi): ...\n"


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "xdist"])
def test_all_see_what_one_writes_and_the_next_test_sees_nothing(suite, options) -> None:
    outcome = suite(BOTH_STACKS, "--crossfade-db=both", "-p", "no:randomly", *options)

    assert outcome.counts(passed=10), outcome.said


def test_transactions_at_once_are_kept_apart_or_refused(suite) -> None:
    outcome = suite(AT_ONCE, "--crossfade-db=both", "-p", "no:randomly")

    assert outcome.counts(passed=4, failed=2), outcome.said
    assert "Two transactions were open at once on the joint connection of this test" in outcome.said
    assert 'mark the test @pytest.mark.crossfade(isolation="restore")' in outcome.said


def test_a_commit_that_ends_it_fails_the_test_and_harms_nobody(suite) -> None:
    outcome = suite(ENDED, "--crossfade-db=postgres", "-p", "no:randomly")

    assert "had ended before the test did" in outcome.said
    assert outcome.counts(passed=2, failed=1, error=1), outcome.said


def test_a_live_server_is_refused_in_one_sentence(suite) -> None:
    outcome = suite(LIVE)

    assert outcome.counts(errors=2), outcome.said
    assert outcome.said.count("can't see the rows of a joint transaction") >= 2, outcome.said
    assert "Traceback" not in outcome.said


def test_the_ini_file_may_say_it_for_all(suite) -> None:
    outcome = suite(LIVE.replace("@joint", ""), "--override-ini=crossfade_isolation=joint")

    assert outcome.counts(errors=2), outcome.said
