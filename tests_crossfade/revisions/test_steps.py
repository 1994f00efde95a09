"""The line of revisions: how far a database has come, and that a step happens whole or not at all."""

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError, OperationalError

from crossfade.errors import RevisionsError, UnknownRevisionError
from crossfade.revisions import Revisions, Step, current
from crossfade.revisions.steps import contention

AUTHORS = 'op.create_table("authors", sa.Column("id", sa.Integer, primary_key=True))'
BOOKS = 'op.create_table("books", sa.Column("id", sa.Integer, primary_key=True))'
NAMES = 'op.add_column("authors", sa.Column("name", sa.String(80)))'


def tables(connection):
    return set(inspect(connection).get_table_names())


def test_an_empty_database_lacks_every_step(connection, package):
    revisions = Revisions(package(AUTHORS, NAMES))

    assert current(connection) is None
    assert revisions.pending(connection) == ("0001", "0002")


def test_an_upgrade_runs_the_steps_that_a_database_lacks(connection, package):
    revisions = Revisions(package(AUTHORS, NAMES, BOOKS))
    revisions.upgrade(connection, "0001")
    connection.commit()

    assert revisions.upgrade(connection) == ("0002", "0003")
    assert current(connection) == "0003"
    assert revisions.pending(connection) == ()
    assert tables(connection) == {"authors", "books", "alembic_version"}


def test_an_upgrade_to_where_a_database_is_does_nothing(connection, package):
    revisions = Revisions(package(AUTHORS, NAMES))
    revisions.upgrade(connection)

    assert revisions.upgrade(connection) == ()
    assert revisions.upgrade(connection, "0001") == ()
    assert current(connection) == "0002"


def test_nothing_is_kept_unless_the_caller_commits(engine, package):
    revisions = Revisions(package(AUTHORS, NAMES))

    with engine.connect() as connection:
        revisions.upgrade(connection)
        connection.rollback()

        assert tables(connection) == set()


@pytest.mark.parametrize("fault", ["raise RuntimeError('no power')", 'op.execute("SELECT * FROM nowhere")'])
def test_a_step_that_fails_half_way_leaves_nothing(engine, package, fault):
    revisions = Revisions(package(AUTHORS, f"{BOOKS}\n{NAMES}\n{fault}"))
    with engine.begin() as connection:
        revisions.upgrade(connection, "0001")

    with pytest.raises((RuntimeError, DBAPIError)), engine.begin() as connection:
        revisions.upgrade(connection)

    with engine.connect() as connection:
        assert tables(connection) == {"authors", "alembic_version"}
        assert [column["name"] for column in inspect(connection).get_columns("authors")] == ["id"]
        assert current(connection) == "0001"


def test_a_stamp_says_where_a_database_is_and_runs_nothing(connection, package):
    revisions = Revisions(package(AUTHORS, NAMES))

    revisions.stamp(connection, "0001")

    assert current(connection) == "0001"
    assert tables(connection) == {"alembic_version"}


def test_a_revision_that_the_project_lacks_is_an_error(connection, package):
    Revisions(package(AUTHORS, NAMES, BOOKS)).upgrade(connection)

    with pytest.raises(UnknownRevisionError, match="0003"):
        Revisions(package(AUTHORS)).upgrade(connection)


def test_several_revisions_at_once_are_nobodys(connection, package):
    revisions = Revisions(package(AUTHORS, NAMES))
    revisions.upgrade(connection)
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('other')")

    with pytest.raises(UnknownRevisionError, match=r"0002, other|other, 0002"):
        revisions.pending(connection)


def test_the_steps_are_listed_in_their_order(package):
    revisions = Revisions(package(AUTHORS, NAMES))

    assert revisions.steps == (
        Step("0001", "0001_pre_step.py", "Step 1"),
        Step("0002", "0002_pre_step.py", "Step 2"),
    )
    assert (revisions.base, revisions.head) == ("0001", "0002")


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ({3: "0001"}, "must have one first and one last"),
        ({2: None}, "must have one first"),
        ({1: "0003"}, "[Cc]ycle"),
    ],
)
def test_revisions_that_are_no_line_are_refused(package, parents, message):
    with pytest.raises(RevisionsError, match=message):
        Revisions(package(AUTHORS, NAMES, BOOKS, parents=parents))


def test_a_revision_after_one_that_is_missing_is_refused(package):
    with pytest.warns(UserWarning, match="0009"), pytest.raises(RevisionsError, match="0009"):
        Revisions(package(AUTHORS, NAMES, parents={2: "0009"}))


def test_a_package_without_revisions_is_refused(package):
    with pytest.raises(RevisionsError, match="must have one first"):
        Revisions(package())
    with pytest.raises(RevisionsError, match="no package with a folder `versions`"):
        Revisions("crossfade.database")
    with pytest.raises(RevisionsError, match="no package with a folder"):
        Revisions("crossfade.nowhere")
    with pytest.raises(RevisionsError, match=r"there is no package nowhere\.at_all"):
        Revisions("nowhere.at_all")


def test_only_an_error_about_a_lock_is_contention():
    assert contention(OperationalError("x", {}, Exception("database is locked"))) == "database is locked"
    assert contention(OperationalError("x", {}, Exception("disk I/O error"))) is None
