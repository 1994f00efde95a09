"""Reading a table of PostgreSQL in the order of its key or as its rows lie there, and saying where the reading stands.

A position holds the canonical texts of the key, which PostgreSQL reads back exactly, or the place of a row.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from crossfade.transfer.lanes.batches import Position
from crossfade.transfer.shapes import Shape, quoted

_ALONG_THE_KEY: Final = ("enable_sort = off",)
_AS_THEY_LIE: Final = (
    # What is left is a scan of a range of places, which goes through them one by one.
    *(f"enable_{other} = off" for other in ("seqscan", "indexscan", "indexonlyscan", "bitmapscan")),
    "synchronize_seqscans = off",
    "max_parallel_workers_per_gather = 0",
    "jit = off",
)
_RANGES: Final = 140_000
"""The version since which there is such a scan."""


@contextmanager
def in_order(connection: Any, shape: Shape, after: Position | None) -> Generator[None]:
    """Makes PostgreSQL read in the order of a position, and keeps the picture if the reading ends early.

    Where nobody has told its planner yet how many rows there are, it would sort the whole table for each batch.
    """
    connection.execute("SAVEPOINT crossfade_reading")
    try:
        for setting in _AS_THEY_LIE if is_place(shape, after) else _ALONG_THE_KEY:
            connection.execute(f"SET LOCAL {setting}")
        yield
    finally:
        if not connection.closed:
            # To end a query early is an error to PostgreSQL, after which a transaction goes on from a savepoint alone.
            connection.execute("ROLLBACK TO SAVEPOINT crossfade_reading")
            connection.execute("RELEASE SAVEPOINT crossfade_reading")


def beginning(connection: Any, shape: Shape) -> Position | None:
    """The place before the first row of a table; None for one whose rows have no places of their own.

    It must be a table of PostgreSQL's own storage, and not made up of several.
    """
    statement = (
        "SELECT c.relkind = 'r' AND NOT c.relhassubclass AND a.amname = 'heap'"
        " FROM pg_class AS c LEFT JOIN pg_am AS a ON a.oid = c.relam WHERE c.oid = %s::regclass"
    )
    (plain,) = connection.execute(statement, (shape.at("postgresql"),)).fetchone()
    return _place(shape, "(0,0)") if plain and connection.info.server_version >= _RANGES else None


def is_place(shape: Shape, position: Position | None) -> bool:
    """Whether a position is the place of a row, and not its key."""
    return position is not None and len(position) > len(shape.key) > 0


def _place(shape: Shape, where: str) -> Position:
    # One text more than a key has, whatever is in that.
    return (where, *([""] * len(shape.key)))


def rest(shape: Shape, after: Position | None, where: str | None) -> str:
    """What follows the name of the table in a SELECT of the rows after a position: conditions and order."""
    conditions = [f"({where})"] if where else []
    if after is not None and is_place(shape, after):
        conditions.append(f"ctid > {literal(after[0])}::tid")
        return f" WHERE {' AND '.join(conditions)}"
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
    placed = is_place(shape, after)
    keys = [column.kind.text(column.quoted, "postgresql") for column in shape.key_columns]
    texts = "ctid::text" if placed else ", ".join(keys)
    sql = f"SELECT {texts} FROM {shape.at('postgresql')}{rest(shape, after, where)} LIMIT 1 OFFSET {rows - 1}"
    found = connection.execute(sql.encode()).fetchone()
    return _place(shape, found[0]) if placed else tuple(found)


def _key(shape: Shape) -> str:
    return f"({', '.join(column.quoted for column in shape.key_columns)})"
