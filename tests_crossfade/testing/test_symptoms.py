"""What people search the web for: each symptom of docs/testing.md happens, and doesn't with the lines that cure it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"

HEAD = """
import asyncio, shutil
import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import MissingGreenlet, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from bookshop.models import Book, metadata

elsewhere = pytest.mark.crossfade(elsewhere=True)
"""

ON_SQLITE = (
    HEAD
    + """
@elsewhere
async def test_404(fastapi_client, sync_session, tmp_path):
    own = create_engine(f"sqlite:///{tmp_path}/books.db")
    metadata.create_all(own)
    with own.begin() as connection:
        connection.execute(Book.__table__.insert().values(title="Emma"))
    assert (await fastapi_client.get("/api/v2/books")).json() == []
    own.dispose()

    sync_session.add(Book(title="Emma"))
    sync_session.commit()

    assert (await fastapi_client.get("/api/v2/books")).json() == ["Emma"]

@elsewhere
async def test_no_such_table(crossfade_router):
    metadata.create_all(create_engine("sqlite://"))
    asynchronous = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(OperationalError, match="no such table"):
        async with asynchronous.connect() as connection:
            await connection.execute(select(Book))
    await asynchronous.dispose()

    async with crossfade_router.async_engine("fastapi").connect() as connection:
        assert (await connection.execute(select(Book))).all() == []

@elsewhere
def test_readonly_database(crossfade_router, tmp_path):
    def replaced(engine, file):
        with engine.connect() as connection:
            connection.execute(select(Book)).all()
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        other = shutil.copy(file, tmp_path / "other.db")
        for name in ("", "-wal", "-shm"):
            file.with_name(file.name + name).unlink(missing_ok=True)
        shutil.copy(other, file)
        with engine.begin() as connection:
            connection.execute(Book.__table__.insert().values(title="Emma"))

    file = tmp_path / "mine_test.db"
    own = create_engine(f"sqlite:///{file}")
    metadata.create_all(own)
    with pytest.raises(OperationalError, match="readonly database"):
        replaced(own, file)
    own.dispose()

    replaced(crossfade_router.engine("flask"), crossfade_router.route("flask").path)

@elsewhere
def test_database_is_locked(crossfade_router):
    url = crossfade_router.engine("flask").url.update_query_dict({"timeout": "0.1"})
    own = create_engine(url)
    session = crossfade_router.session_factory("flask")()
    session.add(Book(title="Emma"))
    session.flush()
    with pytest.raises(OperationalError, match="database is locked"), own.begin() as connection:
        connection.execute(Book.__table__.insert().values(title="Persuasion"))
    session.close()

    with crossfade_router.session("flask") as session:
        session.add(Book(title="Emma"))
    with own.begin() as connection:
        connection.execute(Book.__table__.insert().values(title="Persuasion"))
    own.dispose()

async def test_missing_greenlet(crossfade_router, async_session):
    own = AsyncSession(crossfade_router.async_engine("fastapi"))
    book = Book(title="Emma")
    own.add(book)
    await own.commit()
    with pytest.raises(MissingGreenlet, match="greenlet_spawn has not been called"):
        book.title
    assert await own.run_sync(lambda _: book.title) == "Emma"
    await own.close()

    kept = Book(title="Persuasion")
    async_session.add(kept)
    await async_session.commit()

    assert kept.title == "Persuasion"
"""
)

ON_POSTGRESQL = (
    HEAD
    + """
@pytest.fixture(scope="module")
def own(crossfade_databases):
    return create_async_engine(crossfade_databases.url("postgresql").set(drivername="postgresql+asyncpg"))

async def look(engine):
    async with engine.connect() as connection:
        return (await connection.execute(select(Book))).all()

async def test_first(own, crossfade_router):
    assert await look(own) == []
    assert await look(crossfade_router.async_engine("fastapi")) == []

async def test_attached_to_a_different_loop(own, crossfade_router):
    with pytest.raises(RuntimeError, match="attached to a different loop|Event loop is closed"):
        await look(own)
    own.sync_engine.dispose(close=False)
    assert await look(crossfade_router.async_engine("fastapi")) == []

@pytest.mark.crossfade(isolation="clone")
def test_relation_does_not_exist(sync_session):
    sync_session.execute(text("DROP TABLE books"))
    sync_session.commit()
    with pytest.raises(ProgrammingError, match='relation "books" does not exist'):
        sync_session.scalars(select(Book)).all()

def test_after_it(sync_session):
    assert sync_session.scalars(select(Book)).all() == []
"""
)


@pytest.mark.parametrize(("tests", "database"), [(ON_SQLITE, "sqlite"), (ON_POSTGRESQL, "postgres")])
def test_each_symptom_happens_and_not_with_its_cure(suite, tests, database) -> None:
    # asyncpg's connection of the first loop can't be closed any more, and says so; and after a greenlet that an error
    # has left, Python 3.11 can't parse what pytest would rewrite.
    torn = ["--assert=plain", "-W", "ignore::ResourceWarning", "-W", "ignore::pytest.PytestUnraisableExceptionWarning"]

    outcome = suite(tests, f"--crossfade-db={database}", "-p", "no:randomly", *torn)

    assert outcome.code == 0, outcome.said


def test_the_page_begins_with_each_of_them() -> None:
    page = PAGE.read_text()

    for symptom in (
        "404",
        "no such table",
        "readonly database",
        "database is locked",
        "MissingGreenlet",
        "attached to a different loop",
        "relation does not exist",
    ):
        assert re.search(rf"^\*\*[^*]*{symptom}", page, re.MULTILINE), symptom
