"""From SQLite to PostgreSQL: SQLite itself writes each row as a line that COPY reads.

Fields are framed by control characters that hardly any text holds: whatever else is in a value, line breaks, quotes,
tabs and backslashes, goes as it is.
"""

from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from crossfade.transfer.lanes.batches import Batch, Lane, Position
from crossfade.transfer.lanes.sqlite_reading import Reading, joined
from crossfade.transfer.shapes import Column, Shape

_QUOTE, _DELIMITER = "\x01", "\x02"
_OPTIONS = f"FORMAT csv, DELIMITER E'\\x{ord(_DELIMITER):02x}', QUOTE E'\\x{ord(_QUOTE):02x}', NULL '', ENCODING 'UTF8'"
_LINES = 1_000
"""How many go into one call of the driver."""


class SqliteToPostgres(Lane):
    """See Lane. A batch is a list of lines."""

    def __init__(self, shape: Shape, where: str | None) -> None:
        self._shape = shape
        line = joined([_field(column) for column in shape.columns], f" || '{_DELIMITER}' || ")
        # As bytes: the driver needn't look what they mean.
        self._reading = Reading(shape, [f"CAST({line} AS BLOB)"], lambda row: len(row[0]), where)

    @override
    def read(self, connection: Any, *, after: Position | None, size: int) -> Iterator[Batch]:
        for rows, last in self._reading.pieces(connection, after=after, size=size):
            yield Batch(len(rows), last, [row[0] for row in rows])

    @override
    def write(self, connection: Any, batch: Batch, into: str) -> None:
        columns = ", ".join(column.quoted for column in self._shape.columns)
        lines = batch.payload
        with connection.cursor() as cursor, cursor.copy(f"COPY {into} ({columns}) FROM STDIN ({_OPTIONS})") as copy:
            for first in range(0, len(lines), _LINES):
                copy.write(b"\n".join([*lines[first : first + _LINES], b""]))


def _field(column: Column) -> str:
    text = column.kind.text(column.quoted, "sqlite")
    if not column.kind.free:
        return f"ifnull({text}, '')"
    # A quoted field is never NULL, whatever is in it.
    return f"ifnull('{_QUOTE}' || replace({text}, '{_QUOTE}', '{_QUOTE}{_QUOTE}') || '{_QUOTE}', '')"
