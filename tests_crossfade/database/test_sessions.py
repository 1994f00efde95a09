"""Sessions, the right to write, and work off the loop."""

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from crossfade.database import files
from crossfade.database.sessions import AsyncSessionFactory, SessionFactory, begin_write, off_loop


@pytest.fixture
def file(route, engines, tmp_path):
    """A counter at 0, and a short patience."""
    found = route(f"sqlite:///{tmp_path}/x.db?timeout=0.2")
    files.create(found)
    with engines.sync_engine(found).begin() as connection:
        connection.execute(text("CREATE TABLE counter (value INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    return found


def write_elsewhere(found):
    with closing(sqlite3.connect(found.path, timeout=0.1)) as other:
        other.execute("UPDATE counter SET value = value + 1")
        other.commit()


def test_the_right_to_write_keeps_others_from_writing_between_check_and_write(engines, file):
    with Session(engines.sync_engine(file)) as session:
        begin_write(session)
        session.scalar(text("SELECT value FROM counter"))

        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write_elsewhere(file)

        session.execute(text("UPDATE counter SET value = value + 1"))
        session.commit()
        write_elsewhere(file)


def test_a_reader_keeps_nobody_from_writing(engines, file):
    with Session(engines.sync_engine(file)) as session:
        session.scalar(text("SELECT value FROM counter"))

        write_elsewhere(file)

        assert session.scalar(text("SELECT value FROM counter")) == 1


def test_a_writer_becomes_one_after_reading(engines, file):
    with Session(engines.sync_engine(file)) as session:
        session.scalar(text("SELECT value FROM counter"))
        write_elsewhere(file)

        begin_write(session)

        assert session.scalar(text("SELECT value FROM counter")) == 1
        session.execute(text("UPDATE counter SET value = 5"))
        session.commit()


def test_the_right_to_write_is_asked_for_as_often_as_one_likes(engines, file):
    with Session(engines.sync_engine(file)) as session:
        session.execute(text("UPDATE counter SET value = 5"))
        begin_write(session)
        begin_write(session)
        session.rollback()

        assert session.scalar(text("SELECT value FROM counter")) == 0


def test_two_writers_wait_for_each_other(engines, route, file):
    patient = route(f"sqlite:///{file.path}")

    def add():
        for _ in range(20):
            with Session(engines.sync_engine(patient)) as session:
                begin_write(session)
                value = session.scalar(text("SELECT value FROM counter"))
                session.execute(text(f"UPDATE counter SET value = {value + 1}"))
                session.commit()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with engines.sync_engine(patient).connect() as connection:
        assert connection.scalar(text("SELECT value FROM counter")) == 80


async def test_the_async_side_has_the_same_right(engines, file):
    async with AsyncSession(engines.async_engine(file)) as session:
        await session.run_sync(begin_write)

        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write_elsewhere(file)
        with pytest.raises(OperationalError, match="locked"), Session(engines.sync_engine(file)) as other:
            begin_write(other)

    await engines.adispose()


def test_on_postgresql_the_right_costs_nothing(engines, route, empty):
    with Session(engines.sync_engine(route(empty))) as one, Session(engines.sync_engine(route(empty))) as other:
        assert begin_write(one) is one
        assert begin_write(other) is other


def test_a_factory_asks_for_the_engine_at_each_call(engines, route):
    asked = []

    def engine():
        asked.append(1)
        return engines.sync_engine(route(testing=True))

    factory = SessionFactory(engine)
    assert asked == []
    with factory() as session, factory() as other:
        assert session.bind is other.bind
        assert session.expire_on_commit is False
    assert asked == [1, 1]


async def test_so_does_one_for_async_sessions(engines, route):
    factory = AsyncSessionFactory(lambda: engines.async_engine(route(testing=True)))

    async with factory() as session:
        assert session.bind is engines.async_engine(route(testing=True))


def test_work_is_done_here_when_there_is_no_loop():
    assert off_loop(threading.get_ident) == threading.get_ident()


async def test_work_is_done_here_on_a_loop_that_is_not_bridged():
    assert off_loop(threading.get_ident) == threading.get_ident()


async def test_work_inside_run_sync_is_done_in_a_thread_while_the_loop_goes_on(engines, route):
    going_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(word, *, repeat):
        # It can only end if the loop runs meanwhile.
        asyncio.run_coroutine_threadsafe(going_on.wait(), loop).result(10)
        return threading.get_ident(), word * repeat

    async with AsyncSession(engines.async_engine(route(testing=True))) as session:
        loop.call_soon(going_on.set)
        thread, word = await session.run_sync(lambda _session: off_loop(slow, "ab", repeat=2))

    assert thread != threading.get_ident()
    assert word == "abab"


async def test_an_error_of_work_in_a_thread_arrives(engines, route):
    def fail():
        raise LookupError("gone")

    async with AsyncSession(engines.async_engine(route(testing=True))) as session:
        with pytest.raises(LookupError, match="gone"):
            await session.run_sync(lambda _session: off_loop(fail))
