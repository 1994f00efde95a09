"""What is said when a database can't be reached or written."""

import os
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from crossfade.database import faults, files, probe
from crossfade.errors import (
    DatabaseMissingError,
    DatabaseUnwritableError,
    HostRefusedError,
    HostSilentError,
    HostUnknownError,
    LoginRefusedError,
    NotADatabaseError,
    UnreachableError,
)

NOBODY = 65534


@pytest.fixture(params=["sync", "psycopg", "asyncpg"])
def refusal(request, engines, route):
    """The error that a URL leads to, on each side and with each driver."""

    async def ask(url):
        if request.param == "sync":
            return probe.reachable(engines.sync_engine(route(url))).error
        url = url.replace("postgresql:", f"postgresql+{request.param}:")
        found = await probe.async_reachable(engines.async_engine(route(url)))
        return found.error

    return ask


async def test_a_name_without_an_address_names_the_host_and_the_variable(refusal):
    error = await refusal("postgresql://u:geheim@db.invalid:5432/x")

    assert isinstance(error, HostUnknownError)
    assert "The host db.invalid of postgresql://u:***@db.invalid:5432/x has no address" in str(error)
    assert "it comes from DATABASE_URL (code)" in str(error)


async def test_a_port_that_nobody_listens_at(refusal):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    error = await refusal(f"postgresql://u:geheim@127.0.0.1:{port}/x")

    assert isinstance(error, HostRefusedError)
    assert f"127.0.0.1:{port}" in str(error)
    assert "geheim" not in str(error)


async def test_a_socket_that_is_not_there(refusal, tmp_path):
    error = await refusal(f"postgresql://u@/x?host={tmp_path}")

    assert isinstance(error, HostRefusedError)
    assert str(tmp_path) in str(error)


async def test_a_server_that_never_answers(refusal):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await refusal(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2")

    assert isinstance(error, HostSilentError)


async def test_a_database_that_the_server_does_not_have(refusal, empty):
    error = await refusal(empty.replace("/router_", "/nowhere_"))

    assert isinstance(error, DatabaseMissingError)
    assert "createdb nowhere_" in str(error)


async def test_a_user_that_the_server_does_not_know(refusal, empty):
    error = await refusal(empty.replace("//postgres:@", "//stranger:geheim@").replace("//postgres@", "//stranger@"))

    assert isinstance(error, LoginRefusedError)
    assert "stranger" in str(error)


@pytest.fixture
def guarded(engines, route, empty):
    """A user whose password is asked for."""
    with engines.sync_engine(route(empty)).connect() as connection:
        path = Path(connection.scalar(text("SHOW hba_file")))
        connection.exec_driver_sql("DROP ROLE IF EXISTS guarded")
        connection.exec_driver_sql("CREATE ROLE guarded LOGIN PASSWORD 'geheim'")
        connection.commit()
        before = path.read_text()
        path.write_text("local all guarded scram-sha-256\n" + before)
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.commit()
    yield empty.replace("//postgres:@", "//guarded:falsch@").replace("//postgres@", "//guarded:falsch@")
    path.write_text(before)


async def test_a_wrong_password(refusal, guarded):
    error = await refusal(guarded)

    assert isinstance(error, LoginRefusedError)
    assert "falsch" not in str(error)


async def test_what_is_not_recognised_is_passed_on_without_secrets(route):
    found = route("postgresql://u:geheim@h/x")

    error = faults.while_connecting(RuntimeError("too many moons for postgresql://u:geheim@h/x"), found)

    assert type(error) is UnreachableError
    assert "too many moons" in str(error)
    assert "geheim" not in str(error)


def test_several_hosts_are_all_named(route):
    found = route("postgresql://u@/x?host=one&host=two")

    assert "one, two" in str(faults.while_connecting(socket.gaierror("no address"), found))


def sqlite_refusal(engines, found):
    error = probe.reachable(engines.sync_engine(found)).error
    assert error is not None
    assert "DATABASE_URL (code)" in str(error)
    return error


async def test_a_directory_is_no_database(engines, route, tmp_path):
    found = route(f"sqlite:///{tmp_path}")

    assert isinstance(sqlite_refusal(engines, found), NotADatabaseError)
    assert isinstance((await probe.async_reachable(engines.async_engine(found))).error, NotADatabaseError)


async def test_another_kind_of_file_is_no_database(engines, route, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database at all, but long enough to be looked at" * 100)
    found = route(f"sqlite:///{tmp_path}/notes.txt")

    assert isinstance(sqlite_refusal(engines, found), NotADatabaseError)
    assert isinstance((await probe.async_reachable(engines.async_engine(found))).error, NotADatabaseError)


def test_a_missing_file_is_missing(engines, route):
    error = sqlite_refusal(engines, route("sqlite:////nowhere/x.db"))

    assert isinstance(error, DatabaseMissingError)
    assert "crossfade init" in str(error)


@contextmanager
def powerless(path):
    """Without root's right to write everything, in a place that others may look into."""
    for folder in (path, *path.parents[:3]):
        folder.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_file_that_may_not_be_written_says_so(engines, route, tmp_path):
    found = route(f"sqlite:///{tmp_path}/x.db")
    files.create(found)
    found.path.chmod(0o444)

    with powerless(tmp_path):
        error = probe.reachable(engines.sync_engine(found)).error

    assert isinstance(error, DatabaseUnwritableError)


def test_a_file_that_may_not_even_be_read_says_so(engines, route, tmp_path):
    found = route(f"sqlite:///{tmp_path}/x.db")
    files.create(found)
    found.path.chmod(0)

    with powerless(tmp_path):
        error = probe.reachable(engines.sync_engine(found)).error

    assert isinstance(error, DatabaseUnwritableError)


def test_a_database_that_was_opened_to_read_refuses_a_write(engines, route, tmp_path):
    found = route(f"sqlite:///{tmp_path}/x.db")
    files.create(found)
    with engines.sync_engine(found).begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
    read_only = route(f"sqlite:///file:{tmp_path}/x.db?mode=ro&uri=true")

    with (
        engines.sync_engine(read_only).connect() as connection,
        pytest.raises(DatabaseUnwritableError, match="readonly"),
    ):
        connection.execute(text("INSERT INTO t VALUES (1)"))


def test_other_errors_stay_sqlalchemys(engines, route, tmp_path):
    found = route(f"sqlite:///{tmp_path}/x.db")
    files.create(found)

    with engines.sync_engine(found).connect() as connection:
        with pytest.raises(Exception, match="no such table") as caught:
            connection.execute(text("SELECT * FROM nowhere"))
        assert type(caught.value).__module__ == "sqlalchemy.exc"


def test_an_error_in_memory_is_unreachable(route):
    found = route(testing=True)

    assert type(faults.while_connecting(OSError("no memory"), found)) is UnreachableError


def test_a_folder_elsewhere_is_not_made_because_it_may_be_misspelt(route, tmp_path):
    with pytest.raises(DatabaseUnwritableError, match="there is no folder"):
        files.create(route(f"sqlite:///{tmp_path}/instnace/x.db"))

    assert list(tmp_path.iterdir()) == []


def test_a_file_is_made_once_with_its_folder(route, tmp_path):
    found = route(f"sqlite:///{tmp_path}/instance/b/x.db")

    assert files.create(found) is True
    assert files.create(found) is False
    assert found.path.stat().st_size == 0


@pytest.mark.parametrize("url", ["postgresql://u@h/x", "sqlite:///file:/x?vfs=memdb"])
def test_what_is_no_file_is_not_made(route, url):
    assert files.create(route(url)) is False


def test_a_folder_that_is_a_file_is_told(route, tmp_path):
    (tmp_path / "instance").touch()

    with pytest.raises(DatabaseUnwritableError, match="instance"):
        files.create(route())


def test_a_folder_that_may_not_be_written_is_told(route, tmp_path):
    with powerless(tmp_path), pytest.raises(DatabaseUnwritableError, match="Permission denied"):
        files.create(route())
