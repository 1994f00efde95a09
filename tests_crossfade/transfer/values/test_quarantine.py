"""Rows that stay behind: all of them, whole, with the reason, and the rest can go."""

import json
import sqlite3

import pytest
from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from crossfade import clock
from crossfade.transfer import quarantine
from crossfade.transfer.exclusions import Cause, Exclusions, exclusions
from crossfade.transfer.plan import make
from crossfade.transfer.preflight import Scan, scan
from crossfade.transfer.reports import Silence
from crossfade.transfer.transactions import by_hand, execute, transaction

metadata = MetaData()
Table("users", metadata, Column("id", Integer, primary_key=True), Column("name", Text))
Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", ForeignKey("users.id")),
    Column("parent", ForeignKey("jobs.id")),
    Column("other", ForeignKey("jobs.id")),
)
Table("runs", metadata, Column("job", ForeignKey("jobs.id")), Column("seconds", Float), Column("output", LargeBinary))
Table("places", metadata, Column("x", String(9), primary_key=True), Column("y", Integer, primary_key=True))
Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("x", String(9)),
    Column("y", Integer),
    ForeignKeyConstraint(["x", "y"], ["places.x", "places.y"]),
)
Table("hens", metadata, Column("id", Integer, primary_key=True), Column("egg", ForeignKey("eggs.id")))
Table(
    "eggs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hen", ForeignKey("hens.id")),
    Column("note", Text),
)

SHAPES = make(metadata).shapes
SHAPE = {shape.name: shape for shape in SHAPES}


@pytest.fixture
def source(end):
    return end("source", "sqlite", metadata)


@pytest.fixture
def fill(source):
    """Runs statements in the source."""

    def run(*statements):
        filler = sqlite3.connect(source.route.path)
        for statement, *rows in statements:
            filler.executemany(statement, rows or [()])
        filler.commit()
        filler.close()

    return run


@pytest.fixture
def target(end):
    return end("target", "postgresql", MetaData())


@pytest.fixture
def reader(source):
    with source.connection() as connection:
        yield connection


@pytest.fixture
def excluded(source, target, reader):
    """What stays behind."""

    def find():
        found = scan(source, target, SHAPES, reader, listener=Silence())
        return exclusions(found, SHAPES, reader, source="sqlite")

    return find


def good(reader, excluded, table, column="id"):
    """What of a table goes."""
    where = excluded.where_good(table) or "1"
    return [row[0] for row in execute(reader, f'SELECT "{column}" FROM "{table}" WHERE {where} ORDER BY 1')]


def kept(connection):
    """What the quarantine has, by table and key."""
    rows = execute(connection, "SELECT table_name, row_key, column_name, reason, row_values FROM crossfade_quarantine")
    return {(table, key): (columns, reason, json.loads(values)) for table, key, columns, reason, values in rows}


def test_without_bad_values_nothing_stays_behind(fill, excluded):
    fill(("INSERT INTO users VALUES (1, 'Ada')",))
    assert excluded() == Exclusions()
    assert excluded().where_good("users") is None


def test_rows_that_refer_to_a_row_that_stays_behind_stay_too(fill, excluded, reader):
    fill(
        ("INSERT INTO users VALUES (?, ?)", (1, "Ada"), (2, "\0"), (3, None)),
        ("INSERT INTO jobs (id, owner) VALUES (?, ?)", (1, 1), (2, 2), (3, 3), (4, None), (5, 99)),
        ("INSERT INTO runs (job) VALUES (?)", (1,), (2,), (2,), (3,), (None,)),
    )
    found = excluded()
    assert found.rows_by_table == {"users": 1, "jobs": 1, "runs": 2}
    assert good(reader, found, "users") == [1, 3]
    assert good(reader, found, "jobs") == [1, 3, 4, 5]
    assert good(reader, found, "runs", "job") == [None, 1, 3]


def test_within_a_table_references_are_followed_to_the_end(fill, excluded, reader):
    # 1 ← 2 ← … ← 500 by turns through both columns, a circle in between, and a tree that is sound.
    chain = [(n, None, n - 1 if n % 2 else None, None if n % 2 else n - 1) for n in range(2, 501)]
    fill(
        ("INSERT INTO users VALUES (1, ?)", ("\0",)),
        (
            "INSERT INTO jobs VALUES (?, ?, ?, ?)",
            (1, 1, 500, None),
            *chain,
            (1000, None, None, None),
            (1001, None, 1000, 1001),
        ),
    )
    found = excluded()
    assert found.rows_by_table == {"users": 1, "jobs": 500}
    assert good(reader, found, "jobs") == [1000, 1001]


def test_references_of_several_columns_are_followed(fill, excluded, reader):
    fill(
        ("INSERT INTO places VALUES (?, ?)", ("a", 1), ("a", 2**40), ("b", 1)),
        ("INSERT INTO moves VALUES (?, ?, ?)", (1, "a", 1), (2, "a", 2**40), (3, "a", None), (4, "b", 1)),
    )
    found = excluded()
    assert found.rows_by_table == {"places": 1, "moves": 1}
    assert good(reader, found, "moves") == [1, 3, 4]


def test_references_between_two_tables_are_followed_back_and_forth(fill, excluded, reader):
    fill(
        (
            "INSERT INTO eggs VALUES (?, ?, ?)",
            (1, None, "\0"),
            (2, 1, None),
            (3, 2, None),
            (4, None, None),
            (5, 9, None),
        ),
        ("INSERT INTO hens VALUES (?, ?)", (1, 1), (2, 2), (3, 3), (9, 4)),
    )
    found = excluded()
    assert found.rows_by_table == {"eggs": 3, "hens": 3}
    assert (good(reader, found, "eggs"), good(reader, found, "hens")) == ([4, 5], [9])


def test_long_ways_between_many_rows_are_followed_in_no_time(fill, excluded, reader):
    fill(
        ("INSERT INTO eggs VALUES (1, NULL, ?)", ("\0",)),
        ("INSERT INTO eggs (id, hen) VALUES (?, ?)", *[(n, n - 1) for n in range(2, 3000)]),
        ("INSERT INTO hens VALUES (?, ?)", *[(n, n) for n in range(1, 20000)]),
        ("INSERT INTO jobs (id) VALUES (?)", *[(n,) for n in range(1, 20000)]),
    )
    assert excluded().rows_by_table == {"eggs": 2999, "hens": 2999}


def test_a_table_that_is_not_copied_keeps_nothing_back(fill, source, target, reader):
    fill(("INSERT INTO users VALUES (1, ?)", ("\0",)), ("INSERT INTO jobs (id, owner) VALUES (1, 1)",))
    alone = make(metadata, tables=["jobs", "runs"]).shapes
    found = scan(source, target, alone, reader, listener=Silence())
    assert exclusions(found, alone, reader, source="sqlite") == Exclusions()


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_what_is_put_aside_is_kept_whole(fill, excluded, reader, end, engine):
    fill(
        (
            "INSERT INTO users VALUES (?, CAST(? AS TEXT))",
            (1, b"a\0b"),
            (2, b"\xff\0"),
            (3, "'\"\\\n\u2028\U0001f600".encode()),
        ),
        ("UPDATE users SET name = x'00ff' WHERE id = 3",),
        ("INSERT INTO runs VALUES (?, ?, ?)", ("many", float("inf"), b"\0\xff"), (2, 1.0, "é"), (1, 0.1, None)),
    )
    found = excluded()
    place = end("other", engine, MetaData())
    with place.connection() as writer:
        by_hand(writer)
        for _ in range(2):
            with transaction(writer):
                counts = [
                    quarantine.put_aside(found, SHAPE[name], reader, writer, source="sqlite", copy="c1")
                    for name in SHAPE
                ]
        assert sum(counts) == 5
        rows = kept(writer)
    assert {key: row[2] for key, row in rows.items()} == {
        ("users", '{"id": "1"}'): {"id": 1, "name": "a\0b"},
        ("users", '{"id": "2"}'): {"id": 2, "name": {"text": "ff00"}},
        ("users", '{"id": "3"}'): {"id": 3, "name": {"blob": "00ff"}},
        ("runs", '{"rowid": 1}'): {"job": "many", "seconds": {"real": "inf"}, "output": {"blob": "00ff"}},
        ("runs", '{"rowid": 2}'): {"job": 2, "seconds": 1.0, "output": "é"},
    }
    columns, reason, _ = rows["users", '{"id": "1"}']
    assert (columns, reason) == ("name", "name holds U+0000, which PostgreSQL can't")


def test_all_reasons_of_a_row_are_said(fill, excluded, reader, target):
    fill(
        ("INSERT INTO users VALUES (1, ?)", ("\0",)),
        ("INSERT INTO jobs (id, owner) VALUES (7, 1)",),
        ("INSERT INTO runs VALUES (?, ?, ?)", (7, "many", "é")),
    )
    with target.connection() as writer:
        by_hand(writer)
        quarantine.put_aside(excluded(), SHAPE["runs"], reader, writer, source="sqlite", copy="c1")
        (row,) = kept(writer).values()
        (at,) = execute(writer, "SELECT copied_at FROM crossfade_quarantine")[0]
    assert row[0] == "seconds, output, job"
    assert row[1] == (
        "seconds isn't a number that a float can be; output isn't bytes, in a column of bytes;"
        " job refers to a row of jobs that is put aside"
    )
    assert at.startswith(clock.now().isoformat()[:10])


def test_many_rows_are_put_aside_in_pieces(fill, excluded, reader, target):
    fill(("INSERT INTO users VALUES (?, ?)", *[(n, "\0") for n in range(1234)]))
    with target.connection() as writer:
        by_hand(writer)
        assert quarantine.put_aside(excluded(), SHAPE["users"], reader, writer, source="sqlite", copy="c1") == 1234
        assert len(kept(writer)) == 1234


def test_rows_of_postgresql_are_kept_by_their_texts(end):
    from_, to = end("source", "postgresql", metadata), end("other", "sqlite", MetaData())
    with from_.connection() as reader, to.connection() as writer:
        by_hand(reader), by_hand(writer)
        execute(reader, "INSERT INTO runs (seconds, output) SELECT 'NaN', '\\x00ff' FROM generate_series(1, 700)")
        found = exclusions(scan(from_, to, SHAPES, reader, listener=Silence()), SHAPES, reader, source="postgresql")
        with transaction(reader), transaction(writer):
            assert quarantine.put_aside(found, SHAPE["runs"], reader, writer, source="postgresql", copy="c1") == 700
        rows = kept(writer)
    assert rows["runs", '{"ctid": "(0,1)"}'] == (
        "seconds",
        "seconds is NaN, which SQLite stores as NULL",
        {"job": None, "seconds": "NaN", "output": "\\x00ff"},
    )
    assert len(rows) == 700


def test_rows_of_the_target_are_kept_for_a_reason_of_the_callers(end):
    place = end("source", "postgresql", metadata)
    with place.connection() as connection:
        by_hand(connection)
        execute(connection, "INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")
        causes = [Cause("true", (), "is gone from the source")]
        with transaction(connection):
            quarantine.keep(SHAPE["users"], "id = 2", causes, connection, connection, source="postgresql", copy="c1")
        assert kept(connection) == {
            ("users", '{"id": "2"}'): ("", "is gone from the source", {"id": "2", "name": "Bob"}),
        }


def test_nothing_is_asked_of_a_table_that_has_nothing_bad(reader):
    assert Exclusions().where_bad("users") is None
    assert quarantine.put_aside(Exclusions(), SHAPE["users"], reader, reader, source="sqlite", copy="c1") == 0
    assert exclusions(Scan([], {}, {}), SHAPES, reader, source="sqlite") == Exclusions()
