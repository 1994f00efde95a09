"""From SQLite to empty tables of SQLite, in one statement each: SQLite hands whole pages of rows over.

It does so where the tables are alike, with the same indexes, whose entries go along; foreign keys must be off. Where
they are not alike, rows are inserted in the order of the key, and the indexes made anew after them. All tables are one
transaction of the target: killed in between, it is as it was.
"""

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from crossfade.transfer import writers
from crossfade.transfer.ends import End
from crossfade.transfer.pictures import BESIDE
from crossfade.transfer.shapes import Shape, quoted


def copy_all(connection: sqlite3.Connection, shapes: Sequence[Shape], done: Callable[[Shape, int], None]) -> None:
    """Copies all rows of these tables. Calls `done` with each table and how many rows it got.

    `connection` is to the target, in the transaction that `pictures.take(source, beside=connection)` has begun; the
    tables are empty, the source `fits`, and foreign keys are off, which has to be said before a transaction begins.
    References are not checked. Raises the driver's errors; then the caller rolls back.
    """
    for shape in shapes:
        rows = handed_over(connection, shape)
        done(shape, _inserted(connection, shape) if rows is None else rows)


def fits(source: End, connection: sqlite3.Connection) -> bool:
    """Whether SQLite can see both files at once: not, if it keeps texts in UTF-8 here and in UTF-16 there."""
    with source.connection() as there:
        return _encoding(there) == _encoding(connection)


@contextmanager
def journal(connection: sqlite3.Connection) -> Generator[None]:
    """Lets the load write each page once: without the write-ahead log, where nobody else has the file open.

    An empty database's rollback journal is tiny. To be entered before the transaction begins, and left after its end.
    """
    patience, durability = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("busy_timeout", "synchronous")
    )
    # Whoever has the file open has it open for long: this is not worth waiting for.
    connection.execute("PRAGMA busy_timeout=0")
    try:
        mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except sqlite3.OperationalError:
        mode = "wal"
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience}")
    if mode == "delete":
        # A journal that may be on the disk after the pages that it is to bring back is none, and it is but one commit.
        connection.execute("PRAGMA synchronous=FULL")
    try:
        yield
    finally:
        if mode == "delete":
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute(f"PRAGMA synchronous={durability}")


def handed_over(connection: sqlite3.Connection, shape: Shape) -> int | None:
    """Copies whole rows if SQLite finds the tables alike; None if it doesn't."""
    table = shape.at("sqlite")
    if _columns(connection, "main", shape) != _columns(connection, BESIDE, shape):
        return None
    sql = f"INSERT INTO main.{table} SELECT * FROM {BESIDE}.{table}"
    # Rows that are not taken apart: the statement's other half, for a table that isn't empty, does it column by column.
    if not any(operation[1] in {"RowCell", "RowData"} for operation in connection.execute(f"EXPLAIN {sql}")):
        return None
    return connection.execute(sql).rowcount


def _inserted(connection: sqlite3.Connection, shape: Shape) -> int:
    table = shape.at("sqlite")
    names = ", ".join(column.quoted for column in shape.columns)
    order = f" ORDER BY {', '.join(column.quoted for column in shape.key_columns)}" if shape.key else ""
    indexes = connection.execute(
        "SELECT name, sql FROM main.sqlite_schema"
        " WHERE type = 'index' AND tbl_name = ? COLLATE NOCASE AND sql IS NOT NULL",
        (shape.bare,),
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX main.{quoted(name)}")
    sql = f"INSERT INTO main.{table} ({names}) SELECT {names} FROM {BESIDE}.{table}{order}"
    rows = connection.execute(sql).rowcount
    with writers.sorting(connection):
        for _, definition in indexes:
            connection.execute(definition)
    return rows


def _encoding(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA encoding").fetchone()[0])


def _columns(connection: sqlite3.Connection, schema: str, shape: Shape) -> list[tuple[object, ...]]:
    return connection.execute(f"PRAGMA {schema}.table_xinfo({shape.at('sqlite')})").fetchall()
