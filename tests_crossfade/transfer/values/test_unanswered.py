"""References that nothing answers, in a database of SQLite or of PostgreSQL that was told not to look at them."""

import sqlite3
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, MetaData, String, Table, Text, Uuid
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from crossfade.transfer import kinds, unanswered
from crossfade.transfer.plan import make

metadata = MetaData()
Table("people", metadata, Column("id", Uuid, primary_key=True), Column("nick", Text, unique=True))
Table("places", metadata, Column("zip", String(9), primary_key=True), Column("order", Integer, primary_key=True))
Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author", ForeignKey("people.id")),
    Column("nick", ForeignKey("people.nick")),
    Column("answers", ForeignKey("notes.id")),
    Column("zip", String(9)),
    Column("order", Integer),
    ForeignKeyConstraint(["zip", "order"], ["places.zip", "places.order"]),
)
DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}
SHAPES = make(metadata).shapes
SHAPE = {shape.name: shape for shape in SHAPES}
ANNA = "00112233445566778899aabbccddeeff"
NOBODY = "ab" * 16


@pytest.fixture
def sqlite_connection():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        kinds.install(made)
        yield made


@pytest.fixture
def postgresql_connection(new_database):
    with closing(psycopg.connect(new_database(), autocommit=True)) as made:
        # As whoever copies rows of another server: nothing is looked at as it comes.
        made.execute("SET session_replication_role = replica")
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request):
    return request.param


@pytest.fixture
def connection(engine, request):
    made = request.getfixturevalue(f"{engine}_connection")
    for table in metadata.sorted_tables:
        made.execute(str(CreateTable(table).compile(dialect=DIALECTS[engine])))
    made.execute(f"INSERT INTO people VALUES ('{ANNA}', 'anna'), ('{'f' * 32}', NULL)")
    made.execute("INSERT INTO places VALUES ('1', 1), ('2', 2)")
    return made


@pytest.fixture
def found(connection, engine):
    """The notes that refer to nothing, and what is said of them."""

    def ask(complete=tuple(SHAPE)):
        told = {}
        for column, fault in unanswered.faults(SHAPE["notes"], SHAPES, complete, connection, engine=engine):
            for (key,) in connection.execute(f"SELECT id FROM notes WHERE {fault.where}").fetchall():
                told[key] = f"{column.name} {fault.reason}"
        return told

    return ask


@pytest.mark.parametrize(
    ("columns", "values", "told"),
    [
        ("author", f"'{NOBODY}'", "author refers to no row of people"),
        ("nick", "'Anna'", "nick refers to no row of people"),
        ("answers", "7", "answers refers to no row of notes"),
        ('zip, "order"', "'1', 2", "zip refers with order to no row of places"),
    ],
)
def test_what_refers_to_nothing_is_told_by_its_column(connection, found, columns, values, told):
    connection.execute(f"INSERT INTO notes (id, {columns}) VALUES (1, {values})")
    connection.execute("INSERT INTO notes (id, answers) VALUES (2, 2), (3, NULL)")

    assert found() == {1: told}


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("author", f"'{ANNA}'"),
        ("author", "'00112233-4455-6677-8899-AABBCCDDEEFF'"),
        ("nick", "'anna'"),
        ("nick", "NULL"),
        ("answers", "1"),
        ('zip, "order"', "'2', 2"),
        ('zip, "order"', "'9', NULL"),
    ],
)
def test_what_finds_its_row_however_it_is_written_or_refers_to_nobody_is_none(connection, found, columns, values):
    connection.execute(f"INSERT INTO notes (id, {columns}) VALUES (1, {values})")

    assert found() == {}


def test_a_table_of_which_the_target_has_other_rows_is_not_looked_at(connection, found):
    connection.execute(f"INSERT INTO notes (id, author, answers) VALUES (1, '{NOBODY}', 7)")

    assert found(complete=["people"]) == {1: "author refers to no row of people"}
    assert found(complete=()) == {}
