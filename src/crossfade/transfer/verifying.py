"""Proves that two databases hold the same rows, or says which differ: the order of the steps.

Each table is proved equal by the cheapest proof that fits both engines; the sums of its buckets are asked for only if
that fails, and only rows of the buckets that differ are read. Values are compared by what they mean, so two engines
never differ for how they write. Both sides are read at one moment each, and at the same time.

`quick` counts, and looks at some of the rows; it proves nothing.
"""

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from crossfade.transfer import differences, ends, pictures, references, shortcuts
from crossfade.transfer.differences import Differing
from crossfade.transfer.digests import PostgresqlSide, Side, Sum, side
from crossfade.transfer.ends import End, Role
from crossfade.transfer.plan import Plan
from crossfade.transfer.reports import Listener, Orphan, Silence, TableVerified, VerifyReport
from crossfade.transfer.shapes import Shape

Answer = TypeVar("Answer")

_DIFFERENCES = 1000
_ORPHANS = 100


@dataclass(frozen=True)
class Expectation:
    """What the target is expected to be. By default it holds the rows of the source, all of them and no others."""

    where: Mapping[str, str] = field(default_factory=dict)
    """By table: a condition in SQL of the source, for the rows that should be in the target; others should not."""
    merged: bool = False
    """Whether the target had rows before: those that the source hasn't are its own, and may be there."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """By table: how many rows of the target were there and were kept, so that so many may have other values."""


EQUAL = Expectation()


@dataclass(frozen=True)
class _Work:
    """One proof, with both sides open."""

    source: Side
    target: Side
    plan: Plan
    expectation: Expectation
    listener: Listener
    report: VerifyReport
    pools: tuple[Executor, Executor]
    """One thread for each side."""
    beside: shortcuts.Beside | None
    alike: Collection[str]
    """The tables that PostgreSQL's own hashes can compare."""
    unlike: list[Shape] = field(default_factory=list)
    """The tables that no cheap proof found equal."""


def verify(
    source: End,
    target: End,
    plan: Plan,
    *,
    quick: bool = False,
    expectation: Expectation = EQUAL,
    listener: Listener | None = None,
    connections: tuple[Any, Any] | None = None,
) -> VerifyReport:
    """Compares the tables of a plan, and looks for references that dangle on either side.

    `connections` are the drivers' own, to the source and the target, on which `kinds.install` was called: what they see
    is compared, in the transaction that is open or in one of their own. Without them a moment of each side is taken.
    Raises UnreachableError and its kin.
    """
    began = time.monotonic()
    report = VerifyReport(source=source.masked, target=target.masked, quick=quick)
    if ends.same_database(source, target):
        report.shared = True
        return report
    with ExitStack() as stack:
        here, there = connections or tuple(
            stack.enter_context(pictures.take(end)).connections[0] for end in (source, target)
        )
        sides = side(here, expectation.where), side(there)
        pools = stack.enter_context(_threads(*sides))
        beside = shortcuts.beside(sides[0], target)
        alike = shortcuts.alike(*sides, plan.shapes)
        work = _Work(*sides, plan, expectation, listener or Silence(), report, pools, beside, alike)
        _compare(work)
        _check_references(work)
    report.seconds = time.monotonic() - began
    return report


@contextmanager
def _threads(*sides: Side) -> Generator[tuple[Executor, Executor]]:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        try:
            yield one, other
        except BaseException:
            # Whoever gives up doesn't wait for statements that nobody wants the answer of any more.
            for pool in (one, other):
                pool.shutdown(wait=False, cancel_futures=True)
            for each in sides:
                each.stop()
            raise


def _compare(work: _Work) -> None:
    """Compares all tables."""
    for shape, (here, there) in _counted(work):
        verified = TableVerified(shape.name, here, there)
        work.report.tables.append(verified)
        work.listener.advanced("verify", shape.name, here)
        work.listener.ended("verify", shape.name)
    for shape in work.unlike:
        verified = next(one for one in work.report.tables if one.table == shape.name)
        for difference in _differing(work, shape):
            _note(work, verified, difference)


def _counted(work: _Work) -> Iterator[tuple[Shape, tuple[int, int]]]:
    """The rows that each table has on both sides; those tables that are not proved equal are noted as `unlike`."""
    # All sums are asked for before the first is waited for, so neither side waits for the other.
    sums = {} if work.beside else {shape.name: _sums(work, shape) for shape in work.plan.shapes}
    for shape in work.plan.shapes:
        work.listener.began("verify", shape.name, None)
        if work.beside is not None:
            rows = work.pools[0].submit(work.beside.proved, shape).result()
            if rows is not None:
                yield shape, (rows, rows)
                continue
            work.unlike.append(shape)
            yield shape, (work.source.count(shape), work.target.count(shape))
            continue
        here, there = (future.result() for future in sums[shape.name])
        if here != there:
            work.unlike.append(shape)
        yield shape, (here.rows, there.rows)


def _sums(work: _Work, shape: Shape) -> tuple[Future[Sum], Future[Sum]]:
    """Both sums of a table, to come."""
    here, there = work.source, work.target
    if isinstance(here, PostgresqlSide) and isinstance(there, PostgresqlSide) and shape.name in work.alike:
        return work.pools[0].submit(here.own_sum, shape), work.pools[1].submit(there.own_sum, shape)
    return work.pools[0].submit(here.sum, shape), work.pools[1].submit(there.sum, shape)


def _differing(work: _Work, shape: Shape) -> Iterator[Differing]:
    here, there = _both(work, lambda each: each.buckets(shape))
    buckets: set[int] | None = differences.differing_buckets(here, there)
    if not buckets:
        return
    if not differences.worth_choosing(buckets, here, there):
        buckets = None
    yield from differences.between(work.source, work.target, shape, buckets, work.pools)


def _both(work: _Work, ask: Callable[[Side], Answer]) -> tuple[Answer, Answer]:
    """The answers of both sides, asked at once."""
    futures = work.pools[0].submit(ask, work.source), work.pools[1].submit(ask, work.target)
    return futures[0].result(), futures[1].result()


def _note(work: _Work, verified: TableVerified, difference: Differing) -> None:
    match difference.change:
        case "missing":
            verified.missing += 1
        case "extra":
            verified.extra += 1
        case "changed":
            verified.changed += 1
    if len(work.report.differences) < _DIFFERENCES:
        work.report.differences.append(difference.reported)


def _check_references(work: _Work) -> None:
    shapes, metadata = work.plan.shapes, work.plan.metadata

    def orphans(each: Side) -> list[Orphan]:
        role: Role = "source" if each is work.source else "target"
        return references.orphans(each, role, shapes, metadata, limit=_ORPHANS)

    for found in _both(work, orphans):
        work.report.orphans += found
