"""Finds the values that the target can't hold, or that would mean something else there, before any row goes.

Most tables have none, and must be told so cheaply. PostgreSQL says it by itself. SQLite, where any column holds any
value, is read once, and chunks of a column are looked at as a whole; only what that leaves in doubt is asked of SQL for
each value. Nothing is written; what becomes of the rows is left to `quarantine` and the copying.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from crossfade.errors import UnsupportedTypeError
from crossfade.transfer import unanswered
from crossfade.transfer.ends import End
from crossfade.transfer.kinds import EngineName, Fault
from crossfade.transfer.reports import BadValue, Listener
from crossfade.transfer.shapes import Column, Shape
from crossfade.transfer.transactions import execute, scalar

_FIRST_ROWS: Final = 16
_MOST_ROWS: Final = 512
_ENOUGH_CHARACTERS: Final = 4_000_000
"""A chunk of more than this is followed by a smaller one, so that long values don't fill the memory."""
_SHOWN: Final = 200
"""Characters of a bad value."""


@dataclass(frozen=True)
class Scan:
    """What was found."""

    bad: list[BadValue]
    """The first of them."""
    rows_by_table: Mapping[str, int]
    """How many rows have one, for the tables that have any."""
    faults: Mapping[str, Mapping[Column, Sequence[Fault]]]
    """What can be wrong with a row of these tables, by the column that it is told of."""

    @property
    def rows(self) -> int:
        """How many rows have one."""
        return sum(self.rows_by_table.values())


@dataclass(frozen=True)
class _Look:
    """One scan on its way."""

    source: EngineName
    target: EngineName
    connection: Any
    listener: Listener
    limit: int
    shapes: Sequence[Shape]
    complete: Collection[str]
    bad: list[BadValue] = field(default_factory=list)
    rows_by_table: dict[str, int] = field(default_factory=dict)
    faults: dict[str, Mapping[Column, Sequence[Fault]]] = field(default_factory=dict)


def scan(
    source: End,
    target: End,
    shapes: Sequence[Shape],
    connection: Any,
    *,
    listener: Listener,
    complete: Collection[str] = (),
    limit: int = 100,
) -> Scan:
    """Looks at all tables through a connection of the picture, and shows at most `limit` values.

    `complete` are the tables of which the target will have no other rows than these: a reference to another row of them
    is a bad value, too.

    Raises UnsupportedTypeError if a column's type can't go this way at all.
    """
    check_types(shapes, source=source.engine, target=target.engine)
    look = _Look(source.engine, target.engine, connection, listener, limit, shapes, complete)
    for shape in shapes if source.engine != target.engine or complete else ():
        listener.began("scan", shape.name, None)
        _scan(look, shape)
        listener.ended("scan", shape.name)
    return Scan(look.bad, look.rows_by_table, look.faults)


def check_types(shapes: Sequence[Shape], *, source: EngineName, target: EngineName) -> None:
    """Raises UnsupportedTypeError for the first column whose type can't go this way at all."""
    for shape in shapes:
        for column in shape.columns:
            if source != target and not column.kind.portable:
                raise UnsupportedTypeError(place=f"{shape.name}.{column.name}", type=column.kind.described)


def faults_of(column: Column, *, source: EngineName, target: EngineName) -> tuple[Fault, ...]:
    """What a value of this column may be that can't be carried; NULL is one, if the column must have a value."""
    faults = tuple(column.kind.faults(column.quoted, source=source, target=target))
    if source == "sqlite" and target == "postgresql" and not column.nullable:
        # SQLite lets NULL into a key, and the table may have been made otherwise than the metadata has it.
        faults += (Fault(f"{column.quoted} IS NULL", "is NULL, in a column that must have a value"),)
    return faults


def any_of(faults: Sequence[Fault]) -> str:
    """SQL: whether a row has any of these."""
    return " OR ".join(f"({fault.where})" for fault in faults)


def place(shape: Shape, engine: EngineName) -> dict[str, str]:
    """What tells a row from the others, as SQL by name: the texts of its key, or where it lies."""
    if shape.key:
        return {one.name: one.kind.text(one.quoted, engine) for one in shape.key_columns}
    return {"rowid": "rowid"} if engine == "sqlite" else {"ctid": "ctid::text"}


def _scan(look: _Look, shape: Shape) -> None:
    faults = {one: faults_of(one, source=look.source, target=look.target) for one in _in_question(look, shape)}
    faults = {one: some for one, some in faults.items() if some}
    for column, fault in unanswered.faults(shape, look.shapes, look.complete, look.connection, engine=look.source):
        faults[column] = (*faults.get(column, ()), fault)
    if not faults:
        return
    table = shape.at(look.source)
    rows = scalar(look.connection, f"SELECT count(*) FROM {table} WHERE {_anywhere(faults)}")
    if not rows:
        return
    counts = ", ".join(f"count(*) FILTER (WHERE {any_of(some)})" for some in faults.values())
    (counted,) = execute(look.connection, f"SELECT {counts} FROM {table}")
    faults = {one: some for (one, some), count in zip(faults.items(), counted, strict=True) if count}
    look.rows_by_table[shape.name] = rows
    look.faults[shape.name] = faults
    if missing := look.limit - len(look.bad):
        look.bad.extend(islice(_shown(look, shape, faults), missing))


def _in_question(look: _Look, shape: Shape) -> Sequence[Column]:
    """The columns of which SQL is to say whether they have bad values."""
    if look.source == look.target:
        # A value is carried as it is, whatever it is.
        return ()
    return shape.columns if look.source == "postgresql" else _doubtful(look, shape)


def _anywhere(faults: Mapping[Column, Sequence[Fault]]) -> str:
    return " OR ".join(any_of(some) for some in faults.values())


def _shown(look: _Look, shape: Shape, faults: Mapping[Column, Sequence[Fault]]) -> Iterator[BadValue]:
    """The bad values of the first rows that have any, each with the first of its faults."""
    key = place(shape, look.source)
    selected = [_octets(expression, look.source) for expression in key.values()]
    for column, some in faults.items():
        numbers = " ".join(f"WHEN {fault.where} THEN {number}" for number, fault in enumerate(some))
        selected += [f"CASE {numbers} END", _written(column.quoted, look.source)]
    sql = f"SELECT {', '.join(selected)} FROM {shape.at(look.source)} WHERE {_anywhere(faults)} LIMIT {look.limit}"
    for row in execute(look.connection, sql):
        where = dict(zip(key, map(_legible, row), strict=False))
        found = zip(row[len(key) :: 2], row[len(key) + 1 :: 2], strict=True)
        for (column, some), (number, value) in zip(faults.items(), found, strict=True):
            if number is not None:
                shown = _legible(value)[:_SHOWN]
                yield BadValue(shape.name, where, column.name, shown, some[number].reason)


def _octets(expression: str, engine: EngineName) -> str:
    # SQLite's text may be no UTF-8, which the driver fails to read.
    return f"CAST({expression} AS BLOB)" if engine == "sqlite" else expression


def _written(column: str, engine: EngineName) -> str:
    if engine == "postgresql":
        return f"left({column}::text, {_SHOWN})"
    # Bytes are shown as SQL has them; of text, a character has four bytes at most.
    blob = f"CAST('x''' || hex(substr({column}, 1, {_SHOWN})) || '''' AS BLOB)"
    return f"CASE typeof({column}) WHEN 'blob' THEN {blob} ELSE substr(CAST({column} AS BLOB), 1, {4 * _SHOWN}) END"


def _legible(value: bytes | str | None) -> str:
    if value is None:
        return "NULL"
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
    return text.replace("\0", "\\0")


def _doubtful(look: _Look, shape: Shape) -> Sequence[Column]:
    """The columns of a table of SQLite that a look at whole chunks doesn't clear."""
    connection: sqlite3.Connection = look.connection
    before = connection.text_factory
    try:
        connection.text_factory = str
        return _suspects(look, shape)
    except sqlite3.OperationalError:
        # Text that isn't UTF-8 ends the reading, and the driver doesn't say where it is: once more, at half the speed.
        connection.text_factory = _any_text
        return _suspects(look, shape)
    finally:
        connection.text_factory = before


def _any_text(stored: bytes) -> str:
    return str(stored, "utf-8", "surrogateescape")


def _suspects(look: _Look, shape: Shape) -> Sequence[Column]:
    selected = ", ".join(one.kind.seen(one.quoted) for one in shape.columns)
    suspects: set[Column] = set()
    with closing(look.connection.cursor()) as cursor:
        cursor.row_factory = None
        cursor.execute(f"SELECT {selected} FROM {shape.at('sqlite')}")
        for chunk in _chunks(cursor):
            for column, values in zip(shape.columns, zip(*chunk, strict=True), strict=True):
                if column not in suspects and not _cleared(column, values):
                    suspects.add(column)
            look.listener.advanced("scan", shape.name, len(chunk))
    return [one for one in shape.columns if one in suspects]


def _cleared(column: Column, values: Sequence[Any]) -> bool:
    # To count the NULLs of a column that has none would cost as much as to clear it.
    if values[0] is not None and _plain(column, values):
        return True
    empty = values.count(None)
    if empty and not column.nullable:
        return False
    return empty == len(values) or (empty > 0 and _plain(column, [one for one in values if one is not None]))


def _plain(column: Column, values: Sequence[Any]) -> bool:
    try:
        return column.kind.plain(values)
    except (TypeError, UnicodeError, OverflowError):
        return False


def _chunks(cursor: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    """Rows, many at a time; fewer where they are long."""
    size = _FIRST_ROWS
    while chunk := cursor.fetchmany(size):
        yield chunk
        # One row stands for the others: to measure all would cost as much as to clear them.
        length = sum(len(value) for value in chunk[0] if isinstance(value, str))
        size = max(1, min(_MOST_ROWS, 2 * size, _ENOUGH_CHARACTERS // (length + 1)))
