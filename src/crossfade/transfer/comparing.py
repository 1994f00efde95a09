"""One comparison of two open sides: which proof each table gets, and what is read where that fails.

Opening and closing the sides, repairs, and what a report says of all that, are left to `verifying`.
"""

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import MetaData

from crossfade.transfer import differences, references, shortcuts, standing
from crossfade.transfer.differences import Differing
from crossfade.transfer.digests import BUCKETS, PostgresqlSide, Side, Sum
from crossfade.transfer.ends import Role
from crossfade.transfer.reports import Difference, Listener, Orphan, TableVerified
from crossfade.transfer.shapes import Shape
from crossfade.transfer.standing import Terms

Answer = TypeVar("Answer")

_SHOWN = 1000
ORPHANS = 100
"""Of each side, that are told at most."""
_FEW = 10_000
_GLIMPSED = 16


@dataclass(frozen=True)
class Expectation:
    """What the target is expected to be. By default it holds the rows of the source, all of them and no others."""

    where: Mapping[str, str] = field(default_factory=dict)
    """By table: a condition in SQL of the source, for the rows that the target should have. It shouldn't the others."""
    merged: bool = False
    """Whether the target had rows before: those that the source hasn't are its own, and no difference."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """By table: how many rows were in the target before and stayed as they were, so that as many may differ."""
    remapped: Terms | None = None
    """How rows of the target came to stand for rows with other keys, as the last merge has noted there, if they do."""


@dataclass(frozen=True)
class Comparison:
    """Two sides, and a thread for each, so that both are read at once."""

    source: Side
    target: Side
    expectation: Expectation
    listener: Listener
    pools: tuple[Executor, Executor]
    beside: shortcuts.Beside | None
    alike: Collection[str]
    """The tables that PostgreSQL's own hashes can compare."""

    def tables(
        self, shapes: Collection[Shape], shown: list[Difference], noted: Callable[[Differing], None] | None = None
    ) -> list[TableVerified]:
        """How the tables compare. The first thousand rows that differ are added to `shown`, each is told to `noted`."""
        found, unlike = [], []
        for shape, here, there, equal in self._proofs(shapes):
            verified = TableVerified(shape.name, here, there)
            found.append(verified)
            if not equal:
                unlike.append((shape, verified))
            self.listener.advanced("verify", shape.name, here)
            self.listener.ended("verify", shape.name)
        for shape, verified in unlike:
            self._tell(verified, self._differing(shape), shown, noted)
        return found

    def glimpses(self, shapes: Collection[Shape], shown: list[Difference]) -> list[TableVerified]:
        """How many rows both sides have, and what a part of them shows: all of a small table, 1 in 256 of a large one.

        It doesn't see a value that changed in another row, nor rows of another part that came for as many that went.
        """
        found = []
        for shape in shapes:
            self.listener.began("verify", shape.name, None)
            here, there = self.source.count(shape), self.target.count(shape)
            verified = TableVerified(shape.name, here, there)
            some = None if max(here, there) <= _FEW else {secrets.randbelow(BUCKETS) for _ in range(_GLIMPSED)}
            rows = differences.between(self.source, self.target, shape, some, self.pools)
            self._tell(verified, rows, shown, None)
            if not self.expectation.merged:
                # What the part doesn't show.
                verified.missing = max(verified.missing, here - there)
                verified.extra = max(verified.extra, there - here)
            found.append(verified)
            self.listener.advanced("verify", shape.name, here)
            self.listener.ended("verify", shape.name)
        return found

    def orphans(self, shapes: Collection[Shape], metadata: MetaData, *, equal: bool) -> list[Orphan]:
        """The first hundred rows of each side that refer to nothing. `equal`: whether both sides hold the same rows."""

        def found(side: Side) -> list[Orphan]:
            role: Role = "source" if side is self.source else "target"
            return references.orphans(side, role, shapes, metadata, limit=ORPHANS)

        names = {shape.name for shape in shapes}
        if equal and all(one.table in names for shape in shapes for one in shape.references):
            # Then a look at one of them is enough; SQLite is the slower one.
            cheap = self.source if self.source.engine == "postgresql" else self.target
            if not self.pools[0].submit(found, cheap).result():
                return []
        here, there = self._both(found)
        return here + there

    def _proofs(self, shapes: Collection[Shape]) -> Iterator[tuple[Shape, int, int, bool]]:
        """The rows that each table has on both sides, and whether both are proved to be equal."""
        # All sums are asked for before the first is waited for, so that neither side waits for the other.
        sums = {} if self.beside else {shape.name: self._sums(shape) for shape in shapes}
        for shape in shapes:
            self.listener.began("verify", shape.name, None)
            if self.beside is None:
                here, there = (future.result() for future in sums[shape.name])
                yield shape, here.rows, there.rows, here == there
                continue
            rows = self.pools[0].submit(self.beside.proved, shape).result()
            if rows is None:
                yield shape, self.source.count(shape), self.target.count(shape), False
            else:
                yield shape, rows, rows, True

    def _sums(self, shape: Shape) -> tuple[Future[Sum], Future[Sum]]:
        """Both sums of a table, to come."""
        here, there = self.source, self.target
        if shape.name in self.alike and isinstance(here, PostgresqlSide) and isinstance(there, PostgresqlSide):
            return self.pools[0].submit(here.own_sum, shape), self.pools[1].submit(there.own_sum, shape)
        return self.pools[0].submit(here.sum, shape), self.pools[1].submit(there.sum, shape)

    def _differing(self, shape: Shape) -> Iterator[Differing]:
        """The rows that differ."""
        if self.beside is not None and self.beside.joins(shape):
            yield from self.beside.differing(shape)
            return
        here, there = self._both(lambda side: side.buckets(shape))
        buckets = differences.differing_buckets(here, there)
        if buckets:
            chosen = buckets if differences.worth_choosing(buckets, here, there) else None
            yield from differences.between(self.source, self.target, shape, chosen, self.pools)

    def _tell(
        self,
        verified: TableVerified,
        rows: Iterator[Differing],
        shown: list[Difference],
        noted: Callable[[Differing], None] | None,
    ) -> None:
        kept = self.expectation.kept.get(verified.table, 0)
        first: list[Difference] = []
        for row in rows:
            if row.change == "extra" and self.expectation.merged:
                continue
            if (terms := self.expectation.remapped) is not None and standing.explains(self.target, row, terms):
                continue
            setattr(verified, row.change, getattr(verified, row.change) + 1)
            if len(first) < _SHOWN + kept:
                first.append(row.reported)
            if noted is not None:
                noted(row)
        if verified.changed <= kept:
            # They are those that were kept: which ones, nobody noted.
            verified.changed = 0
            first = [one for one in first if one.change != "changed"]
        shown += first[: _SHOWN - len(shown)]

    def _both(self, ask: Callable[[Side], Answer]) -> tuple[Answer, Answer]:
        """The answers of both sides, asked at once."""
        futures = self.pools[0].submit(ask, self.source), self.pools[1].submit(ask, self.target)
        return futures[0].result(), futures[1].result()
