import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text

from crossfade.transfer import pictures
from crossfade.transfer.lanes import attached
from crossfade.transfer.shapes import shape_of

pytestmark = pytest.mark.parametrize("lanes", [("sqlite", "sqlite")], indirect=True)

PARENTS = "CREATE TABLE parents (id TEXT PRIMARY KEY NOT NULL, n INTEGER)"
CHILDREN = "CREATE TABLE children (id INTEGER PRIMARY KEY, parent TEXT REFERENCES parents (id), x)"
INDEXES = ["CREATE INDEX by_n ON parents (n)", "CREATE UNIQUE INDEX by_parent ON children (parent, x)"]


@pytest.fixture
def shapes():
    metadata = MetaData()
    parents = Table("parents", metadata, Column("id", Text, primary_key=True), Column("n", Integer))
    children = Table(
        "children", metadata, Column("id", Integer, primary_key=True), Column("parent", Text, ForeignKey("parents.id")),
        Column("x", Text),
    )  # fmt: skip
    return [shape_of(parents), shape_of(children)]


@pytest.fixture
def tables(lanes):
    """Makes the tables of both sides; `tables(here, there)` from statements."""

    def make(here, there):
        for end, statements in ((lanes.source, here), (lanes.target, there)):
            with closing(sqlite3.connect(end.route.path)) as connection:
                for statement in statements:
                    connection.execute(statement)
        with closing(sqlite3.connect(lanes.source.route.path)) as connection:
            connection.executemany("INSERT INTO parents (id, n) VALUES (?, ?)", [(f"p{n}", n % 7) for n in range(300)])
            connection.executemany(
                "INSERT INTO children (id, parent, x) VALUES (?, ?, ?)",
                [(n, f"p{n % 300}" if n % 5 else None, [n, f"{n}", b"%d" % n, n / 3, None][n % 5]) for n in range(900)],
            )
            connection.execute("INSERT INTO children (id, x) VALUES (1000, CAST(x'ff00' AS TEXT))")
            connection.commit()

    return make


def copy(lanes, shapes):
    counts = {}
    with lanes.target.connection() as connection:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=OFF")
        with attached.journal(connection), pictures.take(lanes.source, beside=connection):
            attached.copy_all(connection, shapes, lambda shape, rows: counts.update({shape.name: rows}))
            connection.execute("COMMIT")
    return counts


def contents(end):
    looks = (
        "SELECT id, n FROM parents ORDER BY id",
        "SELECT id, parent, typeof(x), quote(CAST(x AS BLOB)) FROM children ORDER BY id",
    )
    with closing(sqlite3.connect(end.route.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return [connection.execute(look).fetchall() for look in looks]


def indexes(end):
    with closing(sqlite3.connect(end.route.path)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name").fetchall()


OTHERS = {
    "alike": [PARENTS, CHILDREN, *INDEXES],
    "columns in another order": ["CREATE TABLE parents (n INTEGER, id TEXT PRIMARY KEY NOT NULL)", CHILDREN, *INDEXES],
    "one more column": [PARENTS, CHILDREN.replace(", x)", ", x, y DEFAULT 'y')"), *INDEXES],
    "one more index": [PARENTS, CHILDREN, *INDEXES, "CREATE INDEX by_x ON children (x)"],
    "another default": [PARENTS.replace("n INTEGER", "n INTEGER DEFAULT 5"), CHILDREN, *INDEXES],
    "a check": [PARENTS.replace("n INTEGER", "n INTEGER CHECK (n < 9)"), CHILDREN, *INDEXES],
    "without rowid": [PARENTS + " WITHOUT ROWID", CHILDREN, *INDEXES],
    "another collation": [PARENTS.replace("id TEXT", "id TEXT COLLATE NOCASE"), CHILDREN, *INDEXES],
    "other case": [PARENTS.replace("parents", "Parents"), CHILDREN, *INDEXES],
}


@pytest.mark.parametrize("there", OTHERS.values(), ids=OTHERS)
def test_every_row_arrives_and_every_index_is_there(lanes, shapes, tables, there):
    tables([PARENTS, CHILDREN, *INDEXES], there)
    before = indexes(lanes.target)

    counts = copy(lanes, shapes)

    assert counts == {"parents": 300, "children": 901}
    assert contents(lanes.target) == contents(lanes.source)
    assert indexes(lanes.target) == before


def test_alike_tables_are_handed_over_whole(lanes, shapes, tables):
    tables([PARENTS, CHILDREN, *INDEXES], OTHERS["alike"])

    with lanes.target.connection() as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        with pictures.take(lanes.source, beside=connection):
            assert [attached.handed_over(connection, shape) for shape in shapes] == [300, 901]


def test_tables_that_only_look_alike_are_not_handed_over(lanes, shapes, tables):
    tables([PARENTS, CHILDREN, *INDEXES], OTHERS["one more index"])

    with lanes.target.connection() as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        with pictures.take(lanes.source, beside=connection):
            assert attached.handed_over(connection, shapes[1]) is None


def test_a_load_that_fails_leaves_the_target_as_it_was(lanes, shapes, tables):
    tables(
        [PARENTS, CHILDREN, *INDEXES], [PARENTS, CHILDREN.replace(", x)", ", x CHECK (x IS NULL OR x <> 5))"), *INDEXES]
    )
    before = indexes(lanes.target)

    with pytest.raises(sqlite3.IntegrityError):
        copy(lanes, shapes)

    assert contents(lanes.target) == [[], []]
    assert indexes(lanes.target) == before


@pytest.mark.parametrize("used", [False, True])
def test_the_target_has_its_write_ahead_log_again_whoever_uses_it(lanes, shapes, tables, used):
    tables([PARENTS, CHILDREN, *INDEXES], OTHERS["alike"])

    with closing(sqlite3.connect(lanes.target.route.path)) as other:
        if used:
            other.execute("SELECT * FROM parents").fetchall()
            other.execute("BEGIN")
            other.execute("SELECT * FROM parents").fetchall()
        copy(lanes, shapes)

    with closing(sqlite3.connect(lanes.target.route.path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert contents(lanes.target) == contents(lanes.source)


def test_a_target_in_another_encoding_does_not_fit(lanes):
    with closing(sqlite3.connect(":memory:")) as other, lanes.target.connection() as target:
        other.execute("PRAGMA encoding = 'UTF-16le'")
        other.execute("CREATE TABLE t (x)")

        assert attached.fits(lanes.source, target)
        assert not attached.fits(lanes.source, other)
