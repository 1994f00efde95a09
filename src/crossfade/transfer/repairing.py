"""Mends a target: copies rows that are missing or differ, and puts aside those that it alone has, if that is wanted.

Rows go through the lanes and the merge of the copy, those that others refer to first. What differs is noted on disk
while both sides are read, and nothing is written before that is over. A row that the target refuses is tried again when
the others are there: another row may have had its unique value. What is refused for good is said in a sentence.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import TracebackType
from typing import Any, Literal, Self

from crossfade import clock
from crossfade.errors import RepairFailedError
from crossfade.transfer import keys, quarantine
from crossfade.transfer.differences import Change, Differing
from crossfade.transfer.digests import Side, identity, side
from crossfade.transfer.ends import End
from crossfade.transfer.exclusions import Cause
from crossfade.transfer.faults import explained, said
from crossfade.transfer.framing import split
from crossfade.transfer.lanes import lane
from crossfade.transfer.merging import STAGED, Merge
from crossfade.transfer.plan import Plan
from crossfade.transfer.reports import Listener
from crossfade.transfer.shapes import Column, Shape, located, quoted
from crossfade.transfer.transactions import execute, scalar, transaction

Extra = Literal["keep", "quarantine"]

_BATCH = 5_000
_BYTES = 150_000
"""Of keys in one statement, at most, so that SQLite takes it; one key may be longer."""


class Found:
    """Which rows differ, on disk. False if none does."""

    def __init__(self) -> None:
        """To be entered, and left when nobody asks any more."""
        # A database without a name is a file that is gone with the connection.
        self._notes = sqlite3.connect("", check_same_thread=False)
        self._notes.execute("CREATE TABLE found (number INTEGER PRIMARY KEY, name TEXT, change TEXT, key BLOB)")
        self._notes.execute("CREATE INDEX extra_found ON found (key) WHERE change = 'extra'")
        self.tables: dict[str, int] = {}
        """How many rows of each table."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._notes.close()

    def __bool__(self) -> bool:
        return bool(self.tables)

    def note(self, row: Differing) -> None:
        """Adds a row."""
        name = row.shape.name
        self.tables[name] = self.tables.get(name, 0) + 1
        self._notes.execute("INSERT INTO found (name, change, key) VALUES (?, ?, ?)", (name, row.change, row.key))

    def keys(self, table: str, change: Change) -> Iterator[list[bytes]]:
        """The frames of the keys of the rows of a table that this is true of, in batches."""
        after = 0
        while rows := self._notes.execute(
            "SELECT number, key FROM found WHERE name = ? AND change = ? AND number > ? ORDER BY number LIMIT ?",
            (table, change, after, _BATCH),
        ).fetchall():
            sizes = accumulate(len(key) for _, key in rows)
            fitting = max(1, sum(size <= _BYTES for size in sizes))
            after = rows[fitting - 1][0]
            yield [key for _, key in rows[:fitting]]

    def forget(self, table: str, batch: Sequence[bytes]) -> None:
        """Takes a batch out of the rows that the target alone has."""
        self._notes.executemany(
            "DELETE FROM found WHERE name = ? AND key = ? AND change = 'extra'", ((table, key) for key in batch)
        )


def repair(
    source: End,
    target: End,
    plan: Plan,
    reader: Any,
    writer: Any,
    found: Found,
    *,
    extra: Extra,
    listener: Listener,
) -> list[str]:
    """Mends what was found, and returns what a person should know about rows that could not be mended.

    `reader` is of the picture that was compared, `writer` prepared by `writers.prepare`, with nothing begun.
    Raises RepairFailedError; what was mended until then stays.
    """
    work = _Repair(source, target, plan, reader, writer, found, listener)
    with explained(target, writer, ", ".join(found.tables), kind=RepairFailedError):
        # Of this repair alone: those of a copy may be in use.
        keys.create(writer, temporary=True)
        if extra == "quarantine":
            work.put_aside()
        notes = work.bring()
        if extra == "quarantine":
            # Some were referred to by rows that have changed meanwhile.
            work.put_aside()
        for name in keys.TABLES:
            execute(writer, f"DROP TABLE {'temp' if target.engine == 'sqlite' else 'pg_temp'}.{name}")
    return notes


@dataclass(frozen=True)
class _Repair:
    source: End
    target: End
    plan: Plan
    reader: Any
    writer: Any
    found: Found
    listener: Listener

    def bring(self) -> list[str]:
        """Copies the rows that are missing or differ; returns what to say of those that were refused."""
        refused, notes = [], []
        for shape in self._shapes():
            if not shape.key:
                notes.append(
                    f"{shape.name} has no primary key, so its rows can't be repaired: empty it, and copy it anew"
                )
                continue
            self.listener.began("repair", shape.name, self.found.tables[shape.name])
            for table in (_Table(self, shape, "changed"), _Table(self, shape, "missing")):
                for batch in self.found.keys(shape.name, table.change):
                    left = table.copied(batch)
                    if left:
                        refused.append((table, left))
                    self.listener.advanced("repair", shape.name, len(batch) - len(left))
            self.listener.ended("repair", shape.name)
        for table, left in refused:
            reason = table.copied_at_last(left)
            if reason is not None:
                rows = "1 row" if len(left) == 1 else f"{len(left):,} rows"
                notes.append(f"{table.shape.name}: {rows} could not be repaired: {reason}")
        for shape in self._shapes():
            if shape.key:
                with transaction(self.writer):
                    self.merge(shape).settle(self.writer)
        return notes

    def put_aside(self) -> None:
        """Moves rows that the target alone has into its quarantine, those first that refer to others."""
        who = f"verify {clock.now().isoformat()}"
        shapes = [shape for shape in reversed(self._shapes()) if shape.key]
        # A row stays while another one refers to it; that one may go in the next round.
        while sum(self._moved(shape, who) for shape in shapes):
            pass

    def merge(self, shape: Shape) -> Merge:
        """How rows of a table are written: the source's values win."""
        return Merge.of(
            shape,
            among=self.plan.shapes,
            deferred=self.plan.deferred.get(shape.name, ()),
            engine=self.target.engine,
            policy="update",
        )

    def _shapes(self) -> list[Shape]:
        return [shape for shape in self.plan.shapes if shape.name in self.found.tables]

    def _moved(self, shape: Shape, who: str) -> int:
        there, moved = side(self.writer), 0
        cause = Cause("1 = 1", shape.key, "is in the target alone")
        for batch in self.found.keys(shape.name, "extra"):
            where = f"({among(there, shape, batch)}) AND {self._unreferred(shape)}"
            with transaction(self.writer):
                rows = quarantine.keep(
                    shape, where, (cause,), self.writer, self.writer, source=self.target.engine, copy=who
                )
                execute(self.writer, f"DELETE FROM {shape.at(self.target.engine)} WHERE {where}")
            if rows == len(batch):
                self.found.forget(shape.name, batch)
            moved += rows
        return moved

    def _unreferred(self, shape: Shape) -> str:
        """SQL: whether no row refers to this one, whatever would happen to that if it went."""
        engine = self.target.engine
        here, conditions = shape.at(engine), ["1 = 1"]
        for table, reference in self.plan.referring(shape.name):
            pairs = zip(reference.columns, reference.to, strict=True)
            same = [f"crossfade_r.{quoted(column)} = {here}.{quoted(to)}" for column, to in pairs]
            if table.fullname == shape.name:
                itself = " AND ".join(f"crossfade_r.{quoted(name)} = {here}.{quoted(name)}" for name in shape.key)
                same.append(f"NOT ({itself})")
            there = located(table.schema, table.name, engine)
            conditions.append(f"NOT EXISTS (SELECT 1 FROM {there} AS crossfade_r WHERE {' AND '.join(same)})")
        return " AND ".join(conditions)


@dataclass(frozen=True)
class _Table:
    """The rows of one table that all are missing, or all differ, on their way."""

    work: _Repair
    shape: Shape
    change: Change

    def copied(self, batch: Sequence[bytes]) -> list[bytes]:
        """Copies these rows, and returns those that the target refused."""
        writer = self.work.writer
        try:
            with transaction(writer):
                self._copy(batch)
        except (writer.IntegrityError, writer.DataError):
            if len(batch) == 1:
                return [*batch]
            middle = len(batch) // 2
            return self.copied(batch[:middle]) + self.copied(batch[middle:])
        return []

    def copied_at_last(self, batch: Sequence[bytes]) -> str | None:
        """Copies rows that were refused, when all others are there; the reason if they are refused again."""
        writer = self.work.writer
        try:
            with transaction(writer):
                # Two rows may have each other's unique values: both let go of them first.
                self._park(batch)
                self._copy(batch)
        except (writer.IntegrityError, writer.DataError) as error:
            return said(error)
        return None

    def _copy(self, batch: Sequence[bytes]) -> None:
        work, shape = self.work, self.shape
        merge = work.merge(shape)
        merge.open(work.writer)
        here = side(work.reader)
        carried = lane(work.source, work.target, shape, where=among(here, shape, batch))
        for rows in carried.read(work.reader, after=None, size=_BATCH):
            carried.write(work.writer, rows, STAGED)
            if self.change == "changed":
                self._respell(rows.rows)
            merge.apply(work.writer)
            merge.clear(work.writer)

    def _respell(self, rows: int) -> None:
        """Writes the keys of rows that are in the target as they are written there: a UUID may have hyphens or not."""
        engine, writer = self.work.target.engine, self.work.writer
        table, columns = self.shape.at(engine), self.shape.key_columns
        same = " AND ".join(f"t.{one.quoted} = s.{one.quoted}" for one in columns)
        if scalar(writer, f"SELECT count(*) FROM {STAGED} AS s JOIN {table} AS t ON {same}") == rows:
            return
        framing = side(writer).framing
        names = ", ".join(f"t.{one.quoted}" for one in columns)
        values = ", ".join(f"{one.quoted} = w.{one.quoted}" for one in columns)
        execute(
            writer,
            f"WITH w AS MATERIALIZED (SELECT {names}, {framing.of(columns, alias='t')} AS crossfade_frame"
            f" FROM {table} AS t) UPDATE {STAGED} AS s SET {values} FROM w"
            f" WHERE w.crossfade_frame = {framing.of(columns, alias='s')}",
        )

    def _park(self, batch: Sequence[bytes]) -> None:
        engine = self.work.target.engine
        names = {name for columns in self.shape.uniques for name in columns} - {*self.shape.key}
        values = [
            f"{column.quoted} = {parked}"
            for column in self.shape.columns
            if column.name in names and (parked := _parked(column, sqlite=engine == "sqlite")) is not None
        ]
        if values:
            where = among(side(self.work.writer), self.shape, batch)
            execute(self.work.writer, f"UPDATE {self.shape.at(engine)} SET {', '.join(values)} WHERE {where}")


def among(there: Side, shape: Shape, batch: Sequence[bytes]) -> str:
    """SQL of a side: whether a row is one of those with these keys, by their frames."""
    columns = identity(shape)
    rows = [split(key, columns) for key in batch]
    if all(_speakable(value, column) for row in rows for value, column in zip(row, columns, strict=True)):
        values = ", ".join(
            f"({', '.join(_stored(value, column, there) for value, column in zip(row, columns, strict=True))})"
            for row in rows
        )
        found = f"({', '.join(column.quoted for column in columns)}) IN (VALUES {values})"
        if scalar(there.connection, there.select(shape, "count(*)", found)) == len(batch):
            return found
    # A key that is written in another way than it would be today: the frames know, at the cost of a scan.
    frames = ", ".join(f"x'{key.hex()}'" if there.engine == "sqlite" else f"'\\x{key.hex()}'::bytea" for key in batch)
    return f"{there.framing.octets(there.key(shape))} IN ({frames})"


def _speakable(value: bytes | None, column: Column) -> bool:
    """Whether a value can stand in a statement, as what the column holds."""
    if value is None or b"\0" in value or (not column.kind.free and value.startswith(b"?")):
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _stored(value: bytes | None, column: Column, there: Side) -> str:
    return column.kind.stored(keys.literal((value or b"").decode()), there.engine)


def _parked(column: Column, *, sqlite: bool) -> str | None:
    """SQL: a value that no other row has."""
    if column.nullable:
        return "NULL"
    match column.kind.name:
        case "text":
            length = getattr(column.kind, "length", None) or 32
            return (
                f"substr(lower(hex(randomblob(16))), 1, {length})"
                if sqlite
                else (f"left(replace(gen_random_uuid()::text, '-', ''), {length})")
            )
        case "integer":
            return "-abs(random() % 2000000000)" if sqlite else "-(random() * 2000000000)::int"
        case _:
            return None
