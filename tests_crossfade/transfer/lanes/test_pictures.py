import sqlite3
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from crossfade import urls
from crossfade.database.engines import Engines
from crossfade.routes import Route
from crossfade.transfer import pictures
from crossfade.transfer.ends import End

SOURCES = ["write-ahead log", "rollback journal", "postgresql"]


@contextmanager
def opened(end):
    if end.engine == "sqlite":
        with closing(sqlite3.connect(end.route.path, timeout=30, isolation_level=None)) as connection:
            yield connection
    else:
        with end.connection() as connection:
            connection.autocommit = True
            yield connection


@pytest.fixture
def source(make_end, request):
    """Two accounts, in a table each."""
    end = make_end("source", "postgresql" if request.param == "postgresql" else "sqlite")
    with opened(end) as connection:
        if request.param == "rollback journal":
            connection.execute("PRAGMA journal_mode=DELETE")
        for table in ("mine", "yours"):
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, money INTEGER)")
            connection.execute(f"INSERT INTO {table} VALUES (1, 1000)")
    return end


each_source = pytest.mark.parametrize("source", SOURCES, indirect=True)


@contextmanager
def writing(end):
    """Somebody who moves money from one account to the other, and tells how often he has."""
    moved, over, more = [0], threading.Event(), threading.Event()

    def move():
        with opened(end) as connection:
            # A writer that never pauses would keep everybody else out, on SQLite.
            while not over.wait(0.005):
                connection.execute("BEGIN IMMEDIATE" if end.engine == "sqlite" else "BEGIN")
                connection.execute("UPDATE mine SET money = money - 1")
                connection.execute("UPDATE yours SET money = money + 1")
                connection.execute("COMMIT")
                moved[0] += 1
                more.set()

    def wait():
        more.clear()
        assert more.wait(30)

    writer = threading.Thread(target=move)
    writer.start()
    try:
        wait()
        yield wait
    finally:
        over.set()
        writer.join(30)


def money(connection, table):
    return connection.execute(f"SELECT money FROM {table}").fetchone()[0]


@each_source
def test_a_picture_is_one_moment_while_writers_go_on(source):
    with writing(source) as others_write:
        for _ in range(5):
            with pictures.take(source) as picture:
                mine = money(picture.connections[0], "mine")
                others_write()
                others_write()
                assert mine + money(picture.connections[0], "yours") == 2000
                assert mine == money(picture.connections[0], "mine")


@each_source
def test_all_readers_of_a_picture_see_the_same_moment(source):
    with writing(source) as others_write:
        for _ in range(5):
            with pictures.take(source, readers=4) as picture:
                seen = []
                for connection in picture.connections:
                    others_write()
                    seen.append((money(connection, "mine"), money(connection, "yours")))
                assert len(set(seen)) == 1
                assert sum(seen[0]) == 2000


@each_source
def test_nothing_can_be_written_through_a_picture(source):
    with pictures.take(source, readers=2) as picture:
        for connection in picture.connections:
            with pytest.raises(Exception, match=r"read-?\s?only"):
                connection.execute("UPDATE mine SET money = 0")


@each_source
def test_a_source_is_left_as_it_was_found(source):
    with pictures.take(source, readers=2) as picture:
        assert money(picture.connections[1], "mine") == 1000

    with opened(source) as connection:
        assert money(connection, "mine") == 1000
        connection.execute("UPDATE mine SET money = 7")
        if source.engine == "sqlite":
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] in {"wal", "delete"}


@pytest.mark.parametrize("source", ["rollback journal"], indirect=True)
def test_a_rollback_journal_stays_one_and_its_copy_is_thrown_away(source, tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))

    with pictures.take(source) as picture:
        assert len(list(place.iterdir())) == 1
        assert money(picture.connections[0], "mine") == 1000

    assert not list(place.iterdir())
    with opened(source) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


@pytest.mark.parametrize("source", SOURCES[:2], indirect=True)
def test_the_target_sees_the_same_moment_beside_it(source, make_end):
    target = make_end("target", "sqlite")
    with target.connection() as connection, writing(source) as others_write:
        for _ in range(5):
            with pictures.take(source, beside=connection) as picture:
                others_write()
                mine = money(picture.connections[0], "mine")
                others_write()
                assert money(connection, f"{pictures.BESIDE}.mine") == mine
                assert money(connection, f"{pictures.BESIDE}.yours") == 2000 - mine
                assert connection.in_transaction


@pytest.mark.parametrize("source", SOURCES[:2], indirect=True)
def test_what_the_target_does_not_commit_is_rolled_back(source, make_end):
    target = make_end("target", "sqlite")

    def fail(connection):
        with pictures.take(source, beside=connection):
            connection.execute(f"CREATE TABLE mine AS SELECT * FROM {pictures.BESIDE}.mine")
            raise RuntimeError

    with target.connection() as connection:
        with pytest.raises(RuntimeError):
            fail(connection)
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
        assert len(connection.execute("PRAGMA database_list").fetchall()) == 1
        with pictures.take(source, beside=connection):
            connection.execute(f"CREATE TABLE mine AS SELECT * FROM {pictures.BESIDE}.mine")
            connection.execute("COMMIT")
        assert money(connection, "mine") == 1000


def test_a_database_in_memory_has_a_picture_too():
    url = urls.canonical(make_url("sqlite:///file:pictured?mode=memory&cache=shared&uri=true"), root=Path("/"))
    engines = Engines(name="crossfade:source", statement_timeout=0)
    end = End("source", "URL", Route("flask", "shared", url, "a test", "development"), engines)
    with end.connection() as connection:
        connection.execute("CREATE TABLE mine (money INTEGER)")
        connection.execute("INSERT INTO mine VALUES (1)")
        connection.commit()

        with pictures.take(end, readers=2) as picture:
            connection.execute("UPDATE mine SET money = 2")
            connection.commit()
            assert [money(one, "mine") for one in picture.connections] == [1, 1]
    engines.dispose()
