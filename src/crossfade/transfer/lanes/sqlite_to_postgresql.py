"""From SQLite to PostgreSQL: SQLite itself writes each row as a line that COPY reads.

Its `printf` knows a form (%Q) that is just what COPY takes: in quotes, with those inside doubled, and a bare NULL.
Line breaks and backslashes go as they are. It would cut a text at U+0000, which PostgreSQL can't hold: the scan before
a copy finds those.
"""

from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from crossfade.transfer.lanes.batches import Batch, Lane, Position
from crossfade.transfer.lanes.shortcuts import copied
from crossfade.transfer.lanes.sqlite_reading import Reading
from crossfade.transfer.shapes import Column, Shape

_OPTIONS = "FORMAT csv, QUOTE '''', NULL 'NULL', ENCODING 'UTF8'"
_LINES = 250
"""How many go into one call of the driver."""
_FIELDS = 100
"""SQLite's functions take no more than 127 arguments."""


class SqliteToPostgres(Lane):
    """See Lane. A batch is a list of lines."""

    def __init__(self, shape: Shape, where: str | None) -> None:
        self._shape = shape
        columns = shape.columns
        line = " || ',' || ".join(_printed(columns[at : at + _FIELDS]) for at in range(0, len(columns), _FIELDS))
        self._reading = Reading(shape, [line], lambda row: len(row[0]), where, order="file")

    @override
    def read(self, connection: Any, *, after: Position | None, size: int) -> Iterator[Batch]:
        # As bytes: nobody needs to look what is in a line.
        for rows, last in self._reading.pieces(connection, after=after, size=size, text_factory=bytes):
            yield Batch(len(rows), last, [row[0] for row in rows])

    @override
    def write(self, connection: Any, batch: Batch, into: str) -> None:
        columns = ", ".join(column.quoted for column in self._shape.columns)
        lines = batch.payload
        sql = f"COPY {into} ({columns}) FROM STDIN ({_OPTIONS})"
        with connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
            for first in range(0, len(lines), _LINES):
                copy.write(b"\n".join([*lines[first : first + _LINES], b""]))


def _printed(columns: tuple[Column, ...]) -> str:
    form = ",".join(["%Q"] * len(columns))
    return f"printf('{form}', {', '.join(copied(column.kind, column.quoted) for column in columns)})"
