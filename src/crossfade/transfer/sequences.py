"""Lets the target number new rows where the source would: past every key that was copied, and past those it gave away.

PostgreSQL's sequences (of serial and identity columns, behind defaults, and those that the metadata names) and the
numbers that SQLite keeps for AUTOINCREMENT. They only ever move on.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Sequence as NamedSequence

from crossfade.transfer.plan import Plan
from crossfade.transfer.shapes import Shape, quoted
from crossfade.transfer.transactions import execute, scalar

Positions = Mapping[tuple[str, str], int]
"""By table and column: the last number that was given away."""


@dataclass(frozen=True)
class _Sequence:
    column: str
    name: str
    """As SQL has it."""
    step: int
    least: int
    greatest: int


def positions(connection: Any, plan: Plan) -> Positions:
    """The last number that each column of the source was given; columns that never were are missing."""
    if isinstance(connection, sqlite3.Connection):
        kept = _kept_by_sqlite(connection)
        found = {shape: kept.get(shape.bare.lower()) for shape in plan.shapes if len(shape.key) == 1}
        return {(shape.name, shape.key[0]): last for shape, last in found.items() if last is not None}
    given = {}
    for shape in plan.shapes:
        for one in _sequences(connection, plan, shape):
            last = _last(connection, one)
            if last is not None:
                given[shape.name, one.column] = last
    return given


def stand_right(connection: Any, plan: Plan, given: Positions) -> list[str]:
    """Moves the target's on; returns a sentence for each that can't be moved. To be called after the rows."""
    if isinstance(connection, sqlite3.Connection):
        _stand_on_sqlite(connection, plan.shapes, given)
        return []
    return [
        sentence
        for shape in plan.shapes
        for one in _sequences(connection, plan, shape)
        if (sentence := _moved(connection, shape, one, given.get((shape.name, one.column))))
    ]


def _kept_by_sqlite(connection: Any) -> dict[str, int]:
    # The table is there once the first table with AUTOINCREMENT was made.
    if scalar(connection, "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'") is None:
        return {}
    rows = execute(
        connection, "SELECT lower(name), max(CAST(seq AS INTEGER)) FROM sqlite_sequence GROUP BY lower(name)"
    )
    return dict(rows)


def _stand_on_sqlite(connection: Any, shapes: Iterable[Shape], given: Positions) -> None:
    kept = _kept_by_sqlite(connection)
    for shape in shapes:
        last = given.get((shape.name, shape.key[0])) if len(shape.key) == 1 else None
        made = scalar(
            connection, "SELECT sql FROM sqlite_master WHERE type = 'table' AND lower(name) = ?", (shape.bare.lower(),)
        )
        if last is None or re.search(r"\bAUTOINCREMENT\b", str(made), re.IGNORECASE) is None:
            continue
        if shape.bare.lower() in kept:
            statement = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE lower(name) = lower(?)"
        else:
            statement = "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)"
        execute(connection, statement, (last, shape.bare))


_OWNED = """
SELECT a.attname, s.oid::regclass::text, q.seqincrement, q.seqmin, q.seqmax
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.refobjid = CAST(? AS regclass) AND d.deptype IN ('a', 'i')
UNION
SELECT a.attname, s.oid::regclass::text, q.seqincrement, q.seqmin, q.seqmax
FROM pg_catalog.pg_attrdef f
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
  AND d.refclassid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
JOIN pg_catalog.pg_sequence q ON q.seqrelid = s.oid
JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
WHERE f.adrelid = CAST(? AS regclass)
ORDER BY 1, 2
"""
_NAMED = """
SELECT ?, q.seqrelid::regclass::text, q.seqincrement, q.seqmin, q.seqmax
FROM pg_catalog.pg_sequence q WHERE q.seqrelid = to_regclass(?)
"""


def _sequences(connection: Any, plan: Plan, shape: Shape) -> list[_Sequence]:
    table = shape.at("postgresql")
    carried = {column.name for column in shape.columns}
    rows = execute(connection, _OWNED, (table, table))
    for column, name in _named(plan, shape):
        rows += execute(connection, _NAMED, (column, name))
    return [_Sequence(*row) for row in dict.fromkeys(rows) if row[0] in carried]


def _named(plan: Plan, shape: Shape) -> Sequence[tuple[str, str]]:
    """Sequences that the application asks for the next number, so that the database doesn't know what they are for."""
    columns = plan.metadata.tables[shape.name].columns
    defaults = [(one.name, one.default) for one in columns if isinstance(one.default, NamedSequence)]
    return [
        (column, ".".join(quoted(part) for part in (one.schema, one.name) if part is not None))
        for column, one in defaults
    ]


def _last(connection: Any, sequence: _Sequence) -> int | None:
    """None if it never gave a number away, or if we may not know."""
    may = "has_sequence_privilege(CAST(? AS regclass), 'SELECT, USAGE')"
    last: int | None = scalar(
        connection,
        f"SELECT CASE WHEN {may} THEN pg_sequence_last_value(CAST(? AS regclass)) END",
        (sequence.name, sequence.name),
    )
    return last


def _moved(connection: Any, shape: Shape, sequence: _Sequence, given: int | None) -> str | None:
    """Moves one past what is in the column and what the source gave away; a sentence if it can't be."""
    farthest = max if sequence.step > 0 else min
    in_table = scalar(
        connection,
        f"SELECT {farthest.__name__}({quoted(sequence.column)}) FROM {shape.at('postgresql')}",
    )
    last = _last(connection, sequence)
    known = [int(one) for one in (in_table, given, last) if one is not None]
    if not known or farthest(known) == last:
        return None
    wanted = farthest(known)
    if not sequence.least <= wanted <= sequence.greatest:
        return f"{sequence.name} can't number past {wanted}, which {shape.name}.{sequence.column} has"
    try:
        # Within a transaction a refusal must not end it.
        with connection.transaction():
            execute(connection, "SELECT setval(CAST(? AS regclass), ?, true)", (sequence.name, wanted))
    except connection.Error as error:
        return f"{sequence.name} has to be moved to {wanted} by its owner: {str(error).strip()}"
    return None
