"""Reading a table of SQLite in the order of its key or of the file, and saying where the reading stands.

SQLite keeps any value in any column, so a position keeps the value as it is stored: its canonical text might sort
elsewhere than the value does. A position in the file is the number of a row.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from crossfade.transfer.lanes.batches import MOST_BYTES, Position
from crossfade.transfer.shapes import Shape

Piece = tuple[list[tuple[Any, ...]], Position | None]
"""Rows, and where they end. What a row has after the columns that were asked for is of no interest."""


_TERMS = 50
"""SQLite limits how deep an expression is, and each operator is a level."""


_NUMBER = "number"
"""What a position begins with that is the number of a row, and no value of a key."""


@dataclass(frozen=True)
class Octets:
    """A text of SQLite's that isn't UTF-8: the driver has no type for it."""

    value: bytes


@dataclass(frozen=True)
class Reading:
    """The rows of one table, as some SQL expressions make them."""

    shape: Shape
    columns: Sequence[str]
    length: Callable[[tuple[Any, ...]], int]
    """How many bytes a row takes, more or less."""
    where: str | None
    order: Literal["key", "file"] = "key"
    """In the order of the file, which is read several times as fast, or in that of the key where a table has no other;
    also after a position of a key, whatever is said here."""

    def pieces(
        self,
        connection: sqlite3.Connection,
        *,
        after: Position | None,
        size: int,
        text_factory: Callable[[bytes], Any] = str,
    ) -> Iterator[Piece]:
        """The rows after a position, at most `size` at a time and about MOST_BYTES of them.

        `text_factory` makes what they have for a text. Where a key is NULL, which SQLite allows, they may be more than
        `size`: nothing comes after NULL, so there is no stopping there.
        """
        with closing(connection.execute(*self._select(connection, after))) as cursor:
            while True:
                # Whoever looks at a piece may ask the connection for something else.
                before = connection.text_factory
                connection.text_factory = text_factory
                try:
                    rows = self._rows(cursor, size)
                finally:
                    connection.text_factory = before
                if not rows:
                    return
                yield rows, _position(rows[-1][len(self.columns) :]) or None

    def _rows(self, cursor: sqlite3.Cursor, size: int) -> list[tuple[Any, ...]]:
        measured = self.length
        width = len(self.columns)
        rows: list[tuple[Any, ...]] = []
        length = 0
        for row in cursor:
            rows.append(row)
            length += measured(row)
            if (len(rows) >= size or length >= MOST_BYTES) and None not in row[width::2]:
                break
        return rows

    def _select(self, connection: sqlite3.Connection, after: Position | None) -> tuple[str, list[Any]]:
        keys = [column.quoted for column in self.shape.key_columns]
        said = [f"{key}, typeof({key})" for key in keys]
        if (number := self._number(connection, after)) is not None:
            keys, said = [number], [f"{number}, '{_NUMBER}'"]
        conditions = [f"({self.where})"] if self.where else []
        parameters: list[Any] = []
        if after is not None:
            if not keys:
                raise ValueError(f"{self.shape.name} has no key, so it can't be read from a position")
            places, parameters = _values(after)
            # A row value of one is none.
            one = len(keys) == 1
            conditions.append(f"{keys[0]} > {places[0]}" if one else f"({', '.join(keys)}) > ({', '.join(places)})")
        sql = f"SELECT {', '.join([*self.columns, *said])} FROM {self.shape.at('sqlite')}"
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
        if keys:
            sql += f" ORDER BY {', '.join(keys)}"
        return sql, parameters

    def _number(self, connection: sqlite3.Connection, after: Position | None) -> str | None:
        """SQL: where a row lies in the file; None if that isn't the order, or there is no such thing."""
        wanted = self.order == "file" if after is None else after[0].startswith(f"{_NUMBER} ")
        return row_number(connection, self.shape) if wanted and self.shape.key else None


def row_number(connection: sqlite3.Connection, shape: Shape) -> str | None:
    """What SQL calls the number of a row in this table; None if its rows have none, or columns have all its names."""
    table = shape.at("sqlite")
    if not connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (shape.bare,)
    ).fetchone():
        return None
    columns = {str(_decoded(name)).lower() for _, name, *_ in connection.execute(f"PRAGMA table_xinfo({table})")}
    name = next((one for one in ("rowid", "_rowid_", "oid") if one not in columns), None)
    if name is None:
        return None
    try:
        connection.execute(f"SELECT {name} FROM {table} LIMIT 0").close()
    except sqlite3.OperationalError:
        # WITHOUT ROWID.
        return None
    return name


def text(value: bytes) -> str | Octets:
    """A factory of texts for any bytes."""
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return Octets(value)


def joined(terms: Sequence[str], operator: str) -> str:
    """The terms as one SQL expression, not too deep for SQLite however many they are."""
    groups = [operator.join(terms[first : first + _TERMS]) for first in range(0, len(terms), _TERMS)]
    return operator.join(f"({group})" for group in groups)


def _position(key: Sequence[Any]) -> Position:
    """A key as text, from the pairs of value and type that were read."""
    return tuple(_said(value, _decoded(type_)) for value, type_ in zip(key[::2], key[1::2], strict=True))


def _said(value: Any, type_: Any) -> str:
    match type_:
        case "null":
            return "null "
        case "integer" | "number":
            return f"{type_} {value}"
        case "real":
            return f"real {value.hex()}"
        case "blob":
            return f"blob {value.hex()}"
        case _:
            decoded = _decoded(value)
            # A position is kept in a table of the target, and PostgreSQL's text has no place for U+0000.
            return f"octets {decoded.value.hex()}" if isinstance(decoded, Octets) else f"text {json.dumps(decoded)}"


def _decoded(value: Any) -> Any:
    return text(value) if isinstance(value, bytes) else value


def _values(position: Position) -> tuple[list[str], list[Any]]:
    """A position as SQL with placeholders, and their values."""
    places, values = [], []
    for one in position:
        type_, _, said = one.partition(" ")
        places.append("CAST(? AS TEXT)" if type_ == "octets" else "?")
        values.append(_read(type_, said))
    return places, values


def _read(type_: str, said: str) -> Any:
    match type_:
        case "null":
            return None
        case "integer" | "number":
            return int(said)
        case "real":
            return float.fromhex(said)
        case "text":
            return json.loads(said)
        case _:
            return bytes.fromhex(said)
