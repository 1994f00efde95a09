"""One transaction under the sync and async code of both stacks refuses what it can't have."""

HEAD = """
import asyncio, pytest
from sqlalchemy import func, select
from bookshop.models import Book

joint = pytest.mark.crossfade(isolation="joint")
"""

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

MARKED = (
    HEAD
    + """
@pytest.mark.crossfade(isolation="rollback")
def test_a_way_that_there_is_not(sync_session): ...

@pytest.mark.crossfade(isolaton="clone")
def test_a_keyword_that_there_is_not(sync_session): ...

@pytest.mark.crossfade(elsewhere="no")
def test_a_word_for_a_yes_or_no(sync_session): ...

@pytest.mark.parametrize("crossfade_database", ["mysql"], indirect=True)
def test_a_kind_that_there_is_not(sync_session): ...
"""
)


def test_what_can_not_be_fails_the_test_that_did_it_and_harms_nobody(suite) -> None:
    tests = {"test_at_once.py": AT_ONCE, "test_ended.py": ENDED, "test_live.py": LIVE}

    outcome = suite(tests, "--crossfade-db=both", "-p", "no:randomly")

    # On SQLite a COMMIT in so many words is one of a guest, and ends nothing.
    assert outcome.counts(passed=4 + 5, failed=2 + 1, errors=1 + 4), outcome.said
    assert "Two transactions were open at once on the joint connection of this test" in outcome.said
    assert 'mark the test @pytest.mark.crossfade(isolation="restore")' in outcome.said
    assert "had ended before the test did" in outcome.said


def test_what_is_asked_of_one_test_in_vain_is_said_in_one_sentence(suite) -> None:
    tests = {"test_live.py": LIVE.replace("@joint", ""), "test_marked.py": MARKED}

    outcome = suite(tests, "--override-ini=crossfade_isolation=joint")

    assert outcome.counts(errors=2 + 4), outcome.said
    assert outcome.said.count("can't see the rows of a joint transaction") >= 2, outcome.said
    assert "'rollback' is not an isolation: write restore" in outcome.said
    assert "isolaton is not understood: write isolation=" in outcome.said
    assert "elsewhere is 'no': write True or False" in outcome.said
    assert "'mysql' is no kind of database: write sqlite or postgresql" in outcome.said
    assert "fixtures.py" not in outcome.said
    assert "Traceback" not in outcome.said
