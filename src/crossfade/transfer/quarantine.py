"""A table of the target for rows that could not stay or could not come: nothing of a row is lost in it.

A row's values are JSON, whatever they were. From PostgreSQL: the text of each. From SQLite: null, numbers and text as
such, `{"blob": "00ff"}` for bytes, `{"text": "ff"}` for the bytes of text that isn't UTF-8, `{"real": "inf"}`. Which
rows these are is left to the exclusions and to the proof; here they are only read and kept.
"""

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Any, Final

from crossfade import clock
from crossfade.transfer.exclusions import Cause, Exclusions
from crossfade.transfer.kinds import EngineName
from crossfade.transfer.preflight import place
from crossfade.transfer.shapes import Shape
from crossfade.transfer.transactions import execute

TABLE: Final = "crossfade_quarantine"
DEFINITION: Final = (
    "(id TEXT PRIMARY KEY, copied_at TEXT NOT NULL, table_name TEXT NOT NULL, row_key TEXT NOT NULL,"
    " column_name TEXT NOT NULL, reason TEXT NOT NULL, row_values TEXT NOT NULL)"
)
"""The same on both engines. Instants are ISO texts in UTC, keys and values JSON objects by column."""

_AT_ONCE: Final = 500
_CURSOR: Final = "crossfade_aside"


def create(connection: Any) -> None:
    """Makes the table unless it is there."""
    execute(connection, f"CREATE TABLE IF NOT EXISTS {TABLE} {DEFINITION}")


def put_aside(excluded: Exclusions, shape: Shape, reader: Any, writer: Any, *, source: EngineName, copy: str) -> int:
    """Keeps the rows of a table that stay behind, in the caller's transaction; says how many they are.

    `reader` is a connection of the picture that they were found in. Called again for the same copy, it keeps each once.
    """
    where = excluded.where_bad(shape.name)
    if where is None:
        return 0
    return keep(shape, where, excluded.causes[shape.name], reader, writer, source=source, copy=copy)


def keep(
    shape: Shape,
    where: str,
    causes: Sequence[Cause],
    reader: Any,
    writer: Any,
    *,
    source: EngineName,
    copy: str,
) -> int:
    """Keeps the rows of a table that a condition is true for, in the caller's transaction; says how many they are.

    `reader` is a connection to where they are (on the engine `source`), which may be the target, too. What of `causes`
    is true for a row is said as its reason. `copy` is who keeps them: each row is kept once for each.
    """
    create(writer)
    now = clock.now().isoformat()
    count = 0
    for rows in _rows(shape, where, causes, reader, source):
        kept = [_entry(copy, now, shape, causes, *row) for row in rows]
        _insert(writer, kept)
        count += len(kept)
    return count


def _entry(
    copy: str, now: str, shape: Shape, causes: Sequence[Cause], key: str, apply: Sequence[Any], values: str
) -> tuple[str, ...]:
    its = [cause for cause, applies in zip(causes, apply, strict=True) if applies]
    columns = dict.fromkeys(name for cause in its for name in cause.columns)
    said = "; ".join(f"{', '.join(one.columns)} {one.reason}".strip() for one in its)
    identity = sha256(json.dumps([copy, shape.name, key]).encode()).hexdigest()
    return identity, now, shape.name, key, ", ".join(columns), said, values


def _insert(writer: Any, entries: Sequence[tuple[str, ...]]) -> None:
    mark = "?" if isinstance(writer, sqlite3.Connection) else "%s"
    with closing(writer.cursor()) as cursor:
        cursor.executemany(f"DELETE FROM {TABLE} WHERE id = {mark}", [entry[:1] for entry in entries])
        cursor.executemany(f"INSERT INTO {TABLE} VALUES ({', '.join([mark] * len(entries[0]))})", entries)


def _rows(
    shape: Shape, where: str, causes: Sequence[Cause], reader: Any, engine: EngineName
) -> Iterator[list[tuple[str, Sequence[Any], str]]]:
    """Key, which reasons apply, and values, of some rows at a time."""
    keys = place(shape, engine)
    names = [one.name for one in shape.columns]
    selected = [
        *(expression for given in keys.values() for expression in _pair(given, engine)),
        *(f"CASE WHEN {cause.where} THEN 1 ELSE 0 END" for cause in causes),
        *(expression for column in shape.columns for expression in _pair(column.quoted, engine)),
    ]
    sql = f"SELECT {', '.join(selected)} FROM {shape.at(engine)} WHERE {where}"
    first, last = 2 * len(keys), 2 * len(keys) + len(causes)
    for chunk in _chunks(reader, sql):
        yield [(_object(list(keys), row[:first]), row[first:last], _object(names, row[last:])) for row in chunk]


def _pair(expression: str, engine: EngineName) -> tuple[str, str]:
    """How a value is stored, and the value."""
    if engine == "postgresql":
        return "'text'", f"({expression})::text"
    # The driver fails to read text that isn't UTF-8.
    return (
        f"typeof({expression})",
        f"CASE typeof({expression}) WHEN 'text' THEN CAST({expression} AS BLOB) ELSE {expression} END",
    )


def _object(names: Sequence[str], pairs: Sequence[Any]) -> str:
    values = (_said(stored, value) for stored, value in zip(pairs[::2], pairs[1::2], strict=True))
    return json.dumps(dict(zip(names, values, strict=True)))


def _said(stored: str, value: Any) -> Any:
    if stored == "text" and isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"text": value.hex()}
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": str(value)}
    return value


def _chunks(reader: Any, sql: str) -> Iterator[Sequence[tuple[Any, ...]]]:
    if isinstance(reader, sqlite3.Connection):
        with closing(reader.cursor()) as cursor:
            cursor.row_factory = None
            cursor.execute(sql)
            while rows := cursor.fetchmany(_AT_ONCE):
                yield rows
        return
    # A cursor of the server, as the driver would hold all rows otherwise; it lives in the transaction of the picture.
    execute(reader, f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {sql}")
    try:
        while rows := execute(reader, f"FETCH {_AT_ONCE} FROM {_CURSOR}"):
            yield rows
    finally:
        execute(reader, f"CLOSE {_CURSOR}")
