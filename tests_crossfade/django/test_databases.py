"""An alias of settings.DATABASES as a URL and as engines that reach the very database that Django reaches."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.db import ConnectionHandler
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from sqlalchemy import URL, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, QueuePool

from crossfade import django, urls
from crossfade.errors import DjangoSettingsError, PrivateMemoryError

POSTGRESQL = "django.db.backends.postgresql"
SQLITE = "django.db.backends.sqlite3"
SHARED = "file:memorydb_default?mode=memory&cache=shared"


def read(**settings):
    engine = settings.pop("ENGINE", POSTGRESQL)
    return django.read({"ENGINE": engine, "NAME": "shop"} | settings, directory=Path("/srv/app"))


def sqlite(name, **settings):
    return read(ENGINE=SQLITE, NAME=name, **settings)


def test_all_parts_of_a_server_are_taken_as_they_are():
    found = read(USER="u@x", PASSWORD="p@ss/w:rd#%", HOST="db.example", PORT="5433")

    assert found.url == URL.create("postgresql", "u@x", "p@ss/w:rd#%", "db.example", 5433, "shop")


def test_empty_parts_are_left_out():
    assert read(USER="", PASSWORD="", HOST="", PORT="").url == URL.create("postgresql", database="shop")


def test_a_host_that_is_a_directory_is_the_sockets():
    url = read(HOST="/var/run/postgresql").url

    assert (url.host, url.query["host"]) == (None, "/var/run/postgresql")


@pytest.mark.parametrize("port", ["http", "0", "65536", -1])
def test_a_port_is_a_number_that_a_port_can_have(port):
    with pytest.raises(DjangoSettingsError, match=r"\['PORT'\]: .* is no port: 1 to 65535"):
        read(PORT=port)


def test_no_name_is_the_database_of_maintenance():
    assert read(NAME=None).url.database == "postgres"


def test_an_empty_name_needs_a_service():
    with pytest.raises(DjangoSettingsError, match=r"\['NAME'\]: it must name the database, or OPTIONS a service"):
        read(NAME="")

    assert read(NAME="", OPTIONS={"service": "shop"}).url == URL.create("postgresql", query={"service": "shop"})


def test_a_name_that_postgresql_would_cut_is_refused():
    with pytest.raises(DjangoSettingsError, match="longer than the 63 bytes"):
        read(NAME="x" * 64)


def test_options_go_to_psycopg_as_they_are_less_what_is_djangos_own():
    options = {
        "sslmode": "require",
        "connect_timeout": 3,
        "prepare_threshold": 5,
        "pool": True,
        "server_side_binding": True,
        "isolation_level": IsolationLevel.SERIALIZABLE,
        "assume_role": "app",
        "cursor_factory": object,
        "client_encoding": "UTF8",
    }

    found = read(OPTIONS=options).engine_options("psycopg")

    assert found["connect_args"] == {"sslmode": "require", "connect_timeout": 3, "prepare_threshold": 5}
    assert found["isolation_level"] == "SERIALIZABLE"


def test_an_isolation_level_that_there_is_not_is_refused():
    with pytest.raises(DjangoSettingsError, match=r"\['isolation_level'\]: 9 is no isolation level"):
        read(OPTIONS={"isolation_level": 9}).engine_options("psycopg")


def test_options_are_translated_for_asyncpg():
    options = {
        "sslmode": "require",
        "connect_timeout": 3,
        "application_name": "shop",
        "options": "-c search_path=shop -cstatement_timeout=1000",
    }

    found = read(OPTIONS=options).engine_options("asyncpg")["connect_args"]

    assert found == {
        "ssl": "require",
        "timeout": 3.0,
        "server_settings": {"application_name": "shop", "search_path": "shop", "statement_timeout": "1000"},
    }


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("passfile", "/etc/pgpass", {"passfile": "/etc/pgpass"}),
        ("target_session_attrs", "read-write", {"target_session_attrs": "read-write"}),
        ("prepare_threshold", None, {"statement_cache_size": 0}),
        ("prepare_threshold", 5, {}),
    ],
)
def test_an_option_is_what_asyncpg_calls_it(name, value, told):
    assert read(OPTIONS={name: value}).engine_options("asyncpg")["connect_args"] == told


def test_an_option_that_asyncpg_does_not_have_is_refused_by_name():
    with pytest.raises(DjangoSettingsError, match=r"\['OPTIONS'\]\['keepalives'\]: asyncpg has no such option"):
        read(OPTIONS={"keepalives": 1}).engine_options("asyncpg")


@pytest.mark.parametrize(
    ("age", "kept"),
    [
        (0, {"poolclass": NullPool}),
        (60, {"pool_recycle": 60, "pool_pre_ping": False}),
        (None, {"pool_recycle": -1, "pool_pre_ping": False}),
    ],
)
def test_a_connection_is_kept_as_long_as_django_keeps_it(age, kept):
    assert read(CONN_MAX_AGE=age).engine_options("psycopg") == {"connect_args": {}} | kept


def test_a_connection_is_for_one_use_where_nothing_is_said():
    assert read().engine_options("psycopg") == {"connect_args": {}, "poolclass": NullPool}


def test_a_connection_is_tried_where_django_tries_it():
    assert read(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True).engine_options("psycopg")["pool_pre_ping"] is True


@pytest.mark.parametrize(
    ("driver", "unprepared"), [("psycopg", {"prepare_threshold": None}), ("asyncpg", {"statement_cache_size": 0})]
)
def test_nothing_is_prepared_behind_a_pooler(driver, unprepared):
    assert read(DISABLE_SERVER_SIDE_CURSORS=True).engine_options(driver)["connect_args"] == unprepared


def test_a_role_is_assumed_on_connecting():
    assert read(OPTIONS={"assume_role": 'the "app"'}).statements() == ('SET ROLE "the ""app"""',)


def test_a_password_is_not_shown():
    assert "hunter2" not in repr(read(PASSWORD="hunter2"))


@pytest.mark.parametrize("name", ["a b.db", "what?.db", "number#1.db", "100%.db"])
def test_a_path_stays_what_it_is(name):
    assert sqlite(Path("/var") / name).url.database == f"/var/{name}"


@pytest.mark.parametrize(
    ("name", "database", "query"),
    [
        ("file:/srv/shop.db", "file:/srv/shop.db", {"uri": "true"}),
        ("file:/shop?vfs=memdb", "file:/shop", {"vfs": "memdb", "uri": "true"}),
    ],
)
def test_a_uri_stays_one_with_its_options(name, database, query):
    url = sqlite(name).url

    assert (url.database, dict(url.query)) == (database, query)


@pytest.mark.parametrize("name", ["test_shop_1.sqlite3", "test_shop.sqlite3_gw0"])
def test_the_file_of_one_of_djangos_parallel_tests_is_taken_as_django_names_it(name):
    connections = ConnectionHandler({"default": {"ENGINE": SQLITE, "NAME": "/srv/shop.db"}})
    connections["default"].settings_dict["NAME"] = f"/srv/{name}"

    assert django.effective(connections).url.database == f"/srv/{name}"


def test_a_relative_path_is_where_django_would_open_it():
    assert sqlite("data/shop.db").url.database == "/srv/app/data/shop.db"


def test_a_path_needs_no_directory_to_be_told(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    assert django.read({"ENGINE": SQLITE, "NAME": "shop.db"}).url.database == str(tmp_path / "shop.db")


def test_a_file_needs_a_name():
    with pytest.raises(DjangoSettingsError, match=r"\['NAME'\]: it must name the file"):
        sqlite("")


@pytest.mark.parametrize("name", [":memory:", "file::memory:", "file:shop?mode=memory"])
def test_memory_of_one_connection_is_refused(name):
    with pytest.raises(PrivateMemoryError):
        sqlite(name)


@pytest.mark.parametrize(("driver", "pool"), [("pysqlite", QueuePool), ("aiosqlite", AsyncAdaptedQueuePool)])
def test_the_memory_of_a_test_run_is_shared_by_many_connections(driver, pool):
    found = sqlite(SHARED)

    assert found.url.database == "file:memorydb_default"
    assert dict(found.url.query) == {"mode": "memory", "cache": "shared", "uri": "true"}
    assert found.engine_options(driver) == {"connect_args": {"check_same_thread": False}, "poolclass": pool}


def test_a_suffix_of_xdist_behind_the_options_of_memory_is_explained():
    with pytest.raises(DjangoSettingsError, match=r"no cache 'shared_gw1': pytest-xdist.* Name a file in TEST"):
        sqlite(f"{SHARED}_gw1")


def test_sqlite_is_told_its_own_options_and_set_up_as_django_does():
    options = {
        "timeout": 7,
        "init_command": "PRAGMA synchronous=NORMAL; PRAGMA cache_size=2000;",
        "transaction_mode": "immediate",
        "detect_types": 3,
        "check_same_thread": True,
        "uri": False,
    }

    found = sqlite("/a.db", OPTIONS=options)

    assert found.engine_options("pysqlite") == {"connect_args": {"check_same_thread": False, "timeout": 7}}
    assert found.statements() == (
        "PRAGMA foreign_keys=ON",
        "PRAGMA synchronous=NORMAL",
        "PRAGMA cache_size=2000",
    )
    assert found.begin() == "BEGIN IMMEDIATE"


def test_an_ordinary_transaction_begins_as_it_always_does():
    assert sqlite("/a.db").begin() is None


def test_the_database_that_django_uses_now_is_asked_for_and_not_the_one_of_the_settings():
    connections = ConnectionHandler({"default": {"ENGINE": SQLITE, "NAME": "/srv/shop.db"}})
    connections["default"].settings_dict["NAME"] = "/srv/test_shop.db"

    assert django.effective(connections).url.database == "/srv/test_shop.db"


def test_a_mirror_is_what_it_mirrors():
    settings = {"ENGINE": SQLITE, "NAME": "/srv/shop.db"}
    replica = settings | {"NAME": "/srv/replica.db", "TEST": {"MIRROR": "default"}}
    connections = ConnectionHandler({"default": settings, "replica": replica})

    assert django.effective(connections, "replica").url.database == "/srv/shop.db"


def test_an_alias_that_there_is_not_is_refused_by_name():
    connections = ConnectionHandler({"default": {"ENGINE": SQLITE, "NAME": "/srv/shop.db"}})

    with pytest.raises(DjangoSettingsError, match="'reports' is no alias; there are default"):
        django.effective(connections, "reports")


def test_both_sides_reach_the_file_that_django_reaches(tmp_path):
    name = tmp_path / "a shop? #1.db"
    with closing(sqlite3.connect(name)) as connection:
        connection.executescript("CREATE TABLE found (name TEXT); INSERT INTO found VALUES ('here')")
    database = sqlite(name, OPTIONS={"timeout": 7})

    assert rows(database, "SELECT name FROM found") == ["here", "here"]


@pytest.mark.parametrize("driver", ["psycopg_async", "asyncpg"])
def test_both_sides_reach_the_server_that_django_reaches(postgresql, driver):
    options = {"application_name": "shop", "connect_timeout": 5, "options": "-c statement_timeout=1234"}
    database = django.read(postgresql | {"OPTIONS": options})

    told = "SELECT current_database() || current_setting('application_name') || current_setting('statement_timeout')"

    assert rows(database, told, driver) == [f"{postgresql['NAME']}shop1234ms"] * 2


def rows(database, statement, driver="aiosqlite"):
    """The one value of a statement, asked by the sync and by the async side."""
    sync_driver = "pysqlite" if driver == "aiosqlite" else "psycopg"
    engine = create_engine(urls.sync_url(database.url), **database.engine_options(sync_driver))
    with engine.connect() as connection:
        first = connection.scalar(text(statement))
    engine.dispose()

    async def ask():
        url = urls.async_url(database.url, "asyncpg" if driver == "asyncpg" else None)
        asynchronous = create_async_engine(url, **database.engine_options(driver))
        async with asynchronous.connect() as connection:
            second = await connection.scalar(text(statement))
        await asynchronous.dispose()
        return second

    return [first, asyncio.run(ask())]
