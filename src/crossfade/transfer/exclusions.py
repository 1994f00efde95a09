"""Which rows of a picture stay behind: those with a bad value, and all that refer to a row that stays behind.

Said as conditions in SQL of the source, so that it makes no difference how many they are. What becomes of the rows is
left to the quarantine and the copying.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from crossfade.errors import TangledError
from crossfade.transfer.kinds import EngineName
from crossfade.transfer.preflight import Scan, faults_of
from crossfade.transfer.shapes import Reference, Shape, quoted
from crossfade.transfer.transactions import scalar

_MOST_ROUNDS: Final = 12
"""How often references may go around between tables; within one table they may go on for ever."""


@dataclass(frozen=True)
class Cause:
    """Why rows stay behind."""

    where: str
    """SQL of the source, never null."""
    columns: tuple[str, ...]
    reason: str
    """As the end of a sentence about the columns."""


@dataclass(frozen=True)
class Exclusions:
    """The rows that stay behind, by table."""

    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)
    rows_by_table: Mapping[str, int] = field(default_factory=dict)

    def where_bad(self, table: str) -> str | None:
        """SQL of the source: whether a row of the table stays behind; None if none does."""
        causes = self.causes.get(table)
        return " OR ".join(f"({one.where})" for one in causes) if causes else None

    def where_good(self, table: str) -> str | None:
        """SQL of the source: whether a row of the table is carried; None if all are."""
        bad = self.where_bad(table)
        return bad and f"NOT ({bad})"


def exclusions(
    scan: Scan, shapes: Sequence[Shape], connection: Any, *, source: EngineName, target: EngineName
) -> Exclusions:
    """What stays behind after a scan of these tables, seen through a connection of the same picture.

    Raises TangledError if bad rows are referred to around too many corners.
    """
    found = Exclusions()
    for _ in range(_MOST_ROUNDS):
        # The tables that others refer to come first, so that one round is enough where nothing goes in circles.
        before, found = found, _round(found, scan, shapes, connection, source, target)
        if found.rows_by_table == before.rows_by_table:
            return found
    raise TangledError(tables=", ".join(found.causes))


def _round(
    before: Exclusions,
    scan: Scan,
    shapes: Sequence[Shape],
    connection: Any,
    source: EngineName,
    target: EngineName,
) -> Exclusions:
    causes, rows = dict(before.causes), dict(before.rows_by_table)
    for shape in shapes:
        now = Exclusions(causes)
        mine = _causes(now, scan, shape, {one.name: one for one in shapes}, source, target)
        if mine == causes.get(shape.name, ()):
            continue
        where = Exclusions({shape.name: mine}).where_bad(shape.name)
        count = scalar(connection, f"SELECT count(*) FROM {shape.at(source)} WHERE {where}")
        if count:
            causes[shape.name], rows[shape.name] = mine, count
    return Exclusions(causes, rows)


def _causes(
    known: Exclusions,
    scan: Scan,
    shape: Shape,
    shapes: Mapping[str, Shape],
    source: EngineName,
    target: EngineName,
) -> tuple[Cause, ...]:
    """Why rows of a table stay behind, as far as it is known of the others."""
    causes = [
        Cause(fault.where, (name,), fault.reason)
        for name in scan.columns.get(shape.name, ())
        for fault in faults_of(shape.column(name), source=source, target=target)
    ]
    for one in shape.references:
        bad = known.where_bad(one.table) if one.table in shapes and one.table != shape.name else None
        if bad is not None:
            away = f"SELECT {_listed(one.to)} FROM {shapes[one.table].at(source)} WHERE {bad}"
            causes.append(_referring(one, away))
    own = [one for one in shape.references if one.table == shape.name]
    if causes and own:
        bad = " OR ".join(f"({cause.where})" for cause in causes)
        causes += [_referring(one, _descent(shape, own, one, bad, source)) for one in own]
    return tuple(causes)


def _referring(reference: Reference, away: str) -> Cause:
    where = f"coalesce(({_listed(reference.columns)}) IN ({away}), false)"
    return Cause(where, reference.columns, f"refers to a row of {reference.table} that is put aside")


def _descent(shape: Shape, own: Sequence[Reference], asked: Reference, bad: str, source: EngineName) -> str:
    """What is referred to of the bad rows of a table that refers to itself, and of all that refer to them."""
    to = list(dict.fromkeys(name for one in own for name in one.to))
    found = {name: quoted(f"crossfade_{number}") for number, name in enumerate(to)}
    joined = " OR ".join(
        "("
        + " AND ".join(f"{quoted(here)} = {found[there]}" for here, there in zip(one.columns, one.to, strict=True))
        + ")"
        for one in own
    )
    table, columns = shape.at(source), _listed(to)
    return (
        f"WITH RECURSIVE crossfade_aside ({', '.join(found.values())}) AS (SELECT {columns} FROM {table} WHERE {bad}"
        f" UNION SELECT {columns} FROM {table} JOIN crossfade_aside ON {joined})"
        f" SELECT {', '.join(found[name] for name in asked.to)} FROM crossfade_aside"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)
