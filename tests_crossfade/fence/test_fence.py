"""A fence refuses every write, whoever writes, and leaves nothing behind."""

import itertools
import os
import signal
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from crossfade import clock, fence, urls
from crossfade.database.engines import Engines
from crossfade.errors import FreezeImpossibleError, WritersBusyError, WritesFrozenError
from crossfade.revisions.drift import drift

WRITES = [
    "INSERT INTO authors (id, name) VALUES (2, 'Sontag')",
    "INSERT INTO authors (id, name) VALUES (1, 'X') ON CONFLICT (id) DO NOTHING",
    "INSERT INTO authors (id, name) VALUES (1, 'X') ON CONFLICT (id) DO UPDATE SET name = 'X'",
    "UPDATE authors SET name = 'X'",
    "DELETE FROM authors",
    "DELETE FROM \"Books of 'all'\" WHERE id = 1",
]
WRITES_OF_SQLITE = ["INSERT OR IGNORE INTO authors VALUES (2, 'X')", "REPLACE INTO authors VALUES (1, 'X')"]
WRITES_OF_POSTGRESQL = ["TRUNCATE authors CASCADE", "SET session_replication_role = replica; DELETE FROM authors"]


@pytest.fixture
def stranger(route):
    """An engine that has never heard of the router."""
    engine = create_engine(urls.sync_url(route.url), poolclass=NullPool)
    yield engine
    engine.dispose()


def catalogue(engine):
    """Everything that the schema consists of."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            return connection.execute(text("SELECT type, name, sql FROM sqlite_master ORDER BY name")).all()
        return connection.execute(
            text(
                "SELECT 'trigger', tgname::text FROM pg_trigger UNION ALL SELECT 'function', proname::text FROM pg_proc"
                " WHERE pronamespace = 'public'::regnamespace UNION ALL SELECT 'class', relname::text FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2"
            )
        ).all()


def rows(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT id, name FROM authors ORDER BY id")).all()


def write(engine, statement="INSERT INTO authors (id, name) VALUES (7, 'Calvino')"):
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_every_write_is_refused_and_reading_goes_on(engine, library, route):
    fence.freeze(engine, fence.fenced(library))

    for statement in WRITES + (WRITES_OF_SQLITE if engine.dialect.name == "sqlite" else WRITES_OF_POSTGRESQL):
        with pytest.raises(WritesFrozenError, match="crossfade thaw") as refused:
            write(engine, statement)
        assert refused.value.facts == {"url": route.masked, "source": route.source}
    assert rows(engine) == [(1, "Lem")]


def test_a_writer_that_ignores_the_router_is_refused_too(engine, library, stranger):
    fence.freeze(engine, fence.fenced(library))

    for statement in WRITES:
        with pytest.raises(DBAPIError, match="crossfade: writes are frozen"):
            write(stranger, statement)
    assert rows(stranger) == [(1, "Lem")]


async def test_the_async_engine_refuses_in_the_same_words(engine, engines, library, route):
    fence.freeze(engine, fence.fenced(library))

    async with engines.async_engine(route).connect() as connection:
        with pytest.raises(WritesFrozenError):
            await connection.execute(text("DELETE FROM authors"))
    await engines.adispose()


def test_tables_that_nobody_misses_stay_writable(engine, library):
    fence.freeze(engine, fence.fenced(library))

    write(engine, "INSERT INTO visits (id) VALUES (2)")


def test_a_thaw_leaves_nothing_behind(engine, library):
    before = catalogue(engine)
    fence.freeze(engine, fence.fenced(library), reason="moving")

    assert catalogue(engine) != before
    assert fence.thaw(engine) is True
    assert catalogue(engine) == before
    assert fence.thaw(engine) is False
    write(engine)


def test_a_freeze_says_since_when_and_why(engine, library):
    reason = 'It\'s 100 % "ours" */ $$ ; -- ?:x \n ü'
    begun = clock.now()

    made = fence.freeze(engine, fence.fenced(library), reason=reason)

    with engine.connect() as connection:
        found = fence.frozen(connection)
    assert found == made
    assert found.reason == reason
    assert begun <= found.since <= clock.now() + timedelta(seconds=1)
    assert len(found.tables) == 2
    fence.thaw(engine)
    with engine.connect() as connection:
        assert fence.frozen(connection) is None


def test_a_second_freeze_keeps_the_first_ones_date_and_adds_what_was_open(engine, library):
    tables = fence.fenced(library)
    first = fence.freeze(engine, tables[:1], reason="one")
    same = fence.freeze(engine, tables[:1])
    more = fence.freeze(engine, tables, reason="two")

    assert same == first
    assert (more.since, more.reason, len(more.tables)) == (first.since, "two", 2)


def test_tables_that_are_not_there_are_passed_over_but_not_all_of_them(engine, library):
    write(engine, "DROP TABLE \"Books of 'all'\"")

    assert fence.freeze(engine, fence.fenced(library)).tables == ("authors",)
    fence.thaw(engine)
    write(engine, "DROP TABLE authors")
    with pytest.raises(FreezeImpossibleError, match="crossfade init"):
        fence.freeze(engine, fence.fenced(library))


def test_the_schema_is_still_what_it_should_be(engine, library):
    fence.freeze(engine, fence.fenced(library))

    with engine.connect() as connection:
        assert drift(connection, library) == []


def test_what_is_under_way_is_waited_for(engine, library, stranger):
    ended = threading.Event()

    def freeze():
        fence.freeze(engine, fence.fenced(library))
        ended.set()

    with stranger.connect() as writer:
        writer.execute(text("INSERT INTO authors (id, name) VALUES (2, 'Sontag')"))
        freezing = threading.Thread(target=freeze)
        freezing.start()
        assert not ended.wait(1.2)
        writer.commit()
    freezing.join(30)

    assert ended.is_set()
    assert [row.id for row in rows(engine)] == [1, 2]


def test_a_writer_that_does_not_end_is_named_and_nothing_is_changed(engine, library, stranger, route):
    before = catalogue(engine)
    with stranger.connect() as writer:
        writer.execute(text("UPDATE authors SET name = 'X'"))
        with pytest.raises(WritersBusyError) as refused:
            fence.freeze(engine, fence.fenced(library), patience=0.2)
        writer.commit()

    assert ("process" in str(refused.value)) is (engine.dialect.name == "postgresql")
    assert catalogue(engine) == before


def test_readers_do_not_keep_writers_out_after_a_thaw(engine, library, stranger):
    fence.freeze(engine, fence.fenced(library))
    with stranger.connect() as reader:
        reader.execute(text("SELECT * FROM authors")).all()
        if engine.dialect.name == "postgresql":
            with pytest.raises(WritersBusyError, match="process"):
                fence.thaw(engine, patience=0.1)
        else:
            fence.thaw(engine)
        write(engine)

    fence.thaw(engine)
    assert not [name for _, name, *_ in catalogue(engine) if "crossfade" in name]


def test_a_freeze_anew_closes_a_fence_that_was_left_open(engine, library, stranger):
    fence.freeze(engine, fence.fenced(library))
    if engine.dialect.name == "postgresql":
        with stranger.connect() as reader:
            reader.execute(text("SELECT * FROM authors")).all()
            with suppress(WritersBusyError):
                fence.thaw(engine, patience=0.1)
    fence.freeze(engine, fence.fenced(library))

    with pytest.raises(WritesFrozenError):
        write(engine)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("work", ["freeze", "thaw"])
def test_whoever_is_killed_on_the_way_leaves_no_half_of_it(work, engine, library, route):
    """Killed before each of its statements in turn, and before the commits, until it gets through."""
    tables = fence.fenced(library)
    for step in range(100):
        if work == "thaw":
            fence.freeze(engine, tables)
        status = work_until(step, route, fence.thaw if work == "thaw" else lambda made: fence.freeze(made, tables))
        with engine.connect() as connection:
            is_frozen = fence.frozen(connection) is not None
        assert refuses(engine) is is_frozen
        fence.thaw(engine)
        assert not [row for row in catalogue(engine) if "crossfade" in row[1]]
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            assert step > 5
            return
    pytest.fail("it never got through")


def work_until(step, route, work):
    """Works in a process of its own, which is killed at its step of this number; how it ended."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    steps = itertools.count()

    def die(*_arguments):
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        made = Engines(name="killed", statement_timeout=0).sync_engine(route)
        event.listen(made, "before_cursor_execute", die)
        event.listen(made, "commit", die)
        work(made)
        os._exit(0)
    finally:
        os._exit(1)


def refuses(engine):
    try:
        with engine.connect() as connection:
            connection.execute(text("UPDATE authors SET name = name"))
            connection.rollback()
    except WritesFrozenError:
        return True
    return False
