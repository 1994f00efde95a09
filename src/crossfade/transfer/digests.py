"""The sum of what a table holds: equal for equal rows whatever their order, and, but for one chance in 2^64, no others.

Each row is digested for itself (64 bits of the MD5 of its frame) and the digests are added up. So a digest binds values
to their row and their column, a row that is there twice counts twice, and one scan in the order that is cheapest for
the engine is enough. PostgreSQL adds up by itself; SQLite has no hash, so its rows come by here, one at a time.

A table is divided into buckets by the hash of its rows' keys: where the sums of both sides differ, those of the buckets
say which of them to look into. Comparing two sides is left to `verifying`, looking into buckets to `differences`.
"""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import md5
from typing import Any, Final

from typing_extensions import override

from crossfade.transfer.framing import Framing, install
from crossfade.transfer.kinds import EngineName
from crossfade.transfer.shapes import Column, Shape

BUCKETS: Final = 4096
_DIGITS: Final = 3
"""Hexadecimal digits that number a bucket."""
_AT_ONCE: Final = 1000
"""Rows that PostgreSQL sends in one go."""

Row = tuple[bytes, bytes]
"""The frame of the key and the frame of the row; without a key, the row is its own."""


@dataclass(frozen=True)
class Sum:
    """How many rows there are, and what their digests add up to."""

    rows: int
    total: int


@dataclass
class Side(ABC):
    """A database at one moment, as far as it is compared."""

    connection: Any
    """The driver's, in a transaction that holds the moment. For one thread at a time."""
    where: Mapping[str, str] = field(default_factory=dict)
    """By table: the condition, in SQL, of the rows that count. Without one, all do."""

    engine: EngineName = field(init=False)

    @abstractmethod
    def sum(self, shape: Shape) -> Sum:
        """That of a table."""

    @abstractmethod
    def buckets(self, shape: Shape) -> dict[int, Sum]:
        """That of each bucket of a table that has rows."""

    @abstractmethod
    def rows(self, shape: Shape, buckets: Collection[int] | None) -> Generator[Row]:
        """The rows of some buckets (None: of all), in the order of the frames of their keys, byte by byte."""

    @abstractmethod
    def stop(self) -> None:
        """Ends the statement that another thread waits for."""

    def prepare(self) -> None:
        """Sets what the work needs, for the transaction alone."""
        return

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a statement without parameters."""
        rows: list[tuple[Any, ...]] = self.connection.execute(statement).fetchall()
        return rows

    def count(self, shape: Shape) -> int:
        """How many rows a table has."""
        return int(self.query(self.select(shape, "count(*)"))[0][0])

    def select(self, shape: Shape, what: str, *conditions: str) -> str:
        """SQL: a query of those rows of a table that count."""
        everything = [f"({one})" for one in (self.where.get(shape.name), *conditions) if one]
        narrowed = f" WHERE {' AND '.join(everything)}" if everything else ""
        return f"SELECT {what} FROM {shape.at(self.engine)}{narrowed}"

    @cached_property
    def framing(self) -> Framing:
        """How frames are made here."""
        ((encoding,),) = self.query("PRAGMA encoding" if self.engine == "sqlite" else "SHOW server_encoding")
        # A picture of SQLite may give texts as bytes.
        return Framing(self.engine, utf8=encoding in {"UTF8", "UTF-8", b"UTF-8"})

    def frame(self, shape: Shape) -> str:
        """SQL: the frame of a row."""
        return self.framing.of(shape.columns)

    def key(self, shape: Shape) -> str:
        """SQL: the frame of a row's key."""
        return self.framing.of(identity(shape))


class SqliteSide(Side):
    """An SQLite file."""

    engine = "sqlite"

    @override
    def sum(self, shape: Shape) -> Sum:
        rows = total = 0
        frame = self.framing.octets(self.frame(shape))
        with closing(self.connection.execute(self.select(shape, frame))) as cursor:
            for (one,) in cursor:
                rows += 1
                total += int.from_bytes(md5(one, usedforsecurity=False).digest()[:8], signed=True)
        return Sum(rows, total)

    @override
    def buckets(self, shape: Shape) -> dict[int, Sum]:
        rows, totals = [0] * BUCKETS, [0] * BUCKETS
        with closing(self.connection.execute(self.select(shape, self._row(shape)))) as cursor:
            for key, frame in cursor:
                bucket = bucket_of(key)
                rows[bucket] += 1
                totals[bucket] += int.from_bytes(md5(frame, usedforsecurity=False).digest()[:8], signed=True)
        return {bucket: Sum(count, totals[bucket]) for bucket, count in enumerate(rows) if count}

    @override
    def rows(self, shape: Shape, buckets: Collection[int] | None) -> Generator[Row]:
        conditions = []
        if buckets is not None:
            chosen = frozenset(buckets)
            self.connection.create_function("crossfade_chosen", 1, lambda key: bucket_of(key) in chosen)
            conditions.append(f"crossfade_chosen({self.framing.octets(self.key(shape))})")
        statement = self.select(shape, self._row(shape), *conditions)
        with closing(self.connection.execute(f"{statement} ORDER BY 1, 2")) as cursor:
            yield from cursor

    @override
    def stop(self) -> None:
        self.connection.interrupt()

    def _row(self, shape: Shape) -> str:
        return f"{self.framing.octets(self.key(shape))}, {self.framing.octets(self.frame(shape))}"


class PostgresqlSide(Side):
    """A database of PostgreSQL."""

    engine = "postgresql"

    @override
    def prepare(self) -> None:
        # The other side may be the slower one; what is sorted is sorted once; an expression of 200 columns takes
        # longer to compile than its table to read.
        for setting in ("idle_in_transaction_session_timeout = 0", "work_mem = '64MB'", "jit = off"):
            self.connection.execute(f"SET LOCAL {setting}")

    @override
    def sum(self, shape: Shape) -> Sum:
        return self._sum(shape, _signed(self._hash(self.frame(shape))))

    def own_sum(self, shape: Shape) -> Sum:
        """That of a table by PostgreSQL's own hash of what is stored: several times as fast.

        It is only to be compared with that of another PostgreSQL whose columns have the same types.
        """
        # The hash of a record adds up those of its values, so sums would not notice values that changed rows.
        values = ", ".join(_hashable(column) for column in shape.columns)
        return self._sum(shape, f"hashint8extended(hash_record_extended(ROW({values}), 0), 0)")

    def _sum(self, shape: Shape, digest: str) -> Sum:
        rows, total = self.query(self.select(shape, f"count(*), coalesce(sum({digest}), 0)"))[0]
        return Sum(rows, int(total))

    @override
    def buckets(self, shape: Shape) -> dict[int, Sum]:
        digest = _signed(self._hash(self.frame(shape)))
        found = self.query(f"{self.select(shape, f'{self._bucket(shape)}, count(*), sum({digest})')} GROUP BY 1")
        return {bucket: Sum(rows, int(total)) for bucket, rows, total in found}

    @override
    def rows(self, shape: Shape, buckets: Collection[int] | None) -> Generator[Row]:
        conditions = [] if buckets is None else [f"{self._bucket(shape)} = ANY ('{{{','.join(map(str, buckets))}}}')"]
        row = f"convert_to({self.key(shape)}, 'UTF8'), convert_to({self.frame(shape)}, 'UTF8')"
        # A cursor of the server's: the rows stay there until they are asked for.
        with self.connection.cursor("crossfade_rows") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(f"{self.select(shape, row, *conditions)} ORDER BY 1, 2", binary=True)
            yield from cursor

    @override
    def stop(self) -> None:
        self.connection.cancel_safe()

    def _hash(self, text: str) -> str:
        return f"md5({text if self.framing.utf8 else self.framing.octets(text)})"

    def _bucket(self, shape: Shape) -> str:
        return f"('x' || left({self._hash(self.key(shape))}, {_DIGITS}))::bit({4 * _DIGITS})::int"


def side(connection: Any, where: Mapping[str, str] | None = None) -> Side:
    """A database that a driver's connection is to, in a transaction that holds the moment."""
    if not isinstance(connection, sqlite3.Connection):
        return PostgresqlSide(connection, where or {})
    install(connection)
    return SqliteSide(connection, where or {})


def identity(shape: Shape) -> Sequence[Column]:
    """The columns that say which row it is: those of the key, or all of them."""
    return shape.key_columns or shape.columns


def bucket_of(key: bytes) -> int:
    """The bucket of a row, by the frame of its key."""
    return int(md5(key, usedforsecurity=False).hexdigest()[:_DIGITS], 16)


def _signed(hash_: str) -> str:
    return f"('x' || left({hash_}, 16))::bit(64)::bigint"


def _hashable(column: Column) -> str:
    # Equal values have one hash, and 0.0 equals -0.0, a month 30 days, and for some collations A equals a. Enumerations
    # are hashed by numbers that differ from one database to the next, documents that are text not at all.
    if column.kind.name == "float":
        return f"float8send({column.quoted})"
    if column.kind.name in {"text", "json", "enum", "interval", "opaque"}:
        return f'{column.quoted}::text COLLATE "C"'
    return column.quoted
