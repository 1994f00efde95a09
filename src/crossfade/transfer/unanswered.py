"""References in a database that no row answers, and that PostgreSQL as a target would refuse after all rows had come.

SQLite looks at foreign keys only where it is told to, so databases of years have such rows; PostgreSQL has them where
rows came as replicas do, past its triggers, or before a constraint that was never validated. What becomes of the rows
is left to the preflight, and to whoever asked for it.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from crossfade.transfer.kinds import EngineName, Fault
from crossfade.transfer.lookups import among
from crossfade.transfer.shapes import Column, Reference, Shape
from crossfade.transfer.transactions import scalar


def faults(
    shape: Shape, shapes: Collection[Shape], complete: Collection[str], connection: Any, *, engine: EngineName
) -> Iterator[tuple[Column, Fault]]:
    """The references that rows of a table break, at the first of their columns.

    `complete` are the tables of which the target will have the rows of the source, and no others.
    """
    parents = {one.name: one for one in shapes if one.name in complete}
    for reference in shape.references:
        if reference.table not in parents:
            continue
        where, question = _NOBODY[engine](shape, reference, parents[reference.table])
        if scalar(connection, question):
            others = "".join(f" with {name}" for name in reference.columns[1:])
            yield shape.column(reference.columns[0]), Fault(where, f"refers{others} to no row of {reference.table}")


def _nobody_on_sqlite(shape: Shape, reference: Reference, parent: Shape) -> tuple[str, str]:
    """SQL, never null: whether a row refers to something that isn't there; and the question whether any does.

    Columns are named without their table.
    """
    pairs = _pairs(shape, reference, parent)
    # As the file has them first: that is cheap, and nearly all are found. A value may be written in another way, too.
    raw = _absent(parent, [(column.quoted, to.quoted) for column, to in pairs])
    meant = [(column.kind.text(column.quoted, "sqlite"), to.kind.text(to.quoted, "sqlite")) for column, to in pairs]
    where = f"({_filled([column for column, _ in pairs])} AND {raw} AND {_absent(parent, meant)})"
    # Where there is an index of the reference, this reads nothing else.
    return where, f"SELECT 1 FROM {shape.at('sqlite')} WHERE {where} LIMIT 1"


def _nobody_on_postgresql(shape: Shape, reference: Reference, parent: Shape) -> tuple[str, str]:
    """The same."""
    pairs = _pairs(shape, reference, parent)
    columns = [column for column, _ in pairs]
    same = " AND ".join(f"crossfade_parent.{to.quoted} = crossfade_child.{column.quoted}" for column, to in pairs)
    answer = f"SELECT 1 FROM {parent.at('postgresql')} AS crossfade_parent WHERE {same}"
    lost = f"{shape.at('postgresql')} AS crossfade_child WHERE {_filled(columns)} AND NOT EXISTS ({answer})"
    value = f"ROW({', '.join(column.quoted for column in columns)})::text"
    # A count: for the first one the planner might look up row by row.
    return among(value, f"SELECT {value} FROM {lost}", "postgresql"), f"SELECT count(*) FROM {lost}"


_NOBODY = {"sqlite": _nobody_on_sqlite, "postgresql": _nobody_on_postgresql}


def _pairs(shape: Shape, reference: Reference, parent: Shape) -> Sequence[tuple[Column, Column]]:
    return list(zip(map(shape.column, reference.columns), map(parent.column, reference.to), strict=True))


def _filled(columns: Sequence[Column]) -> str:
    return " AND ".join(f"{column.quoted} IS NOT NULL" for column in columns)


def _absent(parent: Shape, pairs: Collection[tuple[str, str]]) -> str:
    values, among = ", ".join(value for value, _ in pairs), ", ".join(one for _, one in pairs)
    filled = " AND ".join(f"{one} IS NOT NULL" for _, one in pairs)
    return f"({values}) NOT IN (SELECT {among} FROM {parent.at('sqlite')} WHERE {filled})"
