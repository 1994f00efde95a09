"""The two ends: who they are, whether they are one, and that the source stays as it is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crossfade.errors import DatabaseMissingError, SelectionError
from crossfade.settings import Settings
from crossfade.transfer import ends


def mode_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def test_without_a_word_it_is_from_flask_to_fastapi(tmp_path):
    settings = Settings(root=tmp_path, database_url="sqlite:///old.db", fastapi_database_url="sqlite:///new.db")

    with ends.ends(settings) as (source, target):
        assert (source.role, source.name, source.route.path.name) == ("source", "flask", "old.db")
        assert (target.role, target.name, target.route.path.name) == ("target", "fastapi", "new.db")


def test_any_url_can_be_an_end_and_shows_no_password(settings):
    with ends.ends(settings, source="postgres://o:hunter2@db/books", target="sqlite:///new.db") as (source, target):
        assert (source.name, source.engine, source.masked) == ("URL", "postgresql", "postgresql://o:***@db/books")
        assert (target.name, target.engine) == ("URL", "sqlite")
        assert target.route.source == "--target"


@pytest.mark.parametrize("named", ["flasks", "old.db", ""])
def test_what_is_neither_a_stack_nor_a_url_is_refused(settings, named):
    with pytest.raises(SelectionError, match="write flask, fastapi or the URL"), ends.ends(settings, source=named):
        pass


def test_memory_is_refused_because_it_is_another_one_in_each_process(tmp_path):
    settings = Settings(root=tmp_path, testing=True)

    with pytest.raises(SelectionError, match="lives in the memory"), ends.ends(settings):
        pass


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_connection_is_the_drivers_own_with_nothing_begun(pair, initialised, engine):
    with pair(initialised(engine), initialised(engine)) as both:
        for end in both:
            with end.connection() as connection:
                assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
                assert type(connection).__module__.partition(".")[0] in {"sqlite3", "psycopg"}


def test_a_source_is_not_even_switched_to_a_write_ahead_log(pair, initialised):
    source, target = initialised("sqlite"), initialised("sqlite")
    path = source.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    before = Path(path).read_bytes()

    with pair(source, target) as (here, _), here.connection() as connection, here.looking():
        connection.execute("SELECT count(*) FROM users").fetchone()

    assert mode_of(path) == "delete"
    assert Path(path).read_bytes() == before


def test_a_source_that_is_not_there_is_not_made(pair, tmp_path):
    with pair(f"sqlite:///{tmp_path}/none.db", "sqlite:///new.db") as (source, _):
        with pytest.raises(DatabaseMissingError), source.connection():
            pass
        with pytest.raises(DatabaseMissingError), source.looking():
            pass

    assert not (tmp_path / "none.db").exists()


def test_one_file_under_two_names_is_one_database(pair, initialised, tmp_path):
    made = initialised("sqlite")
    path = made.removeprefix("sqlite:///")
    (tmp_path / "soft.db").symlink_to(path)
    (tmp_path / "hard.db").hardlink_to(path)

    for other in (made, f"sqlite:///{tmp_path}/soft.db", f"sqlite:///{tmp_path}/hard.db"):
        with pair(made, other) as (source, target):
            assert ends.same_database(source, target)


def test_one_database_of_a_server_under_two_names_is_one(pair, new_database):
    made = new_database()

    with pair(made, f"{made}&application_name=another") as (source, target):
        assert source.route.url != target.route.url
        assert ends.same_database(source, target)


@pytest.mark.parametrize("engines", [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "postgresql")])
def test_two_databases_are_two(pair, initialised, engines):
    with pair(*map(initialised, engines)) as (source, target):
        assert not ends.same_database(source, target)


def test_a_file_that_is_not_there_is_no_other_one(pair, initialised, tmp_path):
    with pair(initialised("sqlite"), f"sqlite:///{tmp_path}/none.db") as (source, target):
        assert not ends.same_database(source, target)
