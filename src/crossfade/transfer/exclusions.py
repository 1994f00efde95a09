"""Which rows of a picture stay behind: those with a bad value, and all that refer to a row that stays behind.

Said as conditions in SQL of the source, so that it makes no difference how many they are. What becomes of the rows is
left to the quarantine and the copying.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from crossfade.transfer.kinds import EngineName
from crossfade.transfer.lookups import among
from crossfade.transfer.preflight import Scan
from crossfade.transfer.shapes import Reference, Shape, quoted
from crossfade.transfer.transactions import scalar

_ASIDE: Final = "crossfade_aside"
_EDGES: Final = "crossfade_edges"


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
        return _any(causes) if causes else None

    def where_good(self, table: str) -> str | None:
        """SQL of the source: whether a row of the table is carried; None if all are."""
        bad = self.where_bad(table)
        return bad and f"NOT ({bad})"


def exclusions(scan: Scan, shapes: Sequence[Shape], connection: Any, *, source: EngineName) -> Exclusions:
    """What stays behind after a scan of these tables, seen through a connection of the same picture."""
    own = {
        name: tuple(Cause(fault.where, (column.name,), fault.reason) for column, some in its.items() for fault in some)
        for name, its in scan.faults.items()
    }
    circles = _Aside(_reached(own, shapes), own, source)
    causes: dict[str, tuple[Cause, ...]] = {}
    rows: dict[str, int] = {}
    for shape in circles.shapes:
        its = (*own.get(shape.name, ()), *map(circles.referring, circles.references(shape)))
        count = scalar(connection, f"SELECT count(*) FROM {shape.at(source)} WHERE {_any(its)}")
        if count:
            causes[shape.name], rows[shape.name] = its, count
    return Exclusions(causes, rows)


def _any(causes: Sequence[Cause]) -> str:
    return " OR ".join(f"({one.where})" for one in causes)


def _reached(tables: Mapping[str, Any], shapes: Sequence[Shape]) -> list[Shape]:
    """These tables, and all that refer to them, in the order of the shapes."""
    names = set(tables)
    while more := {
        shape.name for shape in shapes for one in shape.references if one.table in names and shape.name not in names
    }:
        names |= more
    return [shape for shape in shapes if shape.name in names]


@dataclass(frozen=True)
class _Aside:
    """All that the rows that stay behind are referred to by, as one set: found by going from row to row.

    A row is in it by the text of what refers to it, under the number of the columns that are referred to. However
    references go, within a table, in circles, or down through many, it is the same few lines of SQL.
    """

    shapes: Sequence[Shape]
    own: Mapping[str, tuple[Cause, ...]]
    source: EngineName

    def references(self, shape: Shape) -> list[Reference]:
        """What a row of a table may refer to that stays behind."""
        names = {one.name for one in self.shapes}
        return [one for one in shape.references if one.table in names]

    def referring(self, reference: Reference) -> Cause:
        """That a row refers to one that stays behind."""
        bad = (
            f"SELECT place FROM ({self._all}) AS {_ASIDE}_all WHERE goal = {self._goals[reference.table, reference.to]}"
        )
        where = among(_text(reference.columns), bad, self.source)
        return Cause(where, reference.columns, f"refers to a row of {reference.table} that is put aside")

    @property
    def _goals(self) -> dict[tuple[str, tuple[str, ...]], int]:
        """A number for each set of columns that is referred to."""
        goals = ((one.table, one.to) for shape in self.shapes for one in self.references(shape))
        return {goal: number for number, goal in enumerate(dict.fromkeys(goals))}

    @property
    def _all(self) -> str:
        first = [
            f"SELECT {goal} AS goal, {_text(to)} AS place FROM {shape.at(self.source)}"
            f" WHERE {_any(self.own[shape.name])}"
            for shape, to, goal in self._by_shape
            if shape.name in self.own
        ]
        edges = [
            f"SELECT {self._goals[one.table, one.to]} AS from_goal, {_text(one.columns)} AS from_place,"
            f" {goal} AS goal, {_text(to)} AS place FROM {shape.at(self.source)}"
            for shape, to, goal in self._by_shape
            for one in self.references(shape)
        ]
        start = f"SELECT goal, place FROM ({' UNION ALL '.join(first)}) AS {_ASIDE}_own"
        if not edges:
            return start
        return (
            f"WITH RECURSIVE {_EDGES} AS ({' UNION ALL '.join(edges)}), {_ASIDE} AS ({start} UNION"
            f" SELECT {_EDGES}.goal, {_EDGES}.place FROM {_ASIDE} JOIN {_EDGES}"
            f" ON {_EDGES}.from_goal = {_ASIDE}.goal AND {_EDGES}.from_place = {_ASIDE}.place)"
            f" SELECT goal, place FROM {_ASIDE}"
        )

    @property
    def _by_shape(self) -> list[tuple[Shape, tuple[str, ...], int]]:
        shapes = {one.name: one for one in self.shapes}
        return [(shapes[table], to, number) for (table, to), number in self._goals.items()]


def _text(columns: Sequence[str]) -> str:
    """What identifies a row, as one text; NULL if any of it is."""
    if len(columns) == 1:
        return f"CAST({quoted(columns[0])} AS TEXT)"
    return " || ".join(f"replace(CAST({quoted(name)} AS TEXT), ',', ',,') || ',;'" for name in columns)
