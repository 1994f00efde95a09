from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Time,
    Uuid,
)

from crossfade.transfer.lanes import batches
from crossfade.transfer.shapes import shape_of


def moment(*numbers):
    """Naive, as the columns are."""
    return datetime(*numbers, tzinfo=UTC).replace(tzinfo=None)


AWKWARD = [
    None, "", " ", "NULL", "'NULL'", "\\N", "\\.", "\n\\.\n", "\t", "\n", "\r", "\r\n", "\v\f\b", "'", "''", '"', '""',
    "\\", "\\\\", "\\n", "\\x41", "a\tb\nc\\d'e\"f,g", "'a", "a'", ",", "\x01", "\x02", "\x1f\x7f", "%", "%s", "%Q",
    "ä", "日本", "\U0001f389", "\ufeff", "\u2028", "\U0010ffff", "e\u0301", " lead and trail ", "x" * 100_000,
    "'" * 1_000, "null", "{}", "$1", "?", ":a",
]  # fmt: skip


def test_text_arrives_as_it_is_whatever_is_in_it(lanes):
    notes = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("a", Text), Column("b", Text))
    lanes.create(notes.metadata)
    lanes.fill(notes, [{"id": n, "a": one, "b": AWKWARD[-n]} for n, one in enumerate(AWKWARD)])

    lanes.carry(notes, size=7)

    assert lanes.rows(notes) == lanes.rows(notes, lanes.source)


def test_every_awkward_text_is_a_key_too(lanes):
    notes = Table("notes", MetaData(), Column("id", Text(), primary_key=True), Column("n", Integer))
    lanes.create(notes.metadata)
    # PostgreSQL's indexes take keys of a few kilobytes.
    lanes.fill(notes, [{"id": one[:999], "n": n} for n, one in enumerate(AWKWARD) if one is not None])

    lanes.carry(notes, size=1)

    assert lanes.rows(notes) == lanes.rows(notes, lanes.source)


def test_values_of_every_type_keep_their_meaning(lanes):
    types = {
        "whole": BigInteger(), "yes": Boolean(), "real": Float(), "exact": Numeric(20, 6), "at": DateTime(),
        "zoned": DateTime(timezone=True), "day": Date(), "hour": Time(), "raw": LargeBinary(),
        "doc": JSON(none_as_null=True), "uid": Uuid(),
    }  # fmt: skip
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), *(Column(n, t) for n, t in types.items()))
    lanes.create(table.metadata)
    at = moment(2026, 2, 28, 23, 59, 59, 999999)
    given = [
        {},
        {"whole": -(2**63), "yes": True, "real": 0.1 + 0.2, "exact": Decimal("-1.5"), "at": at,
         "zoned": at.replace(tzinfo=UTC), "day": date(1, 1, 1), "hour": time(23, 59, 59, 1), "raw": bytes(range(256)),
         "doc": {"a": ["'", '"', "\n", None, 1.5]}, "uid": UUID(int=1)},
        {"whole": 2**63 - 1, "yes": False, "real": float("-inf"), "exact": Decimal(10), "at": at.replace(microsecond=0),
         "zoned": at.replace(tzinfo=UTC) - timedelta(days=999), "day": date(9999, 12, 31), "hour": time(0), "raw": b"",
         "doc": [], "uid": UUID(int=2**128 - 1)},
        {"whole": 0, "real": 5e-324, "exact": Decimal(0), "at": moment(1, 1, 1), "raw": b"\\x41", "doc": "text"},
        {"whole": 1, "real": 1e308, "at": moment(9999, 12, 31), "doc": 1},
    ]  # fmt: skip
    rows = [dict.fromkeys(types) | {"id": number} | one for number, one in enumerate(given, 1)]
    lanes.fill(table, rows)

    lanes.carry(table, size=2)

    assert lanes.rows(table) == lanes.rows(table, lanes.source)
    stored = "SELECT typeof(whole), typeof(yes), typeof(real), typeof(at), at, typeof(raw), uid FROM t WHERE id = 2"
    if lanes.target.engine == "sqlite":
        with lanes.target.connection() as connection:
            row = connection.execute(stored).fetchone()
        texts = ("text", "2026-02-28 23:59:59.999999", "blob", UUID(int=1).hex)
        assert row == ("integer", "integer", "real", *texts)


@pytest.mark.parametrize(
    ("type_", "keys"),
    [
        (Integer(), [-5, 0, 7, 2**31 - 1]),
        (Float(), [-1.5, 0.1, 1 / 3, 1e300]),
        (DateTime(), [moment(2026, 1, 1), moment(2026, 1, 1, 0, 0, 0, 5), moment(2026, 1, 1, 0, 0, 1)]),
        (LargeBinary(), [b"", b"\0", b"a", b"\xff"]),
        (Uuid(), [UUID(int=n) for n in (0, 9, 10, 2**127)]),
        (Boolean(), [False, True]),
        (String(9), ["", "A", "a", "ab", "b", "ä", "\\N"]),
        (Numeric(9, 2), [Decimal("-1.50"), Decimal(0), Decimal("0.25"), Decimal(3)]),
        (Date(), [date(2025, 12, 31), date(2026, 1, 1)]),
    ],
    ids=repr,
)
def test_reading_goes_on_exactly_after_any_position(lanes, type_, keys):
    table = Table("t", MetaData(), Column("id", type_, primary_key=True), Column("n", Integer))
    lanes.create(table.metadata)
    lanes.fill(table, [{"id": key, "n": n} for n, key in enumerate(keys)])

    one_by_one = [(batch.rows, batch.last) for batch in lanes.batches(table, size=1)]

    assert [rows for rows, _ in one_by_one] == [1] * len(keys)
    for done, (_, position) in enumerate(one_by_one, 1):
        rest = [batch.last for batch in lanes.batches(table, size=1, after=position)]
        assert rest == [last for _, last in one_by_one[done:]]
    lanes.carry(table, size=1)
    assert lanes.rows(table) == lanes.rows(table, lanes.source)


@pytest.fixture
def foreign():
    """Tables as nobody would make them."""
    metadata = MetaData()
    Table(
        "order", metadata, Column("group", String(9), primary_key=True), Column("select", Integer, primary_key=True),
        Column('say "hi"', Text), Column("100%", Integer), Column("it's", Text), Column("über b", Text),
    )  # fmt: skip
    Table("wide", metadata, Column("id", Integer, primary_key=True), *(Column(f"c{n}", Text) for n in range(200)))
    Table("keyless", metadata, Column("a", Text), Column("b", Integer))
    Table("events", metadata, Column("id", Integer, primary_key=True), Column("what", Text), schema="audit")
    Table('quo"ted', metadata, Column("rowid", Text, primary_key=True), Column("oid", Integer))
    return metadata


def rows_of(table, count):
    def value(column, n):
        if column.name in {"select", "group"}:
            return {"select": n // 3, "group": f"{n % 3}"}[column.name]
        return n if isinstance(column.type, Integer) else f"{n:04} {column.name}"

    return [{column.name: value(column, n) for column in table.columns} for n in range(count)]


@pytest.mark.parametrize("name", ["order", "wide", "keyless", "audit.events", 'quo"ted'])
def test_tables_with_any_names_columns_and_keys_arrive(lanes, foreign, name):
    lanes.create(foreign)
    table = foreign.tables[name]
    lanes.fill(table, rows_of(table, 50))

    done = lanes.carry(table, size=7)

    assert [rows for rows, _ in done] == [7] * 7 + [1]
    assert lanes.rows(table) == lanes.rows(table, lanes.source)


def test_a_composite_key_goes_on_in_the_middle_of_its_first_column(lanes, foreign):
    lanes.create(foreign)
    table = foreign.tables["order"]
    lanes.fill(table, rows_of(table, 20))
    first = next(iter(lanes.batches(table, size=10)))

    rest = [batch.rows for batch in lanes.batches(table, size=3, after=first.last)]

    assert rest == [3, 3, 3, 1]


def test_a_table_without_a_key_has_no_positions(lanes, foreign):
    lanes.create(foreign)
    table = foreign.tables["keyless"]
    lanes.fill(table, [*rows_of(table, 5), *rows_of(table, 5)])

    assert lanes.carry(table, size=4) == [(4, None), (4, None), (2, None)]

    assert lanes.rows(table) == lanes.rows(table, lanes.source)
    with pytest.raises(ValueError, match="keyless has no key"):
        next(lanes.batches(table, after=("1",)))


def test_a_condition_leaves_rows_out(lanes, foreign):
    lanes.create(foreign)
    table = foreign.tables["order"]
    lanes.fill(table, rows_of(table, 30))

    done = lanes.carry(table, size=4, where='"100%" % 3 <> 0')

    assert sum(rows for rows, _ in done) == 20
    assert {row[3] % 3 for row in lanes.rows(table)} == {1, 2}


def test_an_empty_table_has_no_batches(lanes, foreign):
    lanes.create(foreign)

    assert [lanes.carry(table) for table in foreign.tables.values()] == [[]] * 5


def test_a_batch_of_long_rows_ends_early(lanes):
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("long", Text))
    lanes.create(table.metadata)
    million = 1_000_000
    lanes.fill(table, [{"id": n, "long": str(n) * (million if n > 20 else 1)} for n in range(10, 40)])

    done = lanes.carry(table, size=1_000)

    assert max(rows for rows, _ in done) * 2 * million < 2 * batches.MOST_BYTES + 11 * 2 * million
    assert sum(rows for rows, _ in done) == 30
    assert len(done) >= 2
    assert lanes.rows(table) == lanes.rows(table, lanes.source)


def test_a_reading_that_ends_early_leaves_the_picture_as_it_is(lanes, foreign):
    from crossfade.transfer import pictures
    from crossfade.transfer.lanes import lane

    lanes.create(foreign)
    table = foreign.tables["wide"]
    lanes.fill(table, rows_of(table, 300))

    with pictures.take(lanes.source) as picture:
        carrying = lane(lanes.source, lanes.target, shape_of(table))
        reading = carrying.read(picture.connections[0], after=None, size=2)
        first = next(reading)
        reading.close()
        lanes.fill(table, [row | {"id": row["id"] + 1_000} for row in rows_of(table, 5)])
        rest = [batch.rows for batch in carrying.read(picture.connections[0], after=first.last, size=1_000)]

    assert sum(rest) == 298


@pytest.mark.parametrize("lanes", [("postgresql", "postgresql")], indirect=True)
def test_columns_of_other_types_are_carried_as_text(lanes):
    here = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer), Column("x", Text))
    lanes.create(here.metadata)
    with lanes.target.connection() as connection:
        connection.execute("ALTER TABLE t ALTER COLUMN n TYPE bigint")
        connection.commit()
    lanes.fill(here, [{"id": n, "n": n * n, "x": one} for n, one in enumerate(AWKWARD)])

    lanes.carry(here, size=5)

    assert lanes.rows(here) == lanes.rows(here, lanes.source)


@pytest.mark.parametrize("lanes", [("postgresql", "postgresql")], indirect=True)
def test_types_of_postgresql_alone_arrive(lanes):
    from sqlalchemy.dialects import postgresql

    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("many", postgresql.ARRAY(Integer)),
        Column("address", postgresql.INET), Column("doc", postgresql.JSONB), Column("bits", postgresql.TSVECTOR),
    )  # fmt: skip
    lanes.create(table.metadata)
    with lanes.source.connection() as connection:
        connection.execute("INSERT INTO t VALUES (1, '{1,NULL,3}', '10.0.0.1/8', '{\"a\": [1]}', 'a fat cat')")
        connection.commit()

    lanes.carry(table)

    assert lanes.rows(table) == lanes.rows(table, lanes.source)


@pytest.mark.parametrize("lanes", [("sqlite", "sqlite")], indirect=True)
@pytest.mark.parametrize("key", ["id INTEGER PRIMARY KEY", "id", "id TEXT PRIMARY KEY"])
def test_between_two_sqlite_every_value_keeps_its_storage_class(lanes, key):
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key="PRIMARY" in key), Column("n", Integer), Column("x", Text)
    )
    odd = [
        "'text'",
        "x'00ff'",
        "CAST(x'ff00fe' AS TEXT)",
        "'a' || char(0) || 'b'",
        "1.5",
        "9e999",
        "12",
        "NULL",
        "''",
        "x''",
    ]
    values = ", ".join(f"({n}, {one}, {odd[-n]})" for n, one in enumerate(odd))
    for end in (lanes.source, lanes.target):
        with end.connection() as connection:
            connection.execute(f"CREATE TABLE t ({key}, n INTEGER, x TEXT)")
    with lanes.source.connection() as connection:
        connection.execute(f"INSERT INTO t VALUES {values}")
        connection.commit()

    lanes.carry(table, size=3)

    look = "SELECT id, typeof(n), quote(CAST(n AS BLOB)), typeof(x), quote(CAST(x AS BLOB)) FROM t ORDER BY id"
    with lanes.source.connection() as here, lanes.target.connection() as there:
        assert there.execute(look).fetchall() == here.execute(look).fetchall()


@pytest.mark.parametrize("lanes", [("sqlite", "sqlite")], indirect=True)
def test_keys_of_several_storage_classes_go_on_in_sqlites_order(lanes):
    table = Table("t", MetaData(), Column("id", Text, primary_key=True))
    for end in (lanes.source, lanes.target):
        with end.connection() as connection:
            connection.execute("CREATE TABLE t (id PRIMARY KEY)")
    with lanes.source.connection() as connection:
        odd = (
            "(NULL), (NULL), (-3), (2.5), (7), ('7'), ('text'), (CAST(x'ff' AS TEXT)), ('a' || char(0)), (x'00'), (x'')"
        )
        connection.execute(f"INSERT INTO t VALUES {odd}")
        connection.commit()

    positions = [position for _, position in lanes.carry(table, size=1)]

    assert len(positions) == 9
    for number, position in enumerate(positions, 1):
        assert [batch.last for batch in lanes.batches(table, size=1, after=position)] == positions[number:]
    look = "SELECT typeof(id), quote(CAST(id AS BLOB)) FROM t ORDER BY id"
    with lanes.source.connection() as here, lanes.target.connection() as there:
        assert there.execute(look).fetchall() == here.execute(look).fetchall()


@pytest.mark.parametrize("lanes", [("sqlite", "postgresql")], indirect=True)
def test_forms_that_only_sqlite_knows_arrive_with_their_meaning(lanes):
    types = {
        "at": DateTime(),
        "zoned": DateTime(timezone=True),
        "day": Date(),
        "uid": Uuid(),
        "real": Float(),
        "exact": Numeric(9, 2),
    }
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), *(Column(n, t) for n, t in types.items()))
    lanes.create(table.metadata)
    with lanes.source.connection() as connection:
        uid = "0a0b0c0d-0000-0000-0000-0000000000FF"
        connection.execute(
            "INSERT INTO t VALUES (1, '2026-01-02T03:04:05', '2026-01-02 03:04:05.123+02:00', '2026-01-02', ?, 3, 2),"
            " (2, '2026-01-02-03:04:05.000000', '2026-01-02 03:04:05.123+02', '2026-01-02', ?, 1, 0.5)",
            (uid, uid.replace("-", "")),
        )
        connection.commit()

    lanes.carry(table)

    day, uid = date(2026, 1, 2), UUID(int=0x0A0B0C0D << 96 | 0xFF)
    at, zoned = moment(2026, 1, 2, 3, 4, 5), moment(2026, 1, 2, 1, 4, 5, 123_000)
    assert lanes.rows(table) == [
        (1, at, zoned, day, uid, 3.0, Decimal("2.00")),
        (2, at, zoned, day, uid, 1.0, Decimal("0.50")),
    ]
