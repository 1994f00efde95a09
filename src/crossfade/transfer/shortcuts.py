"""What an engine finds out by itself where both sides are of its kind, at a fraction of what digests cost.

Two SQLite files: one connection sees both and compares row by row, as they are stored. Two databases of PostgreSQL: its
own hash of what is stored. Each proves that tables are equal, or nothing: what is stored in another way may still mean
the same, and is left to `digests`. Where SQLite says which rows aren't stored alike, their frames are compared.
"""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote

from crossfade.transfer.differences import Differing
from crossfade.transfer.digests import PostgresqlSide, Side, SqliteSide
from crossfade.transfer.shapes import Shape, quoted

_OTHER = "crossfade_other"
_HASHES_RECORDS = 140000
"""The version of PostgreSQL that hashes whole records."""
_ROW_NUMBERS = ("rowid", "oid", "_rowid_")


class Beside:
    """Two SQLite files, seen by one connection."""

    def __init__(self, side: SqliteSide, *, from_source: bool) -> None:
        """`side` is in a transaction; `from_source` if it is the source that sees the target beside it."""
        self._side = side
        self._from_source = from_source

    def proved(self, shape: Shape) -> int | None:
        """How many rows both tables have, if every row is stored alike in both."""
        rows = self._count("main", shape)
        if rows != self._count(_OTHER, shape):
            return None
        number = self._row_number(shape)
        if number is not None and self._same(shape, [number]) == rows:
            return rows
        # A table that can be joined will be, to see which rows differ.
        if not self.joins(shape) and self._keyed(shape) and self._same(shape, _quoted(shape.key)) == rows:
            return rows
        return None

    def joins(self, shape: Shape) -> bool:
        """Whether `differing` knows the rows of this table by their keys."""
        # What is written in several ways (an instant, a UUID) could have the same key in another form.
        plain = all(column.kind.name in {"text", "integer", "enum"} for column in shape.key_columns)
        return self._from_source and plain and self._keyed(shape)

    def differing(self, shape: Shape) -> Iterator[Differing]:
        """The rows that don't mean the same on both sides."""
        table, framing = quoted(shape.bare), self._side.framing
        (here, there), (mine, other) = (
            [framing.octets(framing.of(columns, alias=alias)) for alias in ("a", "b")]
            for columns in (shape.key_columns, shape.columns)
        )
        first = shape.key_columns[0].quoted
        # A target that was copied to is in the order of its keys: from there, the source's index is read as it lies.
        unlike = (
            f"SELECT {there}, {other}, CASE WHEN a.{first} IS NOT NULL THEN {here} END, {mine}"
            f" FROM {_OTHER}.{table} AS b LEFT JOIN main.{table} AS a ON {_partner(_quoted(shape.key))}"
            f" WHERE a.{first} IS NULL OR NOT ({_all(_alike(shape))})"
        )
        extra = 0
        for key, row, partner, its in self._side.connection.execute(unlike):
            if partner is None:
                extra += 1
                yield Differing(shape, "extra", key, None, row)
            elif key != partner:
                # Alike for the collation of the key, which may take A for a.
                yield Differing(shape, "missing", partner, its, None)
                yield Differing(shape, "extra", key, None, row)
            elif row != its:
                yield Differing(shape, "changed", key, its, row)
        if self._count("main", shape) == self._count(_OTHER, shape) - extra:
            return
        missing = (
            f"SELECT {here}, {mine} FROM main.{table} AS a LEFT JOIN {_OTHER}.{table} AS b"
            f" ON {_partner(_quoted(shape.key))} WHERE b.{first} IS NULL"
        )
        for key, row in self._side.connection.execute(missing):
            yield Differing(shape, "missing", key, row, None)

    def _count(self, schema: str, shape: Shape) -> int:
        return int(self._side.query(f"SELECT count(*) FROM {schema}.{quoted(shape.bare)}")[0][0])

    def _same(self, shape: Shape, by: Sequence[str]) -> int:
        """How many rows have a partner by these columns, which are unique on both sides, and are stored as it is."""
        table = quoted(shape.bare)
        rows = self._side.query(
            f"SELECT count(*) FROM main.{table} AS a CROSS JOIN {_OTHER}.{table} AS b ON {_partner(by)}"
            f" WHERE {_all(_alike(shape))}"
        )
        return int(rows[0][0])

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
        """Whether both sides hold the key to be unique, and every row to have one."""
        return bool(shape.key) and all(
            {name for name, place in self._columns(schema, shape) if place} == set(shape.key)
            # SQLite takes NULL in keys.
            and not self._side.query(
                f"SELECT 1 FROM {schema}.{quoted(shape.bare)}"
                f" WHERE {' OR '.join(f'{one} IS NULL' for one in _quoted(shape.key))} LIMIT 1"
            )
            for schema in ("main", _OTHER)
        )

    def _columns(self, schema: str, shape: Shape) -> list[tuple[str, int]]:
        rows = self._side.query(f"PRAGMA {schema}.table_info({quoted(shape.bare)})")
        return [(_text(row[1]), row[5]) for row in rows]


def alike(source: Side, target: Side, shapes: Iterable[Shape]) -> frozenset[str]:
    """The tables that PostgreSQL's own hashes can compare: both sides' columns have the same types."""
    if not isinstance(source, PostgresqlSide) or not isinstance(target, PostgresqlSide):
        return frozenset()
    if min(each.connection.info.server_version for each in (source, target)) < _HASHES_RECORDS:
        return frozenset()
    return frozenset(shape.name for shape in shapes if _types(source, shape) == _types(target, shape))


def seen_from(reader: sqlite3.Connection, path: str) -> bool:
    """Lets the connection of a picture see the target's file, for as long as the picture lasts; False if it can't."""
    names = [_text(name) for _, name, _ in reader.execute("PRAGMA database_list")]
    # What was seen before is seen as it was then.
    return _OTHER not in names and _attached(reader, path)


@contextmanager
def seen_beside(connection: sqlite3.Connection, reader: sqlite3.Connection) -> Generator[bool]:
    """Lets a connection to the target, with nothing begun, see the source's file as it is now; False if it can't."""
    files = {_text(name): _text(file) for _, name, file in reader.execute("PRAGMA database_list")}
    attached = _attached(connection, files["main"])
    try:
        yield attached
    finally:
        if attached:
            connection.execute(f"DETACH {_OTHER}")


def _attached(connection: sqlite3.Connection, path: str) -> bool:
    try:
        connection.execute(f"ATTACH ? AS {_OTHER}", (f"file:{quote(path)}?mode=ro",))
    except sqlite3.OperationalError:
        # Two files with texts in different encodings, ten files attached already.
        return False
    return True


def _types(side: PostgresqlSide, shape: Shape) -> dict[str, str]:
    table = shape.at("postgresql").replace("'", "''")
    names = {column.name for column in shape.columns}
    rows = side.query(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        f" WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped"
    )
    return {name: type_ for name, type_ in rows if name in names}


def _alike(shape: Shape) -> list[str]:
    """SQL: for each column, whether a and b have the same stored."""
    # With another collation than BINARY, an A would be an a.
    return [f"a.{column.quoted} IS b.{column.quoted} COLLATE BINARY" for column in shape.columns]


def _partner(by: Sequence[str]) -> str:
    return " AND ".join(f"a.{one} = b.{one}" for one in by)


def _quoted(names: Sequence[str]) -> list[str]:
    return [quoted(name) for name in names]


def _all(conditions: Sequence[str]) -> str:
    """All of them, in halves: the expression stays shallow for wide tables."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return f"({_all(conditions[:middle])} AND {_all(conditions[middle:])})"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
