"""References in a database of SQLite that no row answers, and that PostgreSQL would refuse after all rows had come.

SQLite looks at foreign keys only where it is told to, so databases of years have such rows; PostgreSQL looked at each
of its own. What becomes of the rows is left to the preflight, and to whoever asked for it.
"""

from collections.abc import Collection, Iterator
from typing import Any

from crossfade.transfer.kinds import Fault
from crossfade.transfer.shapes import Column, Reference, Shape
from crossfade.transfer.transactions import execute


def faults(
    shape: Shape, shapes: Collection[Shape], complete: Collection[str], connection: Any
) -> Iterator[tuple[Column, Fault]]:
    """The references that rows of a table break, at the first of their columns.

    `complete` are the tables of which the target will have the rows of the source, and no others.
    """
    parents = {one.name: one for one in shapes if one.name in complete}
    for reference in shape.references:
        if reference.table not in parents:
            continue
        where = _nobody(shape, reference, parents[reference.table])
        # Where there is an index of the reference, this reads nothing else.
        if execute(connection, f"SELECT 1 FROM {shape.at('sqlite')} WHERE {where} LIMIT 1"):
            others = "".join(f" with {name}" for name in reference.columns[1:])
            yield shape.column(reference.columns[0]), Fault(where, f"refers{others} to no row of {reference.table}")


def _nobody(shape: Shape, reference: Reference, parent: Shape) -> str:
    """SQL, never null: whether a row refers to something that isn't there. Columns are named without their table."""
    here, there = map(shape.column, reference.columns), map(parent.column, reference.to)
    pairs = list(zip(here, there, strict=True))
    filled = " AND ".join(f"{column.quoted} IS NOT NULL" for column, _ in pairs)
    # As the file has them first: that is cheap, and nearly all are found. A value may be written in another way, too.
    raw = _absent(parent, [(column.quoted, to.quoted) for column, to in pairs])
    meant = [(column.kind.text(column.quoted, "sqlite"), to.kind.text(to.quoted, "sqlite")) for column, to in pairs]
    return f"({filled} AND {raw} AND {_absent(parent, meant)})"


def _absent(parent: Shape, pairs: Collection[tuple[str, str]]) -> str:
    values, among = ", ".join(value for value, _ in pairs), ", ".join(one for _, one in pairs)
    filled = " AND ".join(f"{one} IS NOT NULL" for _, one in pairs)
    return f"({values}) NOT IN (SELECT {among} FROM {parent.at('sqlite')} WHERE {filled})"
