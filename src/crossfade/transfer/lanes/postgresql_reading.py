"""Reading a table of PostgreSQL in the order of its key, and saying where the reading stands.

A position holds the canonical texts of the key, which PostgreSQL reads back exactly.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from crossfade.transfer.lanes.batches import Position
from crossfade.transfer.shapes import Shape, quoted


@contextmanager
def in_order(connection: Any) -> Generator[None]:
    """Makes PostgreSQL read along the index of the key, and keeps the picture if the reading ends early.

    Where nobody has told its planner yet how many rows there are, it would sort the whole table for each batch.
    """
    connection.execute("SAVEPOINT crossfade_reading")
    try:
        connection.execute("SET LOCAL enable_sort = off")
        yield
    finally:
        if not connection.closed:
            # To end a query early is an error to PostgreSQL, after which a transaction goes on from a savepoint alone.
            connection.execute("ROLLBACK TO SAVEPOINT crossfade_reading")
            connection.execute("RELEASE SAVEPOINT crossfade_reading")


def rest(shape: Shape, after: Position | None, where: str | None) -> str:
    """What follows the name of the table in a SELECT of the rows after a position: conditions and order."""
    conditions = [f"({where})"] if where else []
    if after is not None:
        conditions.append(f"{_key(shape)} > {values(shape, after)}")
    condition = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    # With the name of the table: a bare name would mean the text of the column that is selected, and sort by it.
    keys = ", ".join(f"{quoted(shape.bare)}.{column.quoted}" for column in shape.key_columns)
    return condition + (f" ORDER BY {keys}" if keys else "")


def values(shape: Shape, position: Position) -> str:
    """A position as a row of SQL values."""
    if not shape.key:
        raise ValueError(f"{shape.name} has no key, so it can't be read from a position")
    given = zip(shape.key_columns, position, strict=True)
    return f"({', '.join(column.kind.stored(literal(text), 'postgresql') for column, text in given)})"


def literal(text: str) -> str:
    """A text as a literal of SQL. Statements of COPY take no parameters."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


def position(shape: Shape, connection: Any, after: Position | None, *, rows: int, where: str | None) -> Position | None:
    """Where so many rows after another position end; None without a key."""
    if not shape.key:
        return None
    texts = ", ".join(column.kind.text(column.quoted, "postgresql") for column in shape.key_columns)
    sql = f"SELECT {texts} FROM {shape.at('postgresql')}{rest(shape, after, where)} LIMIT 1 OFFSET {rows - 1}"
    return tuple(connection.execute(sql.encode()).fetchone())


def _key(shape: Shape) -> str:
    return f"({', '.join(column.quoted for column in shape.key_columns)})"
