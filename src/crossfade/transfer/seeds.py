"""What `init` put into the target makes room for the rows of the source, as long as nobody has touched it.

A row gives way if every value of it is what `init` left there and no other row refers to it. Which rows those are was
taken down by `crossfade.revisions.seeds`.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table

from crossfade.revisions.seeds import literal, table
from crossfade.transfer import keys
from crossfade.transfer.kinds import EngineName
from crossfade.transfer.plan import Plan
from crossfade.transfer.shapes import Reference, Shape, located, quoted


def give_way(connection: Any, engine: EngineName, plan: Plan) -> Mapping[str, int]:
    """Deletes them from the tables of the plan, in the caller's transaction, and returns how many, by table.

    `connection` is the driver's own, to the target. To find out how many there are, roll back. What gave way once is
    forgotten, so that a row of the source that looks the same is not taken for it later.
    """
    if not _recorded(connection, engine):
        return {}
    gone: Counter[str] = Counter()
    waiting = _seeds(connection, plan)
    # Until nobody moves any more: a seed may refer to another one.
    while moved := [one for one in waiting if _deleted(connection, engine, plan, *one)]:
        gone.update(shape.name for shape, _number, _values in moved)
        waiting = [one for one in waiting if one not in moved]
    return gone


_Seed = tuple[Shape, int, Mapping[str, str]]


def _recorded(connection: Any, engine: EngineName) -> bool:
    if engine == "sqlite":
        statement = f"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{table.name}'"
    else:
        statement = f"SELECT count(to_regclass('{table.name}'))"
    return bool(connection.execute(statement).fetchone()[0])


def _seeds(connection: Any, plan: Plan) -> list[_Seed]:
    names = ", ".join(keys.literal(name) for name in plan.names)
    statement = f"SELECT id, table_name, row_values FROM {table.name} WHERE table_name IN ({names}) ORDER BY id"
    found = [(plan.shape(name), number, json.loads(text)) for number, name, text in connection.execute(statement)]
    # Those that refer to others first.
    return sorted(found, key=lambda one: -plan.names.index(one[0].name))


def _deleted(
    connection: Any, engine: EngineName, plan: Plan, shape: Shape, number: int, values: Mapping[str, str]
) -> bool:
    """Whether this one gave way."""
    conditions = [
        f"{literal('this.' + quoted(name), engine)} = {keys.literal(value)}" for name, value in values.items()
    ]
    conditions += [_nobody_refers(engine, shape, by, reference) for by, reference in plan.referring(shape.name)]
    where = " AND ".join(conditions)
    cursor = connection.execute(f"DELETE FROM {shape.at(engine)} AS this WHERE {where}")
    if not cursor.rowcount:
        return False
    connection.execute(f"DELETE FROM {table.name} WHERE id = {number:d}")
    return True


def _nobody_refers(engine: EngineName, shape: Shape, by: Table, reference: Reference) -> str:
    pairs = zip(reference.columns, reference.to, strict=True)
    conditions = [f"other.{quoted(column)} = this.{quoted(to)}" for column, to in pairs]
    if by.fullname == shape.name and shape.key:
        # One that refers to itself goes with itself.
        itself = " AND ".join(f"other.{quoted(name)} = this.{quoted(name)}" for name in shape.key)
        conditions.append(f"NOT ({itself})")
    found = f"SELECT 1 FROM {located(by.schema, by.name, engine)} AS other WHERE {' AND '.join(conditions)}"
    return f"NOT EXISTS ({found})"
