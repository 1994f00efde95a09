"""From SQLite to SQLite: each value as it is, whatever type SQLite gave it.

For merges. Where the target is empty, `attached` is much faster.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby
from typing import Any

from typing_extensions import override

from crossfade.transfer.lanes.batches import Batch, Lane, Position
from crossfade.transfer.lanes.sqlite_reading import Octets, Reading, joined, text
from crossfade.transfer.shapes import Shape


class SqliteToSqlite(Lane):
    """See Lane. A batch is a list of rows; what a row has after its columns is not written."""

    def __init__(self, shape: Shape, where: str | None) -> None:
        self._shape = shape
        names = [column.quoted for column in shape.columns]
        octets = joined([f"ifnull(length(CAST({name} AS BLOB)), 0)" for name in names], " + ")
        self._reading = Reading(shape, [*names, octets], lambda row: int(row[len(names)]), where)

    @override
    def read(self, connection: Any, *, after: Position | None, size: int) -> Iterator[Batch]:
        if self._shape.key:
            try:
                for batch in self._batches(connection, after, size, str):
                    yield batch
                    after = batch.last
                return
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
        # Texts that aren't UTF-8 are read in a way of our own, which is slower.
        yield from self._batches(connection, after, size, text)

    @override
    def write(self, connection: Any, batch: Batch, into: str) -> None:
        columns = self._shape.columns
        names = ", ".join(column.quoted for column in columns)
        rows = [row[: len(columns)] for row in batch.payload]
        with closing(connection.cursor()) as cursor:
            # Mostly one run: rows that hold what isn't UTF-8 need a statement of their own.
            for strange, run in groupby(rows, key=_strange):
                places = ", ".join("CAST(? AS TEXT)" if index in strange else "?" for index in range(len(columns)))
                cursor.executemany(f"INSERT INTO {into} ({names}) VALUES ({places})", map(_bare, run))

    def _batches(
        self, connection: Any, after: Position | None, size: int, text_factory: Callable[[bytes], Any]
    ) -> Iterator[Batch]:
        reading = self._reading.pieces(connection, after=after, size=size, text_factory=text_factory)
        for rows, last in reading:
            yield Batch(len(rows), last, rows)


def _strange(row: tuple[Any, ...]) -> frozenset[int]:
    return frozenset(index for index, value in enumerate(row) if isinstance(value, Octets))


def _bare(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.value if isinstance(value, Octets) else value for value in row)
