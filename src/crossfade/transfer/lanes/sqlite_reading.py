"""Reading a table of SQLite in the order of its key, and saying where the reading stands.

SQLite keeps any value in any column, so a position keeps the value as it is stored: its canonical text might sort
elsewhere than the value does.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from crossfade.transfer.lanes.batches import MOST_BYTES, Position
from crossfade.transfer.shapes import Shape

Piece = tuple[list[tuple[Any, ...]], Position | None]
"""Rows, and where they end. What a row has after the columns that were asked for is of no interest."""


_TERMS = 50
"""SQLite limits how deep an expression is, and each operator is a level."""


@dataclass(frozen=True)
class Reading:
    """The rows of one table, as some SQL expressions make them."""

    shape: Shape
    columns: Sequence[str]
    length: Callable[[tuple[Any, ...]], int]
    """How many bytes a row takes, more or less."""
    where: str | None

    def pieces(self, connection: sqlite3.Connection, *, after: Position | None, size: int) -> Iterator[Piece]:
        """The rows after a position, at most `size` at a time and about MOST_BYTES of them.

        Where a key is NULL, which SQLite allows, they may be more than `size`: nothing comes after NULL, so there is
        no stopping there.
        """
        sql, parameters = self._select(after)
        width = len(self.columns)
        rows: list[tuple[Any, ...]] = []
        length = 0
        with closing(connection.execute(sql, parameters)) as cursor:
            for row in cursor:
                rows.append(row)
                length += self.length(row)
                if (len(rows) >= size or length >= MOST_BYTES) and None not in row[width::2]:
                    yield rows, _position(row[width:]) or None
                    rows, length = [], 0
        if rows:
            yield rows, _position(rows[-1][width:]) or None

    def _select(self, after: Position | None) -> tuple[str, list[Any]]:
        keys = [column.quoted for column in self.shape.key_columns]
        # As bytes, because the driver can't be asked for the text of a value that isn't UTF-8.
        said = [
            f"CASE typeof({key}) WHEN 'text' THEN CAST({key} AS BLOB) ELSE {key} END, typeof({key})" for key in keys
        ]
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


def joined(terms: Sequence[str], operator: str) -> str:
    """The terms as one SQL expression, not too deep for SQLite however many they are."""
    groups = [operator.join(terms[first : first + _TERMS]) for first in range(0, len(terms), _TERMS)]
    return operator.join(f"({group})" for group in groups)


def _position(key: Sequence[Any]) -> Position:
    """A key as text, from the pairs of value and type that were read."""
    return tuple(_said(value, kind) for value, kind in zip(key[::2], key[1::2], strict=True))


def _said(value: Any, kind: str) -> str:
    if value is None:
        return "null "
    if kind == "integer":
        return f"integer {value}"
    if kind == "real":
        return f"real {value.hex()}"
    if kind == "text":
        with suppress(UnicodeDecodeError):
            text = str(value, "utf-8")
            # A position is kept in a table of the target, and PostgreSQL's text has no place for this character.
            if "\0" not in text:
                return f"text {text}"
    return f"{'octets' if kind == 'text' else kind} {value.hex()}"


def _values(position: Position) -> tuple[list[str], list[Any]]:
    """A position as SQL with placeholders, and their values."""
    places, values = [], []
    for said in position:
        kind, _, text = said.partition(" ")
        places.append("CAST(? AS TEXT)" if kind == "octets" else "?")
        values.append(_read(kind, text))
    return places, values


def _read(kind: str, text: str) -> Any:
    match kind:
        case "null":
            return None
        case "integer":
            return int(text)
        case "real":
            return float.fromhex(text)
        case "text":
            return text
        case _:
            return bytes.fromhex(text)
