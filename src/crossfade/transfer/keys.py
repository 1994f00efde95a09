"""Which row of the target stands for which row of the source, where the two have different keys.

A row that was registered on both sides has one key here and another there. The map says so for every set of columns
that others refer to, so that references can be rewritten as the rows that hold them arrive; a reference that can't be
set yet, because it closes a circle, waits in a list. Both are tables in the target, written in the transaction of the
rows that they are about. Which rows stand for each other is found by `merging`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from crossfade.transfer.kinds import EngineName
from crossfade.transfer.shapes import Column, Reference, Shape, quoted

MAP = "crossfade_copy_key"
WAITING = "crossfade_copy_waiting"

TABLES = {
    MAP: "(table_name TEXT NOT NULL, columns TEXT NOT NULL, source_key TEXT NOT NULL, target_key TEXT NOT NULL,"
    " PRIMARY KEY (table_name, columns, source_key))",
    WAITING: "(table_name TEXT NOT NULL, columns TEXT NOT NULL, row_key TEXT NOT NULL, refers_to TEXT NOT NULL,"
    " PRIMARY KEY (table_name, columns, row_key))",
}
"""The definitions of both tables, the same on both engines. Keys are JSON arrays of canonical texts."""


def create(connection: Any, *, temporary: bool = False) -> None:
    """Makes both tables unless they are there; temporary ones hide those that stay, and end with the connection."""
    for name, columns in TABLES.items():
        connection.execute(f"CREATE {'TEMP ' if temporary else ''}TABLE IF NOT EXISTS {name} {columns}")


def forget(connection: Any) -> None:
    """Empties both, for a copy that begins anew."""
    for name in TABLES:
        connection.execute(f"DELETE FROM {name}")


def framed(columns: Iterable[Column], alias: str, engine: EngineName) -> str:
    """SQL: the values of these columns as one text, a JSON array of canonical texts."""
    texts = ", ".join(f"CAST({one.kind.text(f'{alias}.{one.quoted}', engine)} AS TEXT)" for one in columns)
    return f"json_array({texts})" if engine == "sqlite" else f"CAST(json_build_array({texts}) AS TEXT)"


def unframed(array: str, position: int, column: Column, engine: EngineName) -> str:
    """SQL: the value of `column` that stands at a position of such an array."""
    element = (
        f"json_extract({array}, '$[{position}]')" if engine == "sqlite" else f"(CAST({array} AS JSON) ->> {position})"
    )
    return column.kind.stored(element, engine)


def named(columns: Sequence[str]) -> str:
    """A set of columns as both tables name it, ready for SQL."""
    return literal(",".join(columns))


def literal(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def rewrite(connection: Any, shape: Shape, reference: Reference, rows: str, engine: EngineName) -> int:
    """Lets the references in a table of rows point to where the referred rows are in the target; how many did."""
    columns = [shape.column(name) for name in reference.columns]
    values = ", ".join(
        f"{one.quoted} = {unframed('m.target_key', position, one, engine)}" for position, one in enumerate(columns)
    )
    changed: int = connection.execute(
        f"UPDATE {rows} AS s SET {values} FROM {MAP} AS m"
        f" WHERE m.table_name = {literal(reference.table)} AND m.columns = {named(reference.to)}"
        f" AND m.source_key = {framed(columns, 's', engine)}"
    ).rowcount
    return changed


def keep_waiting(
    connection: Any, shape: Shape, reference: Reference, rows: str, engine: EngineName, *, condition: str
) -> None:
    """Notes the references of those rows that the condition (of `s`, a row) holds for, and that refer to anything."""
    columns = [shape.column(name) for name in reference.columns]
    filled = " AND ".join(f"s.{one.quoted} IS NOT NULL" for one in columns)
    connection.execute(
        f"INSERT INTO {WAITING} (table_name, columns, row_key, refers_to)"
        f" SELECT {literal(shape.name)}, {named(reference.columns)}, {framed(shape.key_columns, 's', engine)},"
        f" {framed(columns, 's', engine)} FROM {rows} AS s WHERE {filled} AND ({condition})"
    )


def settle(connection: Any, shape: Shape, reference: Reference, engine: EngineName) -> int:
    """Sets the references that waited, now that every row is there; how many. One call for each deferred reference."""
    columns = [shape.column(name) for name in reference.columns]
    where = f"w.table_name = {literal(shape.name)} AND w.columns = {named(reference.columns)}"
    connection.execute(
        f"UPDATE {WAITING} AS w SET refers_to = m.target_key FROM {MAP} AS m"
        f" WHERE {where} AND m.table_name = {literal(reference.table)}"
        f" AND m.columns = {named(reference.to)} AND m.source_key = w.refers_to"
    )
    values = ", ".join(
        f"{one.quoted} = {unframed('w.refers_to', position, one, engine)}" for position, one in enumerate(columns)
    )
    same = " AND ".join(
        f"t.{one.quoted} = {unframed('w.row_key', position, one, engine)}"
        for position, one in enumerate(shape.key_columns)
    )
    settled: int = connection.execute(
        f"UPDATE {shape.at(engine)} AS t SET {values} FROM {WAITING} AS w WHERE {where} AND {same}"
    ).rowcount
    connection.execute(f"DELETE FROM {WAITING} AS w WHERE {where}")
    return settled


def quoted_names(names: Iterable[str], *, alias: str = "") -> str:
    """A list of columns as SQL has it."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f"{prefix}{quoted(name)}" for name in names)
