"""What is found before any row goes, and what it costs to find nothing."""

import sqlite3
import tracemalloc

import pytest
from sqlalchemy import Column, DateTime, Float, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql

from crossfade.errors import UnsupportedTypeError
from crossfade.transfer.plan import make
from crossfade.transfer.preflight import scan
from crossfade.transfer.reports import Silence

metadata = MetaData()
Table(
    "events",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("seconds", Float),
    Column("count", Integer),
    Column("said", Text),
    Column("payload", LargeBinary),
)
Table("loose", metadata, Column("said", String(3)))
Table("order", metadata, Column("group", Integer, primary_key=True), Column("select", ForeignKey("events.id")))

SHAPES = make(metadata).shapes
GOOD = ("2026-11-21 09:30:00.000000", 1.5, 7, "ä", b"\x00")


class Hearing(Silence):
    """Remembers how many rows were looked at."""

    def __init__(self):
        self.rows = {}

    def advanced(self, phase, table, rows):
        assert phase == "scan"
        self.rows[table] = self.rows.get(table, 0) + rows


def columns(found):
    """In which columns of which tables there are bad values."""
    return {table: [column.name for column in faults] for table, faults in found.faults.items()}


@pytest.fixture
def source(end):
    return end("source", "sqlite", metadata)


@pytest.fixture
def looks(source, end):
    """Fills the source by some statements, and scans it for a target on PostgreSQL."""
    target = end("target", "postgresql", MetaData())

    def look(*statements, rows=(), limit=100, listener=None):
        with sqlite3.connect(source.route.path) as filler:
            filler.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
            for statement in statements:
                filler.execute(statement)
        filler.close()
        with source.connection() as connection:
            return scan(source, target, SHAPES, connection, listener=listener or Silence(), limit=limit)

    return look


def rows(count):
    return [(f"{number:036d}", *GOOD) for number in range(count)]


def test_a_clean_source_has_nothing_bad(looks):
    hearing = Hearing()
    found = looks(rows=rows(1000), listener=hearing)
    assert (found.bad, found.rows, found.rows_by_table, found.faults) == ([], 0, {}, {})
    assert hearing.rows == {"events": 1000}


def test_a_bad_value_is_shown_with_its_table_key_column_and_reason(looks):
    found = looks("UPDATE events SET said = 'a' || char(0) WHERE id LIKE '%7'", rows=rows(10))
    (bad,) = found.bad
    assert (bad.table, bad.column, bad.value) == ("events", "said", "a\\0")
    assert bad.key == {"id": f"{7:036d}"}
    assert bad.reason == "holds U+0000, which PostgreSQL can't"
    assert (found.rows_by_table, columns(found)) == ({"events": 1}, {"events": ["said"]})


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ("said = CAST(x'61ff' AS TEXT)", "said", "a\\xff"),
        ("said = x'61ff'", "said", "x'61FF'"),
        ("said = 12", None, None),
        ("at = 'yesterday'", "at", "yesterday"),
        ("at = '2026-11-21T09:30'", None, None),
        ("at = '2024-02-29 00:00:00.000000'", None, None),
        ("at = '2023-02-29 00:00:00.000000'", "at", "2023-02-29 00:00:00.000000"),
        ("at = '2023-11-31 00:00:00.000000'", "at", "2023-11-31 00:00:00.000000"),
        ("at = '2023-13-01 00:00:00.000000'", "at", "2023-13-01 00:00:00.000000"),
        ("at = '2023-00-01 00:00:00.000000'", "at", "2023-00-01 00:00:00.000000"),
        ("at = '2023-01-00 00:00:00.000000'", "at", "2023-01-00 00:00:00.000000"),
        ("at = '2023-01-01 24:00:00.000000'", "at", "2023-01-01 24:00:00.000000"),
        ("at = '2023-01-01 23:60:00.000000'", "at", "2023-01-01 23:60:00.000000"),
        ("at = '2023-01-01 23:59:60.000000'", "at", "2023-01-01 23:59:60.000000"),
        ("at = '0000-01-01 00:00:00.000000'", "at", "0000-01-01 00:00:00.000000"),
        ("at = '0099-01-01 00:00:00.000000'", None, None),
        (
            "at = replace('2026-01-01 00:00:00.000000', '2', char(65298))",
            "at",
            "\uff12026-01-01 00:00:00.000000".replace("26", "\uff126"),
        ),
        ("seconds = 'many'", "seconds", "many"),
        ("seconds = 3", None, None),
        ("count = 2147483648", "count", "2147483648"),
        ("count = 0.5", "count", "0.5"),
        ("payload = 'text'", "payload", "text"),
        ("id = id || 'x'", "id", f"{3:036d}x"),
    ],
)
def test_one_odd_row_among_many_is_told_from_a_bad_one(looks, change, column, value):
    found = looks(f"UPDATE events SET {change} WHERE id LIKE '%03'", rows=rows(100))
    assert [(one.column, one.value) for one in found.bad] == ([(column, value)] if column else [])


def test_null_in_a_key_is_a_bad_value(looks):
    found = looks(
        "DROP TABLE events",
        "CREATE TABLE events (id VARCHAR(36) PRIMARY KEY, at DATETIME, seconds, count, said, payload)",
        "INSERT INTO events (at) VALUES ('2026-11-21 09:30:00')",
    )
    (bad,) = found.bad
    assert (bad.key, bad.column, bad.value) == ({"id": "NULL"}, "id", "NULL")
    assert bad.reason == "is NULL, in a column that must have a value"


def test_a_row_without_key_is_named_by_its_place(looks):
    found = looks("INSERT INTO loose VALUES ('abc'), ('abcd')")
    (bad,) = found.bad
    assert (bad.key, bad.value) == ({"rowid": "2"}, "abcd")


def test_a_key_that_is_bad_itself_can_be_read(looks):
    found = looks("UPDATE events SET id = CAST(x'61ff00' AS TEXT) WHERE id LIKE '%1'", rows=rows(2))
    assert found.bad[0].key == {"id": "a\\xff\\0"}
    assert found.rows == 1


def test_all_bad_rows_are_counted_and_the_first_are_shown(looks):
    found = looks(
        "UPDATE events SET said = x'00', count = 'x' WHERE id LIKE '%5'", "UPDATE events SET seconds = 'x'",
        "INSERT INTO loose VALUES ('abcd')", rows=rows(50), limit=7,
    )  # fmt: skip
    assert found.rows_by_table == {"events": 50, "loose": 1}
    assert columns(found) == {"events": ["seconds", "count", "said"], "loose": ["said"]}
    assert found.rows == 51
    assert len(found.bad) == 7


def test_a_long_value_is_shown_in_part(looks):
    found = looks("UPDATE events SET said = printf('%.*c', 100000, 'é') || char(0)", rows=rows(1))
    assert found.bad[0].value == "é" * 200


def test_the_way_the_connection_reads_text_is_left_as_it_was(source, end):
    target = end("target", "postgresql", MetaData())
    with source.connection() as connection:
        connection.text_factory = bytes
        connection.row_factory = sqlite3.Row
        scan(source, target, SHAPES, connection, listener=Silence())
        assert (connection.text_factory, connection.row_factory) == (bytes, sqlite3.Row)


def test_memory_does_not_grow_with_the_rows_nor_with_their_length(looks):
    tracemalloc.start()
    try:
        looks(rows=((f"{number:036d}", GOOD[0], 1.5, 7, "x" * 500_000, b"") for number in range(200)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # All of the text is 100 MB.
    assert peak < 40_000_000


def test_between_equal_engines_nothing_is_bad(looks, source, end):
    looks("UPDATE events SET said = x'00', at = 'x'", rows=rows(2))
    other = end("target", "sqlite", metadata)
    with source.connection() as connection:
        assert scan(source, other, SHAPES, connection, listener=Silence()).rows == 0


def test_what_sqlite_can_not_hold_is_found_in_postgresql(end):
    source, target = end("source", "postgresql", metadata), end("target", "sqlite", MetaData())
    with source.connection() as connection:
        connection.execute("INSERT INTO events VALUES ('a', 'infinity', 'NaN'), ('b', '2026-01-01', 1)")
        connection.execute("INSERT INTO events VALUES ('c', '2026-01-01', '-0', 1, repeat('é', 1000))")
        connection.commit()
        found = scan(source, target, SHAPES, connection, listener=Silence())
    assert [(one.key["id"], one.column, one.value) for one in found.bad] == [
        ("a", "at", "infinity"),
        ("a", "seconds", "NaN"),
        ("c", "seconds", "-0"),
    ]
    assert (found.rows, columns(found)) == (2, {"events": ["at", "seconds"]})


def test_a_type_that_one_engine_alone_knows_is_refused_with_its_place(end):
    odd = MetaData()
    Table("hosts", odd, Column("id", Integer, primary_key=True), Column("address", postgresql.INET))
    source, target = end("source", "postgresql", odd), end("target", "sqlite", MetaData())
    other = end("target", "postgresql", MetaData())
    with source.connection() as connection:
        with pytest.raises(UnsupportedTypeError, match=r"hosts\.address has the type INET\(\)"):
            scan(source, target, make(odd).shapes, connection, listener=Silence())
        assert scan(source, other, make(odd).shapes, connection, listener=Silence()).rows == 0
