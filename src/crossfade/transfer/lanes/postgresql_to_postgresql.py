"""From PostgreSQL to PostgreSQL: what COPY writes there, COPY reads here, and nobody looks at it in between.

Rows go as they lie, where a table has that order: along the index of a random key each row is a page of its own.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from operator import ne
from typing import Any, Literal

from typing_extensions import override

from crossfade.transfer.ends import End
from crossfade.transfer.lanes import postgresql_reading as reading
from crossfade.transfer.lanes.batches import MOST_BYTES, Batch, Lane, Position
from crossfade.transfer.shapes import Shape

Form = Literal["binary", "text"]

_PIECE = 1_000
"""Rows that go into one call of the driver."""
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_TYPES = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod),
        t.typnamespace = 'pg_catalog'::regnamespace OR t.typtype = 'e'
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""


class PostgresToPostgres(Lane):
    """See Lane. A batch is what COPY writes, in pieces."""

    def __init__(self, shape: Shape, where: str | None, target: End) -> None:
        self._shape = shape
        self._where = where
        self._target = target
        self._columns = ", ".join(column.quoted for column in shape.columns)

    @override
    def read(self, connection: Any, *, after: Position | None, size: int) -> Iterator[Batch]:
        form = self._form(connection)
        if self._shape.key:
            yield from self._stretches(connection, after, size, form)
            return
        sql = self._copying(after, form)
        with connection.cursor() as cursor, cursor.copy(sql) as copy:
            stream = _rows(copy, form)
            while batch := _collected(stream, size, form):
                yield batch

    @override
    def write(self, connection: Any, batch: Batch, into: str) -> None:
        form, pieces = batch.payload
        sql = f"COPY {into} ({self._columns}) FROM STDIN (FORMAT {form}, ENCODING 'UTF8')"
        with connection.cursor() as cursor, cursor.copy(sql) as copy:
            if form == "binary":
                copy.write(_HEADER)
            for piece in pieces:
                copy.write(piece)
            if form == "binary":
                copy.write(_TRAILER)

    def _stretches(self, connection: Any, after: Position | None, size: int, form: Form) -> Iterator[Batch]:
        """Batch by batch: what COPY writes says nothing of the position, so it is asked for where a batch ends."""
        most = size
        if after is None:
            after = reading.beginning(connection, self._shape)
        while True:
            sql = self._copying(after, form, most)
            order = reading.in_order(connection, self._shape, after)
            with order, connection.cursor() as cursor, cursor.copy(sql) as copy:
                stream = _rows(copy, form)
                batch = _collected(stream, most, form)
                # Long rows: the rest is read again. To cancel would be to lose the picture.
                left = sum(1 for _ in stream)
            if batch is None:
                return
            with reading.in_order(connection, self._shape, after):
                after = reading.position(self._shape, connection, after, rows=batch.rows, where=self._where)
            yield Batch(batch.rows, after, batch.payload)
            if not left and batch.rows < most:
                return
            most = batch.rows if left else min(size, most * 2)

    def _copying(self, after: Position | None, form: Form, most: int | None = None) -> bytes:
        limit = "" if most is None else f" LIMIT {most}"
        rest = reading.rest(self._shape, after, self._where)
        rows = f"SELECT {self._columns} FROM {self._shape.at('postgresql')}{rest}"
        return f"COPY ({rows}{limit}) TO STDOUT (FORMAT {form}, ENCODING 'UTF8')".encode()

    def _form(self, connection: Any) -> Form:
        """Binary if the columns are of the same types on both sides, and of such that look the same everywhere."""
        with self._target.connection() as target:
            there = _types(target, self._shape)
        here = _types(connection, self._shape)
        names = [column.name for column in self._shape.columns]
        return "binary" if all(here[name] == there.get(name) and here[name][1] for name in names) else "text"


def _collected(stream: Iterator[bytes], most: int, form: Form) -> Batch | None:
    """The next batch of a stream of rows; None at its end."""
    rows = length = 0
    pieces: list[bytes] = []
    piece: list[bytes] = []
    for row in stream:
        piece.append(row)
        rows += 1
        length += len(row)
        if len(piece) == _PIECE:
            pieces.append(b"".join(piece))
            piece = []
        if rows >= most or length >= MOST_BYTES:
            break
    pieces.append(b"".join(piece))
    return Batch(rows, None, (form, pieces)) if rows else None


def _rows(copy: Any, form: Form) -> Iterator[bytes]:
    """One row after the other, without what stands before and after them all."""
    arriving = iter(copy.read, b"")
    if form == "text":
        return arriving
    # What stands before them comes with the first one.
    first = (row[len(_HEADER) :] for row in islice(arriving, 1))
    return filter(partial(ne, _TRAILER), chain(first, arriving))


def _types(connection: Any, shape: Shape) -> dict[str, tuple[str, bool]]:
    found = connection.execute(_TYPES, (shape.at("postgresql"),)).fetchall()
    return {name: (type_, plain) for name, type_, plain in found}
