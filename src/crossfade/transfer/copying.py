"""Copies the rows of a plan from one database to another: the order of the steps, and what the ledger is told.

The target is changed only when everything that can be known beforehand is known: both ends fit, every value of the
picture can be held, no row meets another. Then it is either empty, and filled in batches that a later call goes on
from, or it has rows, and all of the merge is one transaction. Killed at any point, the next call ends what was begun,
and the target is as if nothing had happened.
"""

import json
import sqlite3
import time
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from crossfade.errors import CopyFailedError, CopyUndoneError
from crossfade.transfer import (
    checks,
    continuing,
    dangling,
    ends,
    indexes,
    joining,
    ledger,
    pictures,
    rebuilding,
    resuming,
    seeds,
    sequences,
    writers,
)
from crossfade.transfer.ends import End
from crossfade.transfer.exclusions import Exclusions, exclusions
from crossfade.transfer.faults import explained, explained_both, told
from crossfade.transfer.lanes import attached
from crossfade.transfer.ledger import Unfinished
from crossfade.transfer.loading import load
from crossfade.transfer.plan import Plan
from crossfade.transfer.preflight import scan
from crossfade.transfer.reports import CopyReport, Listener, TableCopied
from crossfade.transfer.shapes import Shape
from crossfade.transfer.standing import Terms
from crossfade.transfer.transactions import execute, give_up_waiting, scalar, transaction, trial
from crossfade.transfer.verifying import Expectation, verify
from crossfade.transfer.work import LOCK_TIMEOUT, Options, Work

__all__ = ["Options", "copy"]


def copy(source: End, target: End, plan: Plan, options: Options, listener: Listener) -> CopyReport:
    """Copies, and says what became of every table; `ok` of the report says whether all went as asked for.

    Raises what leaves everything as it was: CopyRunningError, CopyUnfinishedError, TargetChangedError, NotReadyError,
    WritesFrozenError for a target that is frozen;
    CopyFailedError and CopyInterruptedError, after which the same call goes on; UnreachableError and its kin.
    """
    began = time.monotonic()
    report = CopyReport(source=source.masked, target=target.masked, dry_run=options.dry_run)
    with told(source, target):
        if ends.same_database(source, target):
            report.shared = True
            return report
        if not options.dry_run:
            ends.refuse_frozen(target)
        checks.ensure_texts_fit(source, target)
        with writers.writer(target) as writer:
            unfinished = _unfinished(source, target, plan, options, writer)
            handed_over = _can_be_handed_over(source, target, plan, options, writer, unfinished)
            with ExitStack() as stack:
                if handed_over:
                    stack.enter_context(attached.journal(writer))
                picture = stack.enter_context(pictures.take(source, beside=writer if handed_over else None))
                work = Work(source, target, plan, options, listener, report, picture.connections[0], writer)
                _copy(work, unfinished, handed_over=handed_over)
    report.seconds = time.monotonic() - began
    return report


def _unfinished(source: End, target: End, plan: Plan, options: Options, writer: Any) -> Unfinished | None:
    """What an earlier call has left here; raises what stands in the way of this one."""
    unfinished = ledger.unfinished(writer)
    if unfinished is None:
        checks.ensure_ready(source, target, plan)
        return None
    if options.resume != "restart":
        resuming.ensure_same(unfinished, source=source, target=target, plan=plan)
    resuming.ensure_untouched(writer, unfinished, target)
    return unfinished


def _can_be_handed_over(
    source: End, target: End, plan: Plan, options: Options, writer: Any, unfinished: Unfinished | None
) -> bool:
    """Whether SQLite can copy all of it by itself, in one transaction."""
    if source.engine != "sqlite" or target.engine != "sqlite" or unfinished is not None or options.dry_run:
        return False
    # What is left out may be what rows refer to: that is asked before anything is written.
    if plan.outside:
        return False
    return attached.fits(source, writer) and not _occupied(target, plan, writer, None)


def _occupied(target: End, plan: Plan, writer: Any, unfinished: Unfinished | None) -> set[str]:
    """The tables that have rows which stay, whatever this call does."""
    ours = set() if unfinished is None else ledger.progress(writer, unfinished.id).keys()
    with trial(writer):
        seeds.give_way(writer, target.engine, plan)
        return {
            shape.name
            for shape in plan.shapes
            if shape.name not in ours and execute(writer, f"SELECT 1 FROM {shape.at(target.engine)} LIMIT 1")
        }


def _copy(work: Work, unfinished: Unfinished | None, *, handed_over: bool) -> None:
    work.report.tables = [TableCopied(shape.name, rows=_count(work, shape)) for shape in work.plan.shapes]
    occupied = set() if handed_over else _occupied(work.target, work.plan, work.writer, unfinished)
    # SQLite takes rows that refer to nothing: there only who wants them put aside is asked about them.
    looks = work.engine == "postgresql" or work.options.bad_values == "quarantine"
    excluded = _excluded(work, {*work.plan.names} - occupied if looks else ())
    if excluded is None:
        work.report.stopped = True
        return
    work = replace(work, excluded=excluded)
    if handed_over and not excluded.rows_by_table:
        _finish(work, _hand_over(work))
        return
    if handed_over:
        # Whole tables are handed over, or none: what stays behind makes it go row by row.
        work.writer.execute("ROLLBACK")
    dangling.ensure_none(work.plan, work.reader, work.source.engine, work.writer, work.engine)
    if unfinished is not None and work.options.resume != "restart":
        work.report.resumed = True
        if not work.options.dry_run:
            _finish(work, continuing.go_on(work, unfinished))
        return
    if occupied:
        _join(work, occupied, unfinished)
    elif not work.options.dry_run:
        copy_id = _begin(work, unfinished)
        _load(work, copy_id)
        _finish(work, copy_id)


def _excluded(work: Work, complete: Collection[str]) -> Exclusions | None:
    """The rows that stay behind; None if there are any and they stop the copy.

    `complete` are the tables that a reference must find its row in, among those that are copied.
    """
    with explained(work.source, work.reader, ", ".join(work.plan.names)):
        found = scan(work.source, work.target, work.plan.shapes, work.reader, listener=work.listener, complete=complete)
        work.report.bad_values = found.bad
        work.report.bad_rows = found.rows
        if not found.rows:
            return Exclusions()
        if work.options.bad_values == "stop":
            return None
        return exclusions(found, work.plan.shapes, work.reader, source=work.source.engine)


def _join(work: Work, occupied: Collection[str], unfinished: Unfinished | None) -> None:
    joining.ensure_keys(work, occupied)
    if joining.conflicts(work, occupied):
        work.report.stopped = True
    elif not work.options.dry_run:
        joining.join(work, occupied, unfinished)
        _analyse(work)
        _verify(work, merged=True)


def _count(work: Work, shape: Shape) -> int:
    with explained(work.source, work.reader, shape.name):
        return int(scalar(work.reader, f"SELECT count(*) FROM {shape.at(work.source.engine)}"))


def _begin(work: Work, unfinished: Unfinished | None) -> str:
    """Enters the copy into the ledger, and sets aside what would slow the load down: both or neither."""
    plan, writer = work.plan, work.writer
    with explained(work.target, writer, ", ".join(plan.names)), transaction(writer):
        give_up_waiting(writer, LOCK_TIMEOUT)
        ledger.create(writer)
        still = [] if unfinished is None else resuming.give_up(writer, unfinished, target=work.target, plan=plan)
        seeds.give_way(writer, work.engine, plan)
        copy_id = _enter(work)
        ledger.keep_aside(writer, copy_id, [*still, *indexes.set_aside(writer, plan.shapes)])
        work.put_aside(copy_id)
    return copy_id


def _enter(work: Work) -> str:
    return ledger.begin(
        work.writer,
        source=work.source.masked,
        target=work.target.masked,
        selection=work.plan.selection,
        options=json.dumps({"bad_values": work.options.bad_values}),
        tables={shape.name: shape.at(work.engine) for shape in work.plan.shapes},
    )


def _hand_over(work: Work) -> str:
    """All rows and their entries in the ledger at once, in the transaction that began with the picture."""
    writer = work.writer

    def done(shape: Shape, rows: int) -> None:
        ledger.add_last(writer, copy_id, shape.name, rows=rows)
        work.listener.advanced("copy", shape.name, rows)
        work.listener.ended("copy", shape.name)

    with explained(work.target, writer, ", ".join(work.plan.names), kind=CopyUndoneError):
        ledger.create(writer)
        seeds.give_way(writer, work.engine, work.plan)
        copy_id = _enter(work)
        for table in work.report.tables:
            work.listener.began("copy", table.table, table.rows)
        attached.copy_all(writer, work.plan.shapes, done)
        writer.execute("COMMIT")
    return copy_id


def _load(work: Work, copy_id: str) -> None:
    progress = ledger.progress(work.writer, copy_id)
    for shape in work.plan.shapes:
        load(work, copy_id, shape, progress[shape.name])
    rebuilding.rebuild(work.target, work.writer, copy_id, jobs=work.options.jobs, listener=work.listener)


def _finish(work: Work, copy_id: str) -> None:
    with explained(work.source, work.reader, "the sequences"):
        given = sequences.positions(work.reader, work.plan)
    with explained(work.target, work.writer, "the ledger"):
        work.note(sequences.stand_right(work.writer, work.plan, given))
        _analyse(work)
        progress = ledger.progress(work.writer, copy_id)
        for table in work.report.tables:
            table.inserted = progress[table.table].copied
            table.quarantined = work.excluded.rows_by_table.get(table.table, 0)
        _ensure_all_came(work)
    _verify(work, merged=False)
    with explained(work.target, work.writer, "the ledger"):
        writers.ensure_lasting(work.writer)
        with transaction(work.writer):
            ledger.end(work.writer, copy_id)


def _ensure_all_came(work: Work) -> None:
    """Raises CopyFailedError for a table that lacks rows of the picture, or got more: also without a proof."""
    for shape, table in zip(work.plan.shapes, work.report.tables, strict=True):
        # What others have written there is not ours: the proof tells of it. What we noted, but isn't there, is.
        there = int(scalar(work.writer, f"SELECT count(*) FROM {shape.at(work.engine)}"))
        if (came := min(table.inserted, there)) != work.rows(shape):
            reason = f"{came} rows came, but the picture of the source has {work.rows(shape)}"
            raise CopyFailedError(table=shape.name, url=work.target.masked, reason=reason)


def _verify(work: Work, *, merged: bool) -> None:
    """Compares the target with the picture."""
    if not work.options.verify:
        return
    # The source's values win everywhere with `update`: what stayed as it was, was alike.
    keeps = merged and work.options.policy != "update"
    kept = {table.table: table.skipped for table in work.report.tables} if keeps else {}
    merges = any(table.merged for table in work.report.tables)
    remapped = Terms(work.options.policy, work.options.newest_by) if merges else None
    with explained_both((work.source, work.reader), (work.target, work.writer), "the proof"):
        work.report.verified = verify(
            work.source,
            work.target,
            work.plan,
            expectation=Expectation(work.where, merged=merged, kept=kept, remapped=remapped),
            listener=work.listener,
            connections=(work.reader, work.writer),
        )


def _analyse(work: Work) -> None:
    """Tells the planner of the target what it has now, unless the source's does without: both then plan alike."""
    if isinstance(work.writer, sqlite3.Connection):
        if isinstance(work.reader, sqlite3.Connection) and not _has_statistics(work.reader):
            return
        # A sample of each index is enough, and all of a large one takes as long as to make it.
        execute(work.writer, "PRAGMA analysis_limit = 1000")
    for shape in work.plan.shapes:
        execute(work.writer, f"ANALYZE {shape.at(work.engine)}")


def _has_statistics(reader: sqlite3.Connection) -> bool:
    return scalar(reader, "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'") is not None
