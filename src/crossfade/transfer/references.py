"""Foreign keys that dangle: rows that refer to a row that isn't there, on either side.

The references of the metadata are looked at, whether the database knows of them or not, and rows that came past its
checks are found: those of an SQLite without `PRAGMA foreign_keys`, of a constraint that PostgreSQL never validated.
What a table that is left out of a copy would have to hold beforehand is left to `dangling`.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import MetaData

from crossfade.transfer.differences import shown
from crossfade.transfer.digests import Side, identity
from crossfade.transfer.ends import Role
from crossfade.transfer.framing import split
from crossfade.transfer.reports import Orphan
from crossfade.transfer.shapes import Reference, Shape, located, quoted


def orphans(side: Side, role: Role, shapes: Iterable[Shape], metadata: MetaData, *, limit: int) -> list[Orphan]:
    """The first rows that refer to nothing, at most `limit` of them; a reference with a NULL in it refers to nobody."""
    found: list[Orphan] = []
    for shape in shapes:
        for reference in shape.references:
            found += _dangling(side, role, shape, reference, metadata, limit - len(found))
            if len(found) == limit:
                return found
    return found


def _dangling(
    side: Side, role: Role, shape: Shape, reference: Reference, metadata: MetaData, limit: int
) -> Iterator[Orphan]:
    parent = metadata.tables[reference.table]
    there = located(parent.schema, parent.name, side.engine)
    pairs = list(zip(reference.columns, reference.to, strict=True))
    same = " AND ".join(f"c.{quoted(column)} = p.{quoted(to)}" for column, to in pairs)
    filled = [f"{quoted(column)} IS NOT NULL" for column in reference.columns]
    # The condition on the rows that count may name columns without their table.
    here = f"({side.select(shape, '*')})" if side.where.get(shape.name) else shape.at(side.engine)
    missing = " AND ".join([*(f"c.{one}" for one in filled), f"p.{quoted(pairs[0][1])} IS NULL"])
    key = side.framing.octets(side.framing.of(identity(shape), alias="c"))
    rows = side.query(f"SELECT {key} FROM {here} AS c LEFT JOIN {there} AS p ON {same} WHERE {missing} LIMIT {limit}")
    for (frame,) in rows:
        values = zip(identity(shape), split(frame, identity(shape)), strict=True)
        yield Orphan(
            side=role,
            table=shape.name,
            key={column.name: shown(value) for column, value in values},
            columns=reference.columns,
            refers_to=reference.table,
        )
