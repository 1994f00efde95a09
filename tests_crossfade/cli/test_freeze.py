"""`crossfade freeze` and `crossfade thaw`: which databases, what is said, and what it means for other commands."""

import json
import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def ready(here):
    """The databases are there."""
    assert here("init").returncode == 0


@pytest.fixture
def write(bookshop):
    """Writes to a database past the router."""

    def insert(name="cron_jobs.db"):
        with closing(sqlite3.connect(bookshop / "instance" / name)) as connection:
            connection.execute("INSERT INTO books (title) VALUES ('Solaris')")
            connection.commit()

    return insert


@pytest.mark.usefixtures("ready")
def test_it_freezes_until_it_thaws(here, write):
    frozen = here("freeze", "--reason", "moving house")

    assert frozen.returncode == 0
    assert "frozen since" in frozen.stdout
    assert "moving house" in frozen.stdout
    assert "tables that refuse writes: 1" in frozen.stdout
    with pytest.raises(sqlite3.IntegrityError, match="writes are frozen"):
        write()
    assert "nothing to do, it is frozen" in here("freeze").stdout
    assert "everybody can write again" in here("thaw").stdout
    write()
    assert "nothing to do, it is not frozen" in here("thaw").stdout


@pytest.mark.usefixtures("ready")
def test_as_json(here):
    (frozen,) = json.loads(here("freeze", "--json", "--reason", "x").stdout)["databases"]
    (thawed,) = json.loads(here("thaw", "--json").stdout)["databases"]

    assert (frozen["frozen"], frozen["changed"], frozen["reason"], frozen["tables"]) == (True, True, "x", ["books"])
    assert frozen["stacks"] == ["flask", "fastapi"]
    assert (thawed["frozen"], thawed["changed"], thawed["tables"]) == (False, True, [])


def test_of_two_databases_both_or_the_one_that_is_named(here, write):
    own = {"FASTAPI_DATABASE_URL": "sqlite:///own.db"}
    here("init", **own)

    here("freeze", "--stack", "fastapi", **own)
    write()
    with pytest.raises(sqlite3.IntegrityError):
        write("own.db")
    here("freeze", **own)
    with pytest.raises(sqlite3.IntegrityError):
        write()
    assert here("thaw", **own).stdout.count("everybody can write again") == 2


@pytest.mark.usefixtures("ready")
def test_a_stack_that_there_is_none_of(here):
    result = here("freeze", "--stack", "django")

    assert result.returncode == 2
    assert "--stack django: write flask or fastapi" in result.stderr


def test_a_database_that_is_not_there(here):
    assert here("freeze").returncode == 3


@pytest.mark.usefixtures("ready")
def test_writers_that_do_not_end_are_not_waited_for_for_ever(here, bookshop):
    with closing(sqlite3.connect(bookshop / "instance" / "cron_jobs.db")) as connection:
        connection.execute("INSERT INTO books (title) VALUES ('Solaris')")
        result = here("freeze", "--patience", "0.1")

    assert result.returncode == 3
    assert "others were in the way" in result.stderr
    assert "not frozen" in here("thaw").stdout


@pytest.mark.usefixtures("ready")
def test_a_frozen_database_has_the_schema_that_it_should_have(here):
    here("freeze")

    assert here("init", "--check").returncode == 0
    assert here("init").returncode == 0


@pytest.mark.usefixtures("ready")
def test_a_frozen_database_is_not_upgraded(here, bookshop):
    step = bookshop / "bookshop" / "revisions" / "versions" / "0001_pre_books.py"
    text = step.read_text().replace('"0001"', '"0002"').replace("None", '"0001"', 1)
    text = text[: text.index("def upgrade")] + "def upgrade():\n    pass\n"
    step.with_name("0002_pre_nothing.py").write_text(text)
    here("freeze")

    result = here("init")

    assert result.returncode == 3
    assert "are frozen" in result.stderr
    here("thaw")
    assert here("init").returncode == 0


def test_rows_are_copied_from_a_frozen_database_and_not_into_one(here, write):
    own = {"FASTAPI_DATABASE_URL": "sqlite:///own.db"}
    here("init", **own)
    write()
    here("freeze", "--stack", "flask", **own)

    assert here("copy", **own).returncode == 0
    assert here("verify", **own).returncode == 0
    here("thaw", **own)
    write()
    here("freeze", "--stack", "fastapi", **own)
    for refused in (here("copy", "--on-conflict", "skip", **own), here("verify", "--repair", **own)):
        assert refused.returncode == 3
        assert "are frozen" in refused.stderr
    assert here("copy", "--on-conflict", "skip", "--dry-run", **own).returncode == 0
