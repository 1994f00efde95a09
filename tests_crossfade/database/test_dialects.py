"""What is set on each connection."""

import asyncio
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crossfade.database import files
from crossfade.database.dialects import BUSY_TIMEOUT
from crossfade.database.engines import Engines
from crossfade.errors import UnreachableError

PRAGMAS = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT * 1000, "synchronous": 2}


@pytest.fixture
def file(route):
    found = route()
    files.create(found)
    return found


@pytest.mark.parametrize(("pragma", "value"), PRAGMAS.items(), ids=list(PRAGMAS))
async def test_both_sides_of_sqlite_are_set_up_alike(engines, file, pragma, value):
    with engines.sync_engine(file).connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    async with engines.async_engine(file).connect() as connection:
        assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar() == value
    await engines.adispose()


def test_a_tests_file_is_not_synced(engines, route, tmp_path):
    with engines.sync_engine(route(f"sqlite:///{tmp_path}/test.db", testing=True)).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 0


def test_the_urls_own_timeout_wins(engines, route, tmp_path):
    (tmp_path / "x.db").touch()
    with engines.sync_engine(route(f"sqlite:///{tmp_path}/x.db?timeout=3")).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 3000


@pytest.mark.parametrize("name", ["a b.db", "what?.db", "number#1.db", "100%.db", "ümläut.db"])
async def test_a_path_with_special_characters_is_one_file_for_both_sides(engines, route, tmp_path, name):
    (tmp_path / name).touch()
    found = route(f"sqlite:///{tmp_path}/{name.replace('%', '%25')}")

    with engines.sync_engine(found).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
    async with engines.async_engine(found).connect() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM t")).scalar() == 0

    await engines.adispose()
    assert (tmp_path / name).stat().st_size > 0


async def test_a_reader_that_stays_open_neither_blocks_nor_misses_the_other_stack(engines, file):
    with engines.sync_engine(file).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")

    with engines.sync_engine(file).connect() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0
        async with engines.async_engine(file).begin() as writer:
            await writer.exec_driver_sql("INSERT INTO t VALUES (1)")
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar() == 1
        reader.exec_driver_sql("INSERT INTO t VALUES (2)")
        reader.commit()

    await engines.adispose()


def test_a_file_uri_may_be_opened_read_only(engines, file, route):
    with engines.sync_engine(file).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")

    read_only = route(f"sqlite:///file:{file.path}?mode=ro&uri=true")
    with engines.sync_engine(read_only).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 0


SETTINGS = {"application_name": "flask:web", "statement_timeout": "30s", "TimeZone": "UTC"}


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
@pytest.mark.parametrize(("setting", "value"), SETTINGS.items(), ids=list(SETTINGS))
async def test_both_sides_of_postgresql_are_set_up_alike(engines, route, empty, driver, setting, value):
    found = route(empty.replace("postgresql:", f"postgresql+{driver}:"))

    with engines.sync_engine(found).connect() as connection:
        assert connection.scalar(text(f"SELECT current_setting('{setting}')")) == value
    async with engines.async_engine(found).connect() as connection:
        assert await connection.scalar(text(f"SELECT current_setting('{setting}')")) == value
    await engines.adispose()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
async def test_the_urls_own_options_win(engines, route, empty, driver):
    own = "&sslmode=disable&connect_timeout=5&application_name=mine&options=-c%20statement_timeout%3D7000"
    found = route(empty.replace("postgresql:", f"postgresql+{driver}:") + own)

    async with engines.async_engine(found).connect() as connection:
        values = await connection.execute(
            text("SELECT current_setting('application_name'), current_setting('statement_timeout')")
        )
        assert values.one() == ("mine", "7s")
    await engines.adispose()


def test_a_statement_that_takes_too_long_is_ended(route, empty):
    engines = Engines(name="script", statement_timeout=1)

    with (
        pytest.raises(DBAPIError, match="statement timeout"),
        engines.sync_engine(route(empty)).connect() as connection,
    ):
        connection.exec_driver_sql("SELECT pg_sleep(20)")

    engines.dispose()


def test_no_limit_is_a_limit_of_zero(route, empty):
    engines = Engines(name="script", statement_timeout=0)

    with engines.sync_engine(route(empty)).connect() as connection:
        assert connection.scalar(text("SELECT current_setting('statement_timeout')")) == "0"

    engines.dispose()


def test_a_connection_that_the_server_ended_is_replaced_unseen(engines, route, empty):
    engine = engines.sync_engine(route(empty))
    with engine.connect() as connection:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
    with engines.sync_engine(route(empty.replace("?", "?application_name=other&"))).connect() as other:
        other.execute(text(f"SELECT pg_terminate_backend({backend})"))

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != backend


def test_the_async_side_of_postgresql_survives_a_change_of_loops(engines, route, empty):
    engine = engines.async_engine(route(empty))

    async def backend():
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT pg_backend_pid()"))

    assert asyncio.run(backend()) == asyncio.run(backend())


def test_a_new_file_that_somebody_writes_is_opened_all_the_same(engines, route, tmp_path):
    found = route(f"sqlite:///{tmp_path}/x.db?timeout=0.1")
    files.create(found)

    with closing(sqlite3.connect(found.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with engines.sync_engine(found).connect() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_a_file_that_somebody_keeps_to_himself_is_unreachable_once_the_patience_ends(engines, route, tmp_path):
    found = route(f"sqlite:///{tmp_path}/x.db?timeout=0.1")
    files.create(found)

    with closing(sqlite3.connect(found.path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnreachableError, match="locked"):
            engines.sync_engine(found).connect()


TOGETHER = """
    import sys
    from pathlib import Path
    from sqlalchemy import text
    from crossfade.database import files
    from crossfade.database.sessions import begin_write
    from crossfade.router import Router
    from crossfade.settings import Settings

    router = Router(Settings(root=Path(sys.argv[1])))
    files.create(router.route("flask"))
    for statement in ["CREATE TABLE IF NOT EXISTS t (a INTEGER)"] + ["INSERT INTO t VALUES (1)"] * 20:
        with router.session("flask") as session:
            begin_write(session)
            session.execute(text(statement))
    router.dispose()
"""


def test_processes_that_start_on_a_new_file_at_once_lose_nothing(engines, route, tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(TOGETHER), str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]

    assert [process.communicate()[1] for process in processes] == [""] * 4
    with engines.sync_engine(route()).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar() == 80
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
