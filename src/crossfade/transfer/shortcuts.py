"""Proofs that two tables are equal which an engine does by itself, at a fraction of what digests cost.

Two SQLite files: one connection sees both and compares row by row, as they are stored. Two databases of PostgreSQL: its
own hash of the stored values. Each proves that tables are equal, or nothing: what is not proved here may still mean the
same, and is left to `digests`.
"""

import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from urllib.parse import quote

from crossfade.transfer.digests import PostgresqlSide, Side, SqliteSide
from crossfade.transfer.shapes import Shape, quoted

_OTHER = "crossfade_other"
_ROW_NUMBERS = ("rowid", "oid", "_rowid_")


class Beside:
    """Another SQLite file, seen by a connection to the first."""

    def __init__(self, side: SqliteSide) -> None:
        """`side` is in a transaction that began after `seen_beside`."""
        self._side = side

    def proved(self, shape: Shape) -> int | None:
        """How many rows both tables have, if every row is stored alike in both."""
        rows = self._count("main", shape)
        if rows != self._count(_OTHER, shape):
            return None
        if not rows:
            return 0
        number = self._row_number(shape)
        if number is not None and self._same(shape, [number]) == rows:
            return rows
        if self._keyed(shape) and self._same(shape, [quoted(name) for name in shape.key]) == rows:
            return rows
        return None

    def _count(self, schema: str, shape: Shape) -> int:
        return int(self._side.query(f"SELECT count(*) FROM {schema}.{quoted(shape.bare)}")[0][0])

    def _same(self, shape: Shape, by: Sequence[str]) -> int:
        """How many rows have a partner by these columns, which are unique on both sides, and are stored as it is."""
        # IS with the collation BINARY takes no A for an a; the halves keep the expression shallow for wide tables.
        columns = [f"a.{one.quoted} IS b.{one.quoted} COLLATE BINARY" for one in shape.columns]
        partner = " AND ".join(f"a.{one} = b.{one}" for one in by)
        table = quoted(shape.bare)
        return int(
            self._side.query(
                f"SELECT count(*) FROM main.{table} AS a CROSS JOIN {_OTHER}.{table} AS b ON {partner}"
                f" WHERE {_all(columns)}"
            )[0][0]
        )

    def _row_number(self, shape: Shape) -> str | None:
        """A name of SQLite's own number of a row, if the table has numbers and no columns by all those names."""
        names = {name.lower() for schema in ("main", _OTHER) for name, _ in self._columns(schema, shape)}
        free = next((one for one in _ROW_NUMBERS if one not in names), None)
        if free is None:
            return None
        try:
            for schema in ("main", _OTHER):
                self._side.query(f"SELECT {free} FROM {schema}.{quoted(shape.bare)} LIMIT 0")
        except sqlite3.OperationalError:
            return None  # a table WITHOUT ROWID
        return free

    def _keyed(self, shape: Shape) -> bool:
        """Whether both sides hold the key to be unique."""
        return bool(shape.key) and all(
            {name for name, place in self._columns(schema, shape) if place} == set(shape.key)
            for schema in ("main", _OTHER)
        )

    def _columns(self, schema: str, shape: Shape) -> list[tuple[str, int]]:
        rows = self._side.query(f"PRAGMA {schema}.table_info({quoted(shape.bare)})")
        return [(_text(row[1]), row[5]) for row in rows]


def alike(source: Side, target: Side, shapes: Iterable[Shape]) -> frozenset[str]:
    """The tables that PostgreSQL's own hashes can compare: both sides' columns have the same types."""
    if not isinstance(source, PostgresqlSide) or not isinstance(target, PostgresqlSide):
        return frozenset()
    return frozenset(shape.name for shape in shapes if _types(source, shape) == _types(target, shape))


@contextmanager
def seen_beside(connection: sqlite3.Connection, other: sqlite3.Connection) -> Generator[None]:
    """Lets a connection with nothing begun see the file of another one, for as long as the block lasts."""
    path = next(_text(file) for _, name, file in other.execute("PRAGMA database_list") if _text(name) == "main")
    connection.execute(f"ATTACH ? AS {_OTHER}", (f"file:{quote(path)}?mode=ro",))
    try:
        yield
    finally:
        connection.execute(f"DETACH {_OTHER}")


def _types(side: PostgresqlSide, shape: Shape) -> dict[str, str]:
    table = shape.at("postgresql").replace("'", "''")
    names = {column.name for column in shape.columns}
    rows = side.query(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        f" WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped"
    )
    return {name: type_ for name, type_ in rows if name in names}


def _all(conditions: Sequence[str]) -> str:
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return f"({_all(conditions[:middle])} AND {_all(conditions[middle:])})"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
