"""The registry of engines."""

import asyncio
import gc
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing

import pytest
from sqlalchemy import event, text

from crossfade.database import files
from crossfade.database.engines import Engines, checked_out
from crossfade.errors import DatabaseInUseError, DatabaseMissingError, EngineRetiredError, FileReplacedError


def make_table(engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))


async def rows(engine):
    async with engine.connect() as connection:
        return (await connection.execute(text("SELECT a FROM t"))).scalars().all()


async def test_both_sides_are_the_same_object_on_each_call(engines, any_route):
    assert engines.sync_engine(any_route) is engines.sync_engine(any_route)
    assert engines.async_engine(any_route) is engines.async_engine(any_route)


async def test_what_one_side_commits_the_other_one_sees(engines, any_route):
    make_table(engines.sync_engine(any_route))

    assert await rows(engines.async_engine(any_route)) == [1]

    await engines.adispose()


def test_making_an_engine_opens_nothing(engines, route):
    engines.sync_engine(route("postgresql://u:p@nowhere.invalid/x"))
    engines.async_engine(route("sqlite:////nowhere/at/all.db"))


def test_a_missing_file_is_an_error_and_not_a_new_database(engines, route, tmp_path):
    found = route()

    with pytest.raises(DatabaseMissingError, match="crossfade init"):
        engines.sync_engine(found).connect()

    assert not (tmp_path / "instance").exists()


async def test_so_it_is_on_the_async_side(engines, route):
    with pytest.raises(DatabaseMissingError, match="crossfade init"):
        await engines.async_engine(route()).connect()


def test_a_tests_file_is_made_when_it_is_needed(engines, route, tmp_path):
    make_table(engines.sync_engine(route(f"sqlite:///{tmp_path}/instance/test.db", testing=True)))

    assert (tmp_path / "instance" / "test.db").exists()


def test_memory_is_seen_by_every_thread_and_by_both_sides(engines, route):
    found = route(testing=True)
    make_table(engines.sync_engine(found))
    seen = []

    def look():
        with engines.sync_engine(found).connect() as connection:
            seen.append(connection.scalar(text("SELECT a FROM t")))

    with engines.sync_engine(found).connect():
        # A second connection, because the first one is out.
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    assert seen == [1]
    assert asyncio.run(rows(engines.async_engine(found))) == [1]


@pytest.mark.parametrize(
    "url", ["sqlite:///file:x{}?mode=memory&cache=shared&uri=true", "sqlite:///file:/x{}?vfs=memdb"]
)
def test_memory_that_somebody_named_is_kept_too(engines, route, url, tmp_path):
    found = route(url.format(tmp_path.name))
    engine = engines.sync_engine(found)
    make_table(engine)
    engine.dispose()

    assert asyncio.run(rows(engines.async_engine(found))) == [1]


def test_memory_is_gone_when_all_is_disposed_and_can_be_used_again(engines, route):
    found = route(testing=True)
    make_table(engines.sync_engine(found))

    engines.dispose()

    make_table(engines.sync_engine(found))


def test_connections_in_use_are_named_with_the_place_that_made_the_engine(engines, route):
    found = route()
    files.create(found)

    with engines.sync_engine(found).connect(), pytest.raises(DatabaseInUseError) as caught:
        engines.ensure_idle()

    assert "1 connection(s)" in str(caught.value)
    assert f"{__file__}:" in str(caught.value)
    assert "cron_jobs.db" in str(caught.value)
    engines.ensure_idle()


async def test_connections_of_the_async_side_count_too(engines, any_route):
    async with engines.async_engine(any_route).connect():
        assert checked_out(engines.async_engine(any_route).sync_engine) == 1
        with pytest.raises(DatabaseInUseError, match="1 connection"):
            engines.ensure_idle()

    await engines.adispose()


def test_a_retired_engine_says_where_it_was_made(engines, any_route):
    sync_engine, async_engine = engines.sync_engine(any_route), engines.async_engine(any_route)
    make_table(sync_engine)

    engines.retire()

    with pytest.raises(EngineRetiredError, match=__file__):
        sync_engine.connect()
    with pytest.raises(EngineRetiredError, match=__file__):
        asyncio.run(rows(async_engine))


async def test_a_connection_that_is_out_while_all_is_disposed_is_closed_when_it_comes_back(engines, any_route):
    connection = engines.sync_engine(any_route).connect()
    asynchronous = await engines.async_engine(any_route).connect()
    closed = []
    for engine in (engines.sync_engine(any_route), engines.async_engine(any_route).sync_engine):
        event.listen(engine.pool, "close", lambda driver, _: closed.append(driver))

    await engines.adispose()
    assert closed == []
    connection.close()
    await asynchronous.close()

    assert len(closed) == 2


def test_a_disposed_engine_connects_again(engines, any_route):
    engine = engines.sync_engine(any_route)
    make_table(engine)

    engines.dispose()

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT a FROM t")) == 1


def replace(path):
    """Another database in the place of the one at `path`, with the row 2."""
    other = path.with_name("other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")
        connection.execute("INSERT INTO t VALUES (2)")
        connection.commit()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    other.replace(path)


async def test_a_file_that_was_replaced_between_two_uses_is_opened_anew(engines, route):
    found = route()
    files.create(found)
    engine = engines.sync_engine(found)
    make_table(engine)
    assert await rows(engines.async_engine(found)) == [1]

    replace(found.path)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT a FROM t")) == 2
    assert await rows(engines.async_engine(found)) == [2]
    await engines.adispose()


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_a_write_to_a_file_that_was_replaced_does_not_succeed(engines, route, journal):
    found = route()
    files.create(found)
    engine = engines.sync_engine(found)
    make_table(engine)

    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA journal_mode={journal}")
        replace(found.path)
        with pytest.raises(FileReplacedError, match=r"cron_jobs\.db"):
            write(connection)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT a FROM t")).scalars().all() == [2]


def write(connection):
    connection.execute(text("INSERT INTO t VALUES (3)"))
    connection.commit()


def test_a_file_that_was_deleted_is_missing_at_the_next_use(engines, route):
    found = route()
    files.create(found)
    make_table(engines.sync_engine(found))

    found.path.unlink()

    with pytest.raises(DatabaseMissingError):
        engines.sync_engine(found).connect()


def backends(engine):
    with engine.connect() as connection:
        return connection.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        )


def idle(engine):
    """Waits until the server has noticed that the others went."""
    for _ in range(200):
        if backends(engine) == 0:
            return True
        threading.Event().wait(0.02)
    return False


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
async def test_disposing_leaves_no_backend(route, empty, driver):
    watching = Engines(name="watch", statement_timeout=30)
    engines = Engines(name="flask:web", statement_timeout=30)
    found = route(empty.replace("postgresql:", f"postgresql+{driver}:"))
    make_table(engines.sync_engine(found))
    assert await rows(engines.async_engine(found)) == [1]
    assert backends(watching.sync_engine(found)) == 2

    await engines.adispose()

    assert idle(watching.sync_engine(found))
    watching.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
async def test_sync_code_inside_a_loop_can_dispose_too(route, empty, driver):
    watching = Engines(name="watch", statement_timeout=30)
    engines = Engines(name="flask:web", statement_timeout=30)
    found = route(empty.replace("postgresql:", f"postgresql+{driver}:"))
    make_table(engines.sync_engine(found))
    assert await rows(engines.async_engine(found)) == [1]

    engines.dispose()
    await asyncio.sleep(0.1)

    assert idle(watching.sync_engine(found))
    watching.dispose()


def test_asyncpg_has_an_engine_for_each_loop(engines, route, empty):
    found = route(empty.replace("postgresql:", "postgresql+asyncpg:"))
    make_table(engines.sync_engine(found))

    async def use():
        engine = engines.async_engine(found)
        assert engines.async_engine(found) is engine
        assert await rows(engine) == [1]
        await engines.adispose()
        return engine

    assert asyncio.run(use()) is not asyncio.run(use())


def test_asyncpg_asked_outside_a_loop_works_in_each(engines, route, empty):
    found = route(empty.replace("postgresql:", "postgresql+asyncpg:"))
    make_table(engines.sync_engine(found))
    engine = engines.async_engine(found)

    assert [asyncio.run(rows(engine)) for _ in range(2)] == [[1], [1]]


def test_asyncpg_is_disposed_on_a_loop_that_rests(route, empty):
    watching = Engines(name="watch", statement_timeout=30)
    engines = Engines(name="flask:web", statement_timeout=30)
    found = route(empty.replace("postgresql:", "postgresql+asyncpg:"))
    make_table(engines.sync_engine(found))
    with asyncio.Runner() as runner:

        async def use():
            return await rows(engines.async_engine(found))

        assert runner.run(use()) == [1]
        engines.dispose()
        assert idle(watching.sync_engine(found))
    watching.dispose()


def test_asyncpg_is_disposed_on_a_loop_of_another_thread(route, empty):
    watching = Engines(name="watch", statement_timeout=30)
    engines = Engines(name="flask:web", statement_timeout=30)
    found = route(empty.replace("postgresql:", "postgresql+asyncpg:"))
    make_table(engines.sync_engine(found))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def use():
        return await rows(engines.async_engine(found))

    assert asyncio.run_coroutine_threadsafe(use(), loop).result() == [1]
    engines.dispose()

    assert idle(watching.sync_engine(found))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    watching.dispose()


def test_a_registry_that_nobody_holds_is_let_go():
    engines = Engines(name="script", statement_timeout=30)
    watch = __import__("weakref").ref(engines)

    del engines
    gc.collect()

    assert watch() is None


LOOP_GONE = """
    import asyncio, sys
    from pathlib import Path
    from sqlalchemy import event, text
    from crossfade.router import Router
    from crossfade.settings import Settings

    router = Router(Settings(root=Path("/"), database_url=sys.argv[1]))

    async def use():
        async with router.async_session("fastapi") as session:
            return await session.scalar(text("SELECT 7"))

    assert asyncio.run(use()) == 7
    router.dispose()
    assert asyncio.run(use()) == 7
    asyncio.run(router.adispose())
    print("fine")
"""


def test_asyncpg_is_disposed_after_its_loop_without_a_fuss(empty):
    url = empty.replace("postgresql:", "postgresql+asyncpg:")

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOOP_GONE), url], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


FORK = """
    import os, sys
    from pathlib import Path
    from sqlalchemy import event, text
    from crossfade import routes
    from crossfade.database.engines import Engines
    from crossfade.settings import Settings

    url, ask = sys.argv[1:]
    route = routes.resolve(Settings(root=Path("/"), database_url=url)).flask
    engines = Engines(name="flask:web", statement_timeout=30)
    engine = engines.sync_engine(route)

    def who(engine):
        with engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            return connection.execute(text(ask)).scalar(), id(raw)

    mine = who(engine)
    child = os.fork()
    if child == 0:
        again, cached = who(engines.sync_engine(route)), who(engine)
        fine = again == cached and again[1] != mine[1] and (ask == "SELECT 1" or again[0] != mine[0])
        engines.dispose()
        sys.exit(0 if fine else 7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert who(engine) == mine
    engines.dispose()
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_forked_child_has_connections_of_its_own_and_leaves_the_parents_alone(kind, tmp_path, request):
    (tmp_path / "x.db").touch()
    url = f"sqlite:///{tmp_path}/x.db" if kind == "sqlite" else request.getfixturevalue("empty")
    ask = "SELECT 1" if kind == "sqlite" else "SELECT pg_backend_pid()"

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORK), url, ask],
        check=False, capture_output=True, text=True, env=os.environ | {"PYTHONFAULTHANDLER": "1"},
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_many_threads_that_ask_at_once_get_one_engine(engines, route):
    found, barrier, seen = route(), threading.Barrier(16), set()

    def ask():
        barrier.wait()
        seen.add(engines.sync_engine(found))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 1
