"""Values are compared by what they mean, and to the last bit where they mean something else."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import JSON, Column, DateTime, Float, Integer, LargeBinary, MetaData, String, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
notes = Table("notes", metadata, Column("id", String(36), primary_key=True), Column("words", Text))
moments = Table("moments", metadata, Column("id", Integer, primary_key=True), Column("at", DateTime(timezone=True)))
documents = Table(
    "documents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("doc", JSON().with_variant(JSONB(), "postgresql")),
)
tagged = Table("tagged", metadata, Column("tag", Uuid, primary_key=True), Column("ratio", Float))
loose = Table("loose", metadata, Column("words", Text), Column("raw", LargeBinary))


def run(engine, statement, **values):
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def many(engine, statement, rows):
    with engine.begin() as connection:
        connection.execute(text(statement), rows)


@pytest.fixture
def pair(pair_of):
    return lambda source, target: pair_of(source, target, metadata=metadata)


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_an_instant_may_be_written_with_or_without_its_microseconds_and_offset(pair, other):
    pair = pair("sqlite", other)
    run(pair.source, "INSERT INTO moments VALUES (1, '2026-01-01 12:00:00'), (2, '2026-01-01T12:00:00+02:00')")
    for number, hour in ((1, 12), (2, 10)):
        with pair.target.begin() as connection:
            connection.execute(moments.insert(), {"id": number, "at": datetime(2026, 1, 1, hour, tzinfo=UTC)})

    assert pair.verify().ok


def test_a_document_may_have_its_keys_in_any_order_where_one_side_keeps_its_meaning_alone(pair):
    pair = pair("sqlite", "postgresql")
    run(pair.source, """INSERT INTO documents VALUES (1, '{"b": 1.0,   "a": [true, null]}')""")
    run(pair.target, """INSERT INTO documents VALUES (1, '{"a": [true, null], "b": 1.0}')""")

    assert pair.verify().ok


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_a_uuid_that_is_a_key_may_be_written_with_hyphens(pair, other):
    pair = pair("sqlite", other)
    run(pair.source, "INSERT INTO tagged VALUES ('0000000000000000000000000000000A', 0.5)")
    run(pair.target, "INSERT INTO tagged VALUES ('00000000-0000-0000-0000-00000000000a', 0.5)")

    assert pair.verify().ok


def test_empty_text_is_not_nothing(engines, pair):
    pair = pair(*engines)
    run(pair.source, "INSERT INTO notes VALUES ('1', '')")
    run(pair.target, "INSERT INTO notes VALUES ('1', NULL)")

    assert pair.found() == [("notes", {"id": "1"}, "changed", ("words",))]


def test_values_that_look_like_frames_are_not_taken_for_them(engines, pair):
    pair = pair(*engines)
    run(pair.source, "INSERT INTO notes VALUES ('1', '-1'), ('2\t1', ''), ('3', '2\t')")
    run(pair.target, "INSERT INTO notes VALUES ('1', NULL), ('2', '\t1'), ('3', '2\t')")

    assert sorted(pair.found(), key=repr) == [
        ("notes", {"id": "1"}, "changed", ("words",)),
        ("notes", {"id": "2"}, "extra", ()),
        ("notes", {"id": "2\t1"}, "missing", ()),
    ]


def test_the_same_rows_in_another_order_are_the_same(engines, pair):
    pair = pair(*engines)
    rows = [{"id": f"{number}", "words": f"words {number}"} for number in range(500)]
    many(pair.source, "INSERT INTO notes VALUES (:id, :words)", rows)
    many(pair.target, "INSERT INTO notes VALUES (:id, :words)", rows[::-1])

    report = pair.verify()

    assert report.ok
    assert not report.differences


def test_values_that_changed_places_between_rows_differ_though_every_column_has_the_same_sum(engines, pair):
    pair = pair(*engines)
    run(pair.source, "INSERT INTO notes VALUES ('1', 'one'), ('2', 'two')")
    run(pair.target, "INSERT INTO notes VALUES ('1', 'two'), ('2', 'one')")

    assert pair.found() == [
        ("notes", {"id": "1"}, "changed", ("words",)),
        ("notes", {"id": "2"}, "changed", ("words",)),
    ]


def test_a_row_that_is_there_twice_is_not_there_once(engines, pair):
    pair = pair(*engines)
    for engine, times in ((pair.source, 2), (pair.target, 1)):
        many(engine, "INSERT INTO loose (words) VALUES (:words)", [{"words": "again"}, {"words": "once"}] * times)

    assert sorted(pair.found(), key=repr) == [
        ("loose", {"words": "again", "raw": None}, "missing", ()),
        ("loose", {"words": "once", "raw": None}, "missing", ()),
    ]


def _turned(engine):
    """Lets the rows of the file have other numbers, so that they are not compared one by one."""
    run(engine, "DELETE FROM notes WHERE id = 'first'")
    run(engine, "INSERT INTO notes VALUES ('last', ''), ('first', '')")


@pytest.mark.parametrize(
    ("stored", "other"),
    [
        ("CAST(x'610062' AS TEXT)", "CAST(x'610063' AS TEXT)"),
        ("CAST(x'61ff' AS TEXT)", "CAST(x'61fe' AS TEXT)"),
        ("'a'", "x'61'"),
    ],
    ids=["behind U+0000", "no UTF-8", "bytes, not text"],
)
@pytest.mark.parametrize("turned", [False, True])
def test_sqlite_files_differ_by_what_only_sqlite_can_hold(pair, stored, other, turned):
    pair = pair("sqlite", "sqlite")
    for engine, value in ((pair.source, stored), (pair.target, other)):
        run(engine, f"INSERT INTO notes VALUES ('first', ''), ('1', {value})")
    if turned:
        run(pair.source, "INSERT INTO notes VALUES ('last', '')")
        _turned(pair.target)

    assert pair.found() == [("notes", {"id": "1"}, "changed", ("words",))]


@pytest.mark.parametrize("turned", [False, True])
def test_sqlite_files_are_equal_in_what_only_sqlite_can_hold(pair, turned):
    pair = pair("sqlite", "sqlite")
    for engine in (pair.source, pair.target):
        run(engine, "INSERT INTO notes VALUES ('first', ''), ('1', CAST(x'61ff00' AS TEXT)), ('2', x'00')")
        run(engine, "INSERT INTO tagged VALUES ('no uuid', 'no float')")
    if turned:
        run(pair.source, "INSERT INTO notes VALUES ('last', '')")
        _turned(pair.target)

    assert pair.verify().ok


def test_what_is_no_utf8_is_found_where_the_target_has_something_else(pair):
    pair = pair("sqlite", "postgresql")
    run(
        pair.source, "INSERT INTO notes VALUES ('1', CAST(x'61ff' AS TEXT)), ('2', CAST(x'6100' AS TEXT)), ('3', x'61')"
    )
    run(pair.target, "INSERT INTO notes VALUES ('1', 'a'), ('2', 'a'), ('3', 'a')")

    assert [key["id"] for _, key, _, _ in pair.found()] == ["1", "2", "3"]


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_a_file_in_utf16_holds_the_same_rows(pair_of, other):
    def create(engine):
        if engine.dialect.name == "sqlite" and not create.made:
            # The encoding is chosen before the first table: what the pool has open has looked at the file already.
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA encoding = 'UTF-16le'")
                notes.create(connection)
                connection.commit()
            create.made = True
        metadata.create_all(engine)

    create.made = False
    pair = pair_of("sqlite", other, metadata=metadata, create=create)
    with pair.source.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA encoding").scalar() == "UTF-16le"
    rows = [{"id": f"{number} {word}", "words": word} for number in range(3) for word in ("ä", "z", "\uffee", "😀", "")]
    for engine in (pair.source, pair.target):
        many(engine, "INSERT INTO notes VALUES (:id, :words)", rows)

    assert pair.verify().ok
    run(pair.target, "UPDATE notes SET words = 'Ä' WHERE id = '1 ä'")
    run(pair.target, "DELETE FROM notes WHERE id = '2 \uffee'")
    assert sorted(pair.found(), key=repr) == [
        ("notes", {"id": "1 ä"}, "changed", ("words",)),
        ("notes", {"id": "2 \uffee"}, "missing", ()),
    ]


def test_a_table_without_numbers_for_its_rows_is_compared_by_its_key(pair_of):
    def create(engine):
        run(engine, "CREATE TABLE notes (id TEXT PRIMARY KEY, words TEXT) WITHOUT ROWID")

    pair = pair_of("sqlite", "sqlite", metadata=_of(notes), create=create)
    for engine, words in ((pair.source, "a"), (pair.target, "b")):
        run(engine, f"INSERT INTO notes VALUES ('1', '{words}'), ('2', 'c')")

    assert pair.found() == [("notes", {"id": "1"}, "changed", ("words",))]


def test_a_column_may_be_called_rowid(pair_of):
    strange = MetaData()
    Table("strange", strange, Column("rowid", Text), Column("oid", Text), Column("_rowid_", Text))
    pair = pair_of("sqlite", "sqlite", metadata=strange)
    for engine in (pair.source, pair.target):
        run(engine, "INSERT INTO strange VALUES ('1', 'a', 'b'), ('1', 'c', 'd')")

    assert pair.verify().ok


def test_a_key_that_sorts_a_and_capital_a_alike_still_tells_them_apart(pair_of):
    def create(engine):
        run(engine, "CREATE TABLE notes (id TEXT COLLATE NOCASE PRIMARY KEY, words TEXT COLLATE NOCASE)")

    pair = pair_of("sqlite", "sqlite", metadata=_of(notes), create=create)
    run(pair.source, "INSERT INTO notes VALUES ('a', 'x'), ('b', 'x'), ('c', 'x')")
    run(pair.target, "INSERT INTO notes VALUES ('a', 'X'), ('B', 'x'), ('c', 'x')")

    assert sorted(pair.found(), key=repr) == [
        ("notes", {"id": "B"}, "extra", ()),
        ("notes", {"id": "a"}, "changed", ("words",)),
        ("notes", {"id": "b"}, "missing", ()),
    ]


def test_rows_without_a_key_in_a_column_of_the_key_are_compared_too(pair_of):
    def create(engine):
        run(engine, "CREATE TABLE notes (id TEXT PRIMARY KEY, words TEXT)")

    pair = pair_of("sqlite", "sqlite", metadata=_of(notes), create=create)
    run(pair.source, "INSERT INTO notes VALUES (NULL, 'x'), (NULL, 'y'), ('1', 'z')")
    run(pair.target, "INSERT INTO notes VALUES ('1', 'z'), (NULL, 'y'), (NULL, 'x')")

    assert pair.verify().ok


def test_postgresql_compares_to_the_last_bit_of_what_it_takes_for_equal(pair):
    pair = pair("postgresql", "postgresql")
    run(pair.source, "INSERT INTO tagged VALUES ('00000000-0000-0000-0000-000000000001', 0.0)")
    run(pair.target, "INSERT INTO tagged VALUES ('00000000-0000-0000-0000-000000000001', '-0.0')")

    assert [(table, columns) for table, _, _, columns in pair.found()] == [("tagged", ("ratio",))]


def test_postgresql_columns_of_other_types_may_hold_the_same(pair_of):
    def create(engine):
        type_ = "text" if create.made else "varchar(36)"
        create.made = True
        run(engine, f"CREATE TABLE notes (id {type_} PRIMARY KEY, words text)")

    create.made = False
    pair = pair_of("postgresql", "postgresql", metadata=_of(notes), create=create)
    for engine in (pair.source, pair.target):
        run(engine, "INSERT INTO notes VALUES ('1', 'x')")

    assert pair.verify().ok


def _of(table):
    """A metadata with this table alone."""
    made = MetaData()
    table.to_metadata(made)
    return made
