"""From PostgreSQL to SQLite, in the order of the key: SQLite's index of the key only grows at its end."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from typing_extensions import override

from crossfade.transfer.kinds.documents import Json
from crossfade.transfer.kinds.octets import Binary
from crossfade.transfer.kinds.texts import Text
from crossfade.transfer.lanes import postgresql_reading as reading
from crossfade.transfer.lanes.batches import MOST_BYTES, Batch, Lane, Position
from crossfade.transfer.lanes.shortcuts import crossing
from crossfade.transfer.shapes import Column, Shape

_CHUNK = 32
"""Rows that the driver takes from the server at once: enough to be fast, and few enough if they are long."""
_SMALL = 60
"""Bytes that a value takes in Python beside what is in it."""
_SHORT = 64
"""Characters up to which a column's length is no matter."""


class PostgresToSqlite(Lane):
    """See Lane. A batch is a list of rows."""

    def __init__(self, shape: Shape, where: str | None) -> None:
        self._shape = shape
        self._where = where
        self._crossings = [
            crossing(column.kind, column.quoted, f"?{number}") for number, column in enumerate(shape.columns, 1)
        ]
        self._key = [shape.columns.index(column) for column in shape.key_columns]
        self._wide = [index for index, column in enumerate(shape.columns) if _wide(column)]

    @override
    def read(self, connection: Any, *, after: Position | None, size: int) -> Iterator[Batch]:
        selected = ", ".join(one.selected for one in self._crossings)
        rest = reading.rest(self._shape, after, self._where)
        sql = f"SELECT {selected} FROM {self._shape.at('postgresql')}{rest}"
        wide, least = self._wide, _SMALL * len(self._shape.columns)
        rows: list[Sequence[Any]] = []
        length = 0
        with reading.in_order(connection, self._shape, after), connection.cursor() as cursor:
            for row in cursor.stream(sql.encode(), binary=True, size=_chunk()):
                rows.append(row)
                length += least
                for index in wide:
                    length += len(row[index] or "")
                if len(rows) >= size or length >= MOST_BYTES:
                    yield self._batch(rows)
                    rows, length = [], 0
        if rows:
            yield self._batch(rows)

    @override
    def write(self, connection: Any, batch: Batch, into: str) -> None:
        names = ", ".join(column.quoted for column in self._shape.columns)
        places = ", ".join(one.inserted for one in self._crossings)
        with closing(connection.cursor()) as cursor:
            cursor.executemany(f"INSERT INTO {into} ({names}) VALUES ({places})", batch.payload)

    def _batch(self, rows: list[Sequence[Any]]) -> Batch:
        last = tuple(_text(rows[-1][index]) for index in self._key)
        return Batch(len(rows), last or None, rows)


def _wide(column: Column) -> bool:
    kind = column.kind
    if isinstance(kind, Text):
        return kind.length is None or kind.length > _SHORT
    return isinstance(kind, Json | Binary)


def _text(value: Any) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def _chunk() -> int:
    from psycopg import capabilities  # noqa: PLC0415 - behind the extra, and `crossfade --help` imports this file

    return _CHUNK if capabilities.has_stream_chunked() else 1
