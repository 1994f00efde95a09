"""What a copy expects of its target: rows that stay behind, rows of the target's own, rows that were kept."""

import sqlite3

import pytest
from sqlalchemy import text

from crossfade.transfer import pictures
from crossfade.transfer.reports import Silence
from crossfade.transfer.verifying import Expectation


def test_rows_that_the_target_had_before_are_no_difference_after_a_merge(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    zoo.Mutation(zoo.parts, None, rows["parts"][0] | {"id": 1000}).apply(pair.target)

    assert not pair.verify().ok
    report = pair.verify(expectation=Expectation(merged=True))

    assert report.ok
    assert {one.table: one.target_rows - one.source_rows for one in report.tables}["parts"] == 1


def test_a_row_that_a_merge_has_lost_is_found(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    zoo.Mutation(zoo.parts, None, rows["parts"][0] | {"id": 1000}).apply(pair.target)
    zoo.Mutation(zoo.parts, rows["parts"][5], None).apply(pair.target)

    assert pair.found(expectation=Expectation(merged=True)) == [("parts", {"id": "5"}, "missing", ())]


def test_as_many_rows_may_differ_as_were_kept_and_no_more(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    for row in rows["parts"][:3]:
        zoo.Mutation(zoo.parts, row, row | {"note": "the target's"}, ("note",)).apply(pair.target)

    assert pair.verify(expectation=Expectation(merged=True, kept={"parts": 3})).ok
    report = pair.verify(expectation=Expectation(merged=True, kept={"parts": 2}))

    assert not report.ok
    assert len(report.differences) == 3


def test_rows_that_stayed_behind_are_expected_to_be_missing_and_no_others(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    expectation = Expectation(where={"parts": '"id" <> 5'})
    zoo.Mutation(zoo.parts, rows["parts"][5], None).apply(pair.target)

    assert pair.verify(expectation=expectation).ok
    zoo.Mutation(zoo.parts, rows["parts"][6], None).apply(pair.target)

    assert pair.found(expectation=expectation) == [("parts", {"id": "6"}, "missing", ())]


def test_a_row_that_should_have_stayed_behind_is_one_too_many(engines, zoos):
    pair = zoos(*engines)

    assert pair.found(expectation=Expectation(where={"parts": '"id" <> 5'})) == [("parts", {"id": "5"}, "extra", ())]


def test_a_picture_is_compared_though_its_database_has_moved_on(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    with pictures.take(pair.here) as picture, pair.there.connection() as connection:
        zoo.Mutation(zoo.parts, rows["parts"][5], None).apply(pair.source)

        report = pair.verify(connections=(picture.connections[0], connection))
        again = pair.verify(connections=(picture.connections[0], connection))

    assert report.ok
    assert again.ok
    assert pair.found() == [("parts", {"id": "5"}, "extra", ())]


def test_what_is_written_between_two_proofs_of_one_picture_is_seen(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    with pictures.take(pair.here) as picture, pair.there.connection() as connection:
        connections = picture.connections[0], connection
        assert pair.verify(connections=connections).ok
        zoo.Mutation(zoo.parts, rows["parts"][5], None).apply(pair.target)

        assert pair.found(connections=connections) == [("parts", {"id": "5"}, "missing", ())]
        assert pair.verify(connections=connections, repair=True).ok


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_the_target_can_be_written_to_while_the_picture_lasts(zoos, mode):
    pair = zoos("sqlite", "sqlite")
    pair.target.dispose()
    with pictures.take(pair.here) as picture, pair.there.connection() as connection:
        connection.execute("PRAGMA busy_timeout = 0")
        assert connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0] == mode.lower()

        assert pair.verify(connections=(picture.connections[0], connection)).ok

        assert not connection.in_transaction
        with connection:
            connection.execute("UPDATE tree SET rank = 0 WHERE id = 1")
    with sqlite3.connect(pair.there.route.path) as other:
        assert other.execute("SELECT rank FROM tree WHERE id = 1").fetchone() == (0,)
    other.close()


def test_one_database_by_two_names_is_not_compared(zoos, end):
    pair = zoos("sqlite", "sqlite")
    again = type(pair)(pair.source, pair.source, pair.here, end("target", pair.source.url), pair.metadata)

    report = again.verify(repair=True)

    assert report.shared
    assert report.tables == []


def test_a_quick_look_counts(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    assert pair.verify(quick=True).ok
    zoo.Mutation(zoo.parts, rows["parts"][5], None).apply(pair.target)

    report = pair.verify(quick=True)

    assert report.quick
    assert not report.ok
    assert [one.missing for one in report.tables if one.table == "parts"] == [1]


def test_a_quick_look_sees_a_part_of_a_large_table_and_counts_the_rest(zoos):
    pair = zoos("sqlite", "sqlite")
    for engine, rows in ((pair.source, 30_000), (pair.target, 20_000)):
        with engine.begin() as connection:
            connection.execute(
                text(
                    "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT :rows)"
                    " INSERT INTO parts (id, note) SELECT i, i FROM n"
                ),
                {"rows": rows},
            )

    report = pair.verify(quick=True)

    (parts,) = (one for one in report.tables if one.table == "parts")
    assert parts.missing == 10_000
    assert 0 < len(report.differences) < 500


class Heard(Silence):
    def __init__(self):
        self.begun, self.done, self.rows = [], [], 0

    def began(self, phase, table, rows):
        assert rows is None
        self.begun.append((phase, table))

    def advanced(self, phase, table, rows):
        assert (phase, table) == self.begun[-1]
        self.rows += rows

    def ended(self, phase, table):
        self.done.append((phase, table))


def test_a_listener_hears_of_every_table(engines, zoos, zoo):
    pair, heard = zoos(*engines), Heard()

    pair.verify(listener=heard)

    assert heard.begun == heard.done
    assert {table for _, table in heard.begun} == zoo.rows().keys()
    assert heard.rows == sum(map(len, zoo.rows().values()))


class GivesUp(Heard):
    def advanced(self, phase, table, rows):
        raise KeyboardInterrupt(phase, table, rows)


def test_whoever_gives_up_is_not_kept_waiting(zoos):
    pair = zoos("sqlite", "postgresql")

    with pytest.raises(KeyboardInterrupt):
        pair.verify(listener=GivesUp())

    assert pair.verify().ok
