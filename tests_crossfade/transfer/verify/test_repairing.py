"""A repair copies the rows that are missing or differ, and nothing else; afterwards both sides are compared again."""

import json
from random import Random

import pytest
from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    select,
    text,
)

from crossfade.errors import CopyRunningError
from crossfade.transfer import writers

metadata = MetaData()
teams = Table(
    "teams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20), nullable=False),
    Column("rank", Integer, nullable=False, unique=True),
    Column("chief", ForeignKey("members.id")),
    UniqueConstraint("name"),
)
members = Table(
    "members",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("team", ForeignKey("teams.id"), nullable=False),
    Column("boss", ForeignKey("members.id")),
)


@pytest.fixture
def clubs(pair_of):
    """Two empty clubs, whose tables refer to each other."""
    return lambda engines: pair_of(*engines, metadata=metadata)


def put(engine, *rows):
    with engine.begin() as connection:
        for table, values in rows:
            connection.execute(table.insert(), values)


def held(engine, table):
    with engine.connect() as connection:
        return connection.execute(select(table).order_by(*table.primary_key)).all()


def test_whatever_was_changed_is_as_in_the_source_afterwards(engines, zoos, zoo):
    pair, rows, random = zoos(*engines), zoo.rows(), Random(7)
    # Each row once, as the second change to a row would not find what it expects.
    changed = {}
    for _ in range(60):
        for one in zoo.mutations(random, rows):
            row = one.before or one.after
            place = (one.table.fullname, *(str(row[column.name]) for column in one.table.primary_key))
            if one.before is not None and place not in changed:
                changed[place] = one
    for one in changed.values():
        one.apply(pair.target)

    report = pair.verify(repair=True)

    assert report.ok
    assert sum(one.repaired for one in report.tables) == len(changed)
    assert len(report.differences) == len(changed)
    assert report.notes == []
    assert pair.verify().differences == []


def test_an_empty_target_is_filled(engines, zoos, zoo):
    pair = zoos(*engines)
    with pair.target.begin() as connection:
        for table in reversed(zoo.TABLES):
            if table is not zoo.keyless:
                connection.execute(table.delete())

    report = pair.verify(repair=True)

    assert report.ok
    assert sum(one.repaired for one in report.tables) == 6 * zoo.ROWS
    assert pair.verify().ok


def test_nothing_is_written_when_nothing_differs(engines, zoos):
    pair = zoos(*engines)

    report = pair.verify(repair=True, extra="quarantine")

    assert report.ok
    assert "crossfade_quarantine" not in inspect(pair.target).get_table_names()


def test_rows_that_the_target_alone_has_stay_unless_something_else_is_said(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    own = rows["parts"][0] | {"id": 1000}
    zoo.Mutation(zoo.parts, None, own).apply(pair.target)
    zoo.Mutation(zoo.parts, rows["parts"][1], None).apply(pair.target)

    report = pair.verify(repair=True)

    (parts,) = (one for one in report.tables if one.table == "parts")
    assert not report.ok
    assert (parts.missing, parts.extra, parts.repaired) == (1, 1, 1)
    assert pair.found() == [("parts", {"id": "1000"}, "extra", ())]


def test_rows_that_the_target_alone_has_are_put_aside_whole_if_that_is_wanted(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    thing = rows["things"][0] | {"id": "own", "code": "own"}
    line = rows["order"][0] | {"select": "own", "thing": "own", "from": "a \t 'text'"}
    zoo.Mutation(zoo.things, None, thing).apply(pair.target)
    zoo.Mutation(zoo.lines, None, line).apply(pair.target)

    report = pair.verify(repair=True, extra="quarantine")

    assert report.ok
    with pair.target.connect() as connection:
        kept = connection.execute(text("SELECT table_name, row_values FROM crossfade_quarantine")).all()
    values = {name: json.loads(values) for name, values in kept}
    assert values.keys() == {"things", "order"}
    assert values["order"]["from"] == "a \t 'text'"


def test_rows_that_refer_to_one_another_and_to_themselves_are_put_aside_one_after_the_other(engines, zoos, zoo):
    pair = zoos(*engines)
    with pair.target.begin() as connection:
        for number, parent in ((1000, 1000), (1001, 1000), (1002, 1001), (1003, 5)):
            connection.execute(
                zoo.tree.insert(), {"id": number, "parent": parent, "name": f"own {number}", "rank": number}
            )

    report = pair.verify(repair=True, extra="quarantine")

    assert report.ok
    with pair.target.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM crossfade_quarantine")).scalar() == 4


def test_a_row_that_others_refer_to_is_not_put_aside(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    thing = rows["things"][0] | {"id": "own", "code": "own"}
    zoo.Mutation(zoo.things, None, thing).apply(pair.target)
    with pair.target.begin() as connection:
        connection.execute(zoo.lines.insert(), rows["order"][0] | {"select": "own", "thing": "own"})

    report = pair.verify("things", repair=True, extra="quarantine")

    assert not report.ok
    assert [(one.key, one.change) for one in report.differences] == [({"id": "own"}, "extra")]


def test_unique_values_that_changed_places_change_back(engines, clubs):
    pair = clubs(engines)
    put(pair.source, (teams, [{"id": 1, "name": "a", "rank": 1}, {"id": 2, "name": "b", "rank": 2}]))
    put(pair.target, (teams, [{"id": 1, "name": "b", "rank": 2}, {"id": 2, "name": "a", "rank": 1}]))

    report = pair.verify(repair=True)

    assert report.ok
    assert held(pair.target, teams) == held(pair.source, teams)


def test_a_unique_value_that_a_row_of_the_target_alone_has_stands_in_the_way_and_is_named(engines, clubs):
    pair = clubs(engines)
    put(pair.source, (teams, [{"id": 1, "name": "a", "rank": 1}, {"id": 3, "name": "c", "rank": 3}]))
    put(pair.target, (teams, [{"id": 2, "name": "a", "rank": 2}]))

    report = pair.verify(repair=True)

    assert not report.ok
    assert len(report.notes) == 1
    assert "teams: 1 row could not be repaired" in report.notes[0]
    assert {row.id for row in held(pair.target, teams)} == {2, 3}
    assert pair.verify(repair=True, extra="quarantine").ok


def test_rows_that_refer_to_each_other_are_repaired(engines, clubs):
    pair = clubs(engines)
    for engine in (pair.source, pair.target):
        put(
            engine,
            (teams, [{"id": 1, "name": "a", "rank": 1}, {"id": 2, "name": "b", "rank": 2}]),
            (members, [{"id": 1, "team": 1}, {"id": 2, "team": 2, "boss": 1}]),
        )
        with engine.begin() as connection:
            connection.execute(text("UPDATE teams SET chief = id"))
            connection.execute(text("UPDATE members SET boss = 2 WHERE id = 1"))
    with pair.target.begin() as connection:
        connection.execute(text("UPDATE teams SET chief = NULL"))
        connection.execute(text("UPDATE members SET boss = NULL"))
        connection.execute(text("DELETE FROM members"))
        connection.execute(text("DELETE FROM teams WHERE id = 2"))

    report = pair.verify(repair=True)

    assert report.ok
    for table in (teams, members):
        assert held(pair.target, table) == held(pair.source, table)


def test_a_table_without_a_key_is_left_as_it_is_and_that_is_said(engines, zoos, zoo):
    pair = zoos(*engines)
    with pair.target.begin() as connection:
        connection.execute(zoo.keyless.insert(), {"n": 1, "words": "more", "more": "x"})

    report = pair.verify(repair=True)

    assert not report.ok
    assert "keyless has no primary key" in report.notes[0]


def test_a_value_that_the_target_cannot_hold_is_left_and_named(zoos):
    pair = zoos("sqlite", "postgresql")
    with pair.source.begin() as connection:
        connection.execute(text("UPDATE tree SET rank = 'many' WHERE id = 4"))
        connection.execute(text("UPDATE tree SET rank = 7 WHERE id = 5"))

    report = pair.verify(repair=True)

    assert not report.ok
    assert "tree: 1 row could not be repaired" in report.notes[0]
    assert [(table, key) for table, key, _, _ in pair.found()] == [("tree", {"id": "4"})]


def test_a_key_that_is_written_in_another_way_is_found_all_the_same(engines, zoos, zoo):
    pair, rows = zoos(*engines), zoo.rows()
    event = rows["audit.events"][3]
    if pair.source.dialect.name == "sqlite":
        with pair.source.begin() as connection:
            connection.execute(text("UPDATE events SET id = upper(id)"))
    zoo.Mutation(zoo.events, event, event | {"what": "something else"}, ("what",)).apply(pair.target)

    assert pair.verify(repair=True).ok


def test_a_key_that_is_no_utf8_is_repaired_between_files_of_sqlite(pair_of):
    strange = MetaData()
    notes = Table("notes", strange, Column("id", String(20), primary_key=True), Column("words", String(20)))
    pair = pair_of("sqlite", "sqlite", metadata=strange)
    for engine, words in ((pair.source, "a"), (pair.target, "b")):
        with engine.begin() as connection:
            connection.execute(text(f"INSERT INTO notes VALUES (CAST(x'61ff' AS TEXT), '{words}'), ('plain', 'c')"))

    assert pair.verify(repair=True).ok
    with pair.target.connect() as connection:
        assert connection.execute(select(notes.c.words).order_by(notes.c.words)).scalars().all() == ["a", "c"]


def test_keys_may_be_longer_than_a_statement(engines, pair_of):
    long = MetaData()
    notes = Table("notes", long, Column("id", Text, primary_key=True))
    pair = pair_of(*engines, metadata=long)
    # PostgreSQL's indexes take no keys that stay long when they are compressed.
    put(pair.source, (notes, [{"id": f"{number}" + "x" * 60_000} for number in range(30)]))

    assert pair.verify(repair=True).ok
    assert len(held(pair.target, notes)) == 30


def test_a_key_may_be_a_float(engines, pair_of):
    measured = MetaData()
    levels = Table("levels", measured, Column("level", Float, primary_key=True), Column("words", String(20)))
    pair = pair_of(*engines, metadata=measured)
    put(
        pair.source,
        (levels, [{"level": 0.1, "words": "a"}, {"level": 1e300, "words": "b"}, {"level": -3.0, "words": ""}]),
    )
    put(pair.target, (levels, [{"level": 0.1, "words": "x"}, {"level": -3.0, "words": ""}]))

    report = pair.verify(repair=True)

    assert report.ok
    assert [(float(one.key["level"]), one.change) for one in report.differences] == [
        (0.1, "changed"),
        (1e300, "missing"),
    ]
    assert held(pair.target, levels) == held(pair.source, levels)


def test_a_copy_that_is_at_work_is_not_disturbed(engines, zoos):
    pair = zoos(*engines)

    with writers.writer(pair.there), pytest.raises(CopyRunningError):
        pair.verify(repair=True)
