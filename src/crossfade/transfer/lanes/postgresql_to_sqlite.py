"""From PostgreSQL to SQLite: COPY writes canonical texts, in the order of the key so that SQLite's index only grows."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from typing_extensions import override

from crossfade.transfer.lanes import postgresql_reading as reading
from crossfade.transfer.lanes.batches import MOST_BYTES, Batch, Lane, Position
from crossfade.transfer.shapes import Shape

_NULL = "\\N"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class PostgresToSqlite(Lane):
    """See Lane. A batch is a list of rows, each a list of canonical texts."""

    def __init__(self, shape: Shape, where: str | None) -> None:
        self._shape = shape
        self._where = where
        self._key = [shape.columns.index(column) for column in shape.key_columns]

    @override
    def read(self, connection: Any, *, after: Position | None, size: int) -> Iterator[Batch]:
        texts = ", ".join(column.kind.text(column.quoted, "postgresql") for column in self._shape.columns)
        rest = reading.rest(self._shape, after, self._where)
        sql = f"COPY (SELECT {texts} FROM {self._shape.at('postgresql')}{rest}) TO STDOUT (ENCODING 'UTF8')"
        rows: list[list[str | None]] = []
        length = 0
        with connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
            while line := copy.read():
                length += len(line)
                rows.append(_row(str(line, "utf-8")))
                if len(rows) >= size or length >= MOST_BYTES:
                    yield self._batch(rows)
                    rows, length = [], 0
        if rows:
            yield self._batch(rows)

    @override
    def write(self, connection: Any, batch: Batch, into: str) -> None:
        columns = self._shape.columns
        names = ", ".join(column.quoted for column in columns)
        places = ", ".join(column.kind.stored(f"?{number}", "sqlite") for number, column in enumerate(columns, 1))
        with closing(connection.cursor()) as cursor:
            cursor.executemany(f"INSERT INTO {into} ({names}) VALUES ({places})", batch.payload)

    def _batch(self, rows: list[list[str | None]]) -> Batch:
        last = tuple(str(rows[-1][index]) for index in self._key)
        return Batch(len(rows), last or None, rows)


def _row(line: str) -> list[str | None]:
    fields = line[:-1].split("\t")
    if "\\" not in line:
        return list(fields)
    return [None if field == _NULL else _ESCAPED.sub(_meant, field) if "\\" in field else field for field in fields]


def _meant(escape: re.Match[str]) -> str:
    return _MEANT.get(escape[1], escape[1])
