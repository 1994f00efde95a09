"""Proves that two databases hold the same rows, or says which don't agree: the steps, from opening to the report.

Each table gets the cheapest proof that fits both engines; the sums of its buckets are asked for only if that fails, and
only rows of the buckets that differ are read. Values are compared by what they mean, so two engines never differ for
how they write. Each side is read at one moment, both at the same time.

How a table is compared is left to `comparing`, what mends it to `repairing`.
"""

import sqlite3
import time
from collections.abc import Collection, Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from crossfade.errors import SelectionError
from crossfade.transfer import ends, pictures, repairing, shortcuts, writers
from crossfade.transfer.comparing import Comparison, Expectation
from crossfade.transfer.digests import Side, SqliteSide, side
from crossfade.transfer.ends import End
from crossfade.transfer.plan import Plan
from crossfade.transfer.repairing import Extra, Found
from crossfade.transfer.reports import Difference, Listener, Silence, TableVerified, VerifyReport
from crossfade.transfer.standing import Terms
from crossfade.transfer.transactions import by_hand

__all__ = ["Expectation", "verify"]


def verify(
    source: End,
    target: End,
    plan: Plan,
    *,
    quick: bool = False,
    repair: bool = False,
    extra: Extra = "keep",
    expectation: Expectation | None = None,
    listener: Listener | None = None,
    connections: tuple[Any, Any] | None = None,
) -> VerifyReport:
    """Compares the tables of a plan, and looks for references that dangle on either side.

    `quick` counts and looks at some of the rows, see `Comparison.glimpses`. `repair` copies rows that are missing or
    differ, and compares their tables again; rows that the target alone has stay (`extra` keep) or are put aside.

    Without an `expectation` both should hold the same, but for the rows that the last merge took for one.

    `connections` are the drivers' own, prepared as `kinds.install` does it: one of a picture of the source, and one to
    the target that has nothing begun, neither before nor afterwards. A repair is written through it, and whoever gives
    it has the right to write (`writers.writer`). Without them both are opened here.

    Raises SelectionError for a repair of a target whose rows stand for others, CopyRunningError, RepairFailedError,
    UnreachableError and its kin, and what the drivers raise later on.
    """
    began = time.monotonic()
    report = VerifyReport(source=source.masked, target=target.masked, quick=quick)
    if ends.same_database(source, target):
        report.shared = True
        return report
    listener = listener or Silence()
    with ExitStack() as stack:
        if connections is None:
            reader = stack.enter_context(pictures.take(source)).connections[0]
            other = stack.enter_context(writers.writer(target) if repair else target.connection())
        else:
            reader, other = connections
        by_hand(other)
        if expectation is None:
            expectation = Expectation(remapped=Terms.noted(other, source=source.masked))
            _say(report, expectation, repair=repair)
        found = stack.enter_context(Found()) if repair else None
        with _opened(reader, other, plan, expectation, listener, quick=quick) as comparison:
            if quick:
                report.tables = comparison.glimpses(plan.shapes, report.differences)
                report.notes.append("a quick look: references were not looked at, and not every row")
            else:
                report.tables = comparison.tables(
                    plan.shapes, report.differences, None if found is None else found.note
                )
                if not found:
                    report.orphans = comparison.orphans(plan.shapes, plan.metadata, equal=_equal(report.tables))
        if found:
            report.notes += repairing.repair(source, target, plan, reader, other, found, extra=extra, listener=listener)
            with _opened(reader, other, plan, expectation, listener) as comparison:
                left: list[Difference] = []
                again = comparison.tables([plan.shape(name) for name in found.tables], left)
                _settle(report, again, left)
                report.orphans = comparison.orphans(plan.shapes, plan.metadata, equal=_equal(again))
    report.seconds = time.monotonic() - began
    return report


def _say(report: VerifyReport, expectation: Expectation, *, repair: bool) -> None:
    if expectation.remapped is None:
        return
    if repair:
        reason = "--repair would copy rows under the keys that --remap has merged; copy again, with --remap, instead"
        raise SelectionError(reason=reason)
    report.remapped = True
    report.notes.append("rows that --remap took for one are compared as that merge has noted them in the target")


@contextmanager
def _opened(
    reader: Any, other: Any, plan: Plan, expectation: Expectation, listener: Listener, *, quick: bool = False
) -> Generator[Comparison]:
    """A comparison of what a connection of a picture and one to the target see."""
    with ExitStack() as stack:
        here, there = side(reader, expectation.where), side(other)
        beside = None
        if isinstance(here, SqliteSide) and isinstance(there, SqliteSide) and not quick and not expectation.where:
            beside = _beside(here, there, stack)
        stack.enter_context(_moment(other))
        for each in (here, there):
            each.prepare()
        pools = stack.enter_context(_threads(here, there))
        yield Comparison(here, there, expectation, listener, pools, beside, shortcuts.alike(here, there, plan.shapes))


def _beside(here: SqliteSide, there: SqliteSide, stack: ExitStack) -> shortcuts.Beside | None:
    """Both files, seen by one connection, if one can."""
    (_, _, path), *_ = there.query("PRAGMA database_list")
    ((journal,),) = there.query("PRAGMA journal_mode")
    # The picture lets go of what it sees when it is put away, and until then only a write-ahead log would let us write.
    if journal == "wal" and shortcuts.seen_from(here.connection, path):
        return shortcuts.Beside(here, from_source=True)
    seen = stack.enter_context(shortcuts.seen_beside(there.connection, here.connection))
    return shortcuts.Beside(there, from_source=False) if seen else None


@contextmanager
def _moment(connection: Any) -> Generator[None]:
    """What the connection reads within the block is of one moment."""
    sqlite = isinstance(connection, sqlite3.Connection)
    connection.execute("BEGIN" if sqlite else "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def _threads(*sides: Side) -> Generator[tuple[Executor, Executor]]:
    with ThreadPoolExecutor(1, "crossfade-source") as one, ThreadPoolExecutor(1, "crossfade-target") as other:
        try:
            yield one, other
        except BaseException:
            # Whoever gives up doesn't wait for answers that nobody wants any more.
            for pool in (one, other):
                pool.shutdown(wait=False, cancel_futures=True)
            for each in sides:
                each.stop()
            raise


def _equal(tables: Collection[TableVerified]) -> bool:
    return not any(one.missing or one.extra or one.changed for one in tables)


def _settle(report: VerifyReport, again: Collection[TableVerified], left: Collection[Difference]) -> None:
    """Notes how much of what differed doesn't any more; `left` are the first rows that still do."""
    standing = {one.table: one for one in again}
    for one in report.tables:
        after = standing.get(one.table)
        if after is not None:
            one.target_rows = after.target_rows
            one.repaired = max(0, _unlike(one) - _unlike(after))
    still = [(one.table, one.key) for one in left]
    named = {one.table: sum(table == one.table for table, _ in still) for one in again}
    told = {one.table for one in again if named[one.table] == _unlike(one)}
    report.differences = [
        replace(one, repaired=one.table in told and (one.table, one.key) not in still) for one in report.differences
    ]


def _unlike(one: TableVerified) -> int:
    return one.missing + one.extra + one.changed
