"""SQLite for async code: what a statement gives, how often the connection's thread is asked, and what is cleaned up."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from aiosqlite import Connection
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from crossfade.database import files
from crossfade.database.sessions import begin_write
from crossfade.database.trips import Cursor

thing = Table("thing", MetaData(), Column("id", Integer, primary_key=True), Column("name", String, unique=True))


@pytest.fixture
def file(route, engines, tmp_path):
    """An empty table."""
    found = route(f"sqlite:///{tmp_path}/x.db")
    files.create(found)
    thing.metadata.create_all(engines.sync_engine(found))
    return found


@pytest.fixture
async def engine(engines, file):
    made = engines.async_engine(file)
    yield made
    await made.dispose()


@pytest.fixture
def trips(monkeypatch):
    """What the thread was asked for."""
    asked = []
    execute = Connection._execute

    async def counted(connection, function, *args, **kwargs):
        asked.append(function)
        return await execute(connection, function, *args, **kwargs)

    monkeypatch.setattr(Connection, "_execute", counted)
    return asked


async def test_a_statement_is_one_trip_and_the_end_of_a_read_none(engine, trips):
    async with AsyncSession(engine) as session:
        await session.execute(select(thing))
        trips.clear()

        await session.execute(select(thing))
        await session.commit()

    assert len(trips) == 1


async def test_a_write_is_committed_and_one_that_fails_is_taken_back(engine, engines, file):
    async with AsyncSession(engine) as session:
        await session.execute(insert(thing).values(name="kept"))
        await session.commit()
        await session.execute(insert(thing).values(name="left"))

    with engines.sync_engine(file).connect() as connection:
        assert connection.scalars(select(thing.c.name)).all() == ["kept"]


async def test_rows_come_one_by_one_some_at_a_time_and_all_that_are_left(engine):
    async with engine.begin() as connection:
        many = await connection.execute(insert(thing), [{"name": name} for name in "abcdef"])
        one = await connection.execute(insert(thing).values(name="g"))
        returned = await connection.scalar(insert(thing).values(name="h").returning(thing.c.id))
        changed = await connection.execute(update(thing).where(thing.c.id < 3).values(name=func.upper(thing.c.name)))
        rows = await connection.execute(select(thing.c.name).order_by(thing.c.id))

        assert (many.rowcount, one.inserted_primary_key[0], returned, changed.rowcount) == (6, 7, 8, 2)
        assert list(rows.keys()) == ["name"]
        assert (rows.fetchone(), rows.fetchmany(2), rows.scalars().all()) == (
            ("A",),
            [("B",), ("c",)],
            ["d", "e", "f", "g", "h"],
        )


async def test_the_drivers_own_cursor_can_be_read_in_all_ways_of_the_db_api(engine):
    def read(connection):
        cursor = connection.connection.cursor()
        assert isinstance(cursor, Cursor)
        assert (cursor.description, cursor.rowcount, cursor.fetchone()) == (None, -1, None)
        cursor.execute("VALUES (1), (2), (3), (4)")
        first, second, rest = cursor.fetchone(), cursor.fetchmany(), list(cursor)
        cursor.execute("SELECT :name", {"name": "x"})
        cursor.close()
        return first, second, rest, cursor.fetchall()

    async with engine.connect() as connection:
        assert await connection.run_sync(read) == ((1,), [(2,)], [(3,), (4,)], [])


async def test_a_stream_still_comes_from_the_thread_and_what_it_wrote_is_taken_back(engine):
    written = text("INSERT INTO thing (name) VALUES ('x'), ('y') RETURNING name")
    async with engine.connect() as connection, connection.stream(written) as rows:
        assert await rows.scalars().all() == ["x", "y"]

    async with engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(thing)) == 0


async def test_errors_are_the_drivers_as_sqlalchemy_wraps_them(engine):
    async with engine.connect() as connection:
        with pytest.raises(OperationalError, match="no such table"):
            await connection.execute(text("SELECT * FROM missing"))
        with pytest.raises(IntegrityError, match=r"UNIQUE constraint failed: thing\.name"):
            await connection.execute(insert(thing), [{"name": "twice"}, {"name": "twice"}])


@pytest.mark.parametrize("raw", [False, True], ids=["session", "the driver's cursor"])
async def test_who_is_cancelled_while_waiting_for_the_write_lock_leaves_no_transaction_behind(engine, file, raw):
    """The thread takes the lock after all, when nobody waits for the answer any more."""
    waiting = asyncio.Event()

    def wait(session):
        cursor = session.connection().connection.cursor()
        waiting.set()
        # SQLAlchemy drops a connection that is in use when its task is cancelled; of this one it doesn't know.
        cursor.execute("BEGIN IMMEDIATE") if raw else begin_write(session)

    async def write():
        async with AsyncSession(engine) as session:
            await session.run_sync(wait)

    with closing(sqlite3.connect(file.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(write())
        await waiting.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        asyncio.get_running_loop().call_later(0.1, other.rollback)
        with pytest.raises(asyncio.CancelledError):
            await task

        other.execute("BEGIN IMMEDIATE")


async def test_a_connection_that_was_closed_underneath_says_so(engine):
    async with engine.connect() as connection:
        await (await connection.get_raw_connection()).driver_connection.close()

        with pytest.raises(OperationalError, match="no active connection"):
            await connection.execute(select(thing))
        await connection.invalidate()
