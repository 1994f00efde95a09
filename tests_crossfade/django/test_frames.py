"""Several transactions on one connection: whose work a rollback may undo."""

import pytest

from crossfade.errors import ConcurrentJointError
from crossfade.testing.guest.frames import Frames, writes


@pytest.fixture
def frames():
    return Frames(whose="Django's connection", instead="mark the test django_db(transaction=True)")


@pytest.mark.parametrize(
    "statement", ["SELECT 1", "  select 1", "(SELECT 1)", "-- why\nSELECT 1", "/* a\nb */ PRAGMA x", "SHOW timezone"]
)
def test_what_only_reads_is_known(statement):
    assert not writes(statement)


@pytest.mark.parametrize("statement", ["INSERT INTO a", "SAVEPOINT x", "WITH a AS (DELETE FROM b)", "SELECTED", ""])
def test_all_else_may_write(statement):
    assert writes(statement)


def test_a_transaction_begins_before_its_first_statement(frames):
    frame, command = frames.enter(None, "SELECT 1")

    assert command == f"SAVEPOINT {frame.savepoint}"
    assert frames.enter(frame, "INSERT INTO a") == (frame, None)


def test_a_rollback_undoes_what_was_written(frames):
    frame, _ = frames.enter(None, "INSERT INTO a")

    assert frames.leave(frame, keep=False) == f"ROLLBACK TO SAVEPOINT {frame.savepoint}"


@pytest.mark.parametrize(("statement", "keep"), [("INSERT INTO a", True), ("SELECT 1", False), ("SELECT 1", True)])
def test_there_is_nothing_to_undo_of_what_is_kept_or_was_read(frames, statement, keep):
    frame, _ = frames.enter(None, statement)

    assert frames.leave(frame, keep=keep) is None


def test_a_transaction_that_the_database_has_aborted_is_undone_though_it_only_read(frames):
    frame, _ = frames.enter(None, "SELECT 1/0")

    assert frames.leave(frame, keep=True, aborted=True) == f"ROLLBACK TO SAVEPOINT {frame.savepoint}"


def test_a_reader_begins_again_behind_what_others_wrote(frames):
    reader, _ = frames.enter(None, "SELECT 1")
    first = reader.savepoint
    writer, _ = frames.enter(None, "INSERT INTO a")
    frames.leave(writer, keep=True)

    _, command = frames.enter(reader, "INSERT INTO a")

    assert command == f"SAVEPOINT {reader.savepoint}" != f"SAVEPOINT {first}"
    assert frames.leave(reader, keep=False) == f"ROLLBACK TO SAVEPOINT {reader.savepoint}"


def test_a_rollback_that_would_undo_another_guests_work_is_refused(frames):
    outer, _ = frames.enter(None, "INSERT INTO a")
    inner, _ = frames.enter(None, "INSERT INTO a")
    frames.leave(inner, keep=True)

    with pytest.raises(ConcurrentJointError, match="Two transactions were open at once"):
        frames.leave(outer, keep=False)


def test_work_that_was_undone_already_hinders_nobody(frames):
    outer, _ = frames.enter(None, "INSERT INTO a")
    inner, _ = frames.enter(None, "INSERT INTO a")
    frames.leave(inner, keep=False)

    assert frames.leave(outer, keep=False) == f"ROLLBACK TO SAVEPOINT {outer.savepoint}"


def test_a_rollback_that_would_undo_djangos_work_is_refused(frames):
    frame, _ = frames.enter(None, "INSERT INTO a")
    frames.host_executes("SELECT 1")
    frames.host_executes("UPDATE a")

    with pytest.raises(ConcurrentJointError, match=r"django_db\(transaction=True\)"):
        frames.leave(frame, keep=False)
