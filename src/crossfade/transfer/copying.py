"""Copies the rows of a plan from one database to another: the order of the steps, and what the ledger is told.

The target is changed only when everything that can be known beforehand is known: both ends fit, every value of the
picture can be held, no row meets another. Then it is either empty, and filled in batches that a later call goes on
from, or it has rows, and all of the merge is one transaction. Killed at any point, the next call ends what was begun,
and the target is as if nothing had happened.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from crossfade.transfer import (
    ends,
    indexes,
    ledger,
    pictures,
    rebuilding,
    seeds,
    sequences,
    writers,
)
from crossfade.transfer.ends import End
from crossfade.transfer.faults import explained
from crossfade.transfer.lanes import Lane, lane
from crossfade.transfer.loading import Load
from crossfade.transfer.plan import Plan
from crossfade.transfer.reports import CopyReport, Listener, Policy, TableCopied
from crossfade.transfer.shapes import Shape
from crossfade.transfer.transactions import execute, scalar, transaction

BATCH = 50_000
_LOCK_TIMEOUT = "10s"


@dataclass(frozen=True)
class Options:
    """What a person decides about a copy."""

    policy: Policy = "error"
    """What happens to rows that are in the target already."""
    newest_by: str = "updated_at"
    """The column that policy `newest` compares."""
    remap: bool = False
    """Whether a row with the same unique values under another key is taken for the same row."""
    batch: int = BATCH
    """Rows that are committed together, at most."""
    jobs: int = 1
    """Indexes that PostgreSQL builds at once."""
    dry_run: bool = False
    resume: Literal["auto", "restart"] = "auto"
    verify: bool = True
    bad_values: Literal["stop", "quarantine"] = "stop"


@dataclass(frozen=True)
class _Work:
    """One call, with both connections open."""

    source: End
    target: End
    plan: Plan
    options: Options
    listener: Listener
    report: CopyReport
    reader: Any
    """Of the picture."""
    writer: Any

    @property
    def engine(self) -> ends.EngineName:
        return self.target.engine


def copy(source: End, target: End, plan: Plan, options: Options, listener: Listener) -> CopyReport:
    """Copies, and says what became of every table; `ok` of the report says whether all went as asked for.

    Raises CopyRunningError, CopyUnfinishedError and TargetChangedError, which leave everything as it was;
    CopyFailedError and CopyInterruptedError, after which the same call goes on; UnreachableError and its kin.
    """
    began = time.monotonic()
    report = CopyReport(source=source.masked, target=target.masked, dry_run=options.dry_run)
    if ends.same_database(source, target):
        report.shared = True
        return report
    with writers.writer(target) as writer, pictures.take(source) as picture:
        _copy(_Work(source, target, plan, options, listener, report, picture.connections[0], writer))
    report.seconds = time.monotonic() - began
    return report


def _copy(work: _Work) -> None:
    counted = {shape.name: _count(work, shape) for shape in work.plan.shapes}
    work.report.tables = [TableCopied(shape.name, rows=counted[shape.name]) for shape in work.plan.shapes]
    if work.options.dry_run:
        return
    _finish(work, _begin(work), counted)


def _count(work: _Work, shape: Shape) -> int:
    with explained(work.source, work.reader, shape.name):
        return int(scalar(work.reader, f"SELECT count(*) FROM {shape.at(work.source.engine)}"))


def _begin(work: _Work) -> str:
    """Enters the copy into the ledger, and sets aside what would slow the load down: both or neither."""
    plan, writer = work.plan, work.writer
    with explained(work.target, writer, ", ".join(plan.names)), transaction(writer):
        if work.engine == "postgresql":
            execute(writer, f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        ledger.create(writer)
        seeds.give_way(writer, work.engine, plan)
        copy_id = ledger.begin(
            writer,
            source=work.source.masked,
            target=work.target.masked,
            selection=plan.selection,
            options=json.dumps({"bad_values": work.options.bad_values}),
            tables=plan.names,
        )
        ledger.keep_aside(writer, copy_id, indexes.set_aside(writer, plan.shapes))
    return copy_id


def _finish(work: _Work, copy_id: str, counted: Mapping[str, int]) -> None:
    load = Load(
        source=work.source,
        target=work.target,
        reader=work.reader,
        writer=work.writer,
        copy=copy_id,
        batch=work.options.batch,
        listener=work.listener,
    )
    progress = ledger.progress(work.writer, copy_id)
    for shape in work.plan.shapes:
        load.run(shape, _lane(work, shape), progress[shape.name], rows=counted[shape.name])
    rebuilding.rebuild(work.target, work.writer, copy_id, jobs=work.options.jobs, listener=work.listener)
    given = sequences.positions(work.reader, work.plan)
    work.report.notes += sequences.stand_right(work.writer, work.plan, given)
    _analyse(work)
    progress = ledger.progress(work.writer, copy_id)
    for table in work.report.tables:
        table.inserted = progress[table.table].copied
    writers.ensure_lasting(work.writer)
    with transaction(work.writer):
        ledger.end(work.writer, copy_id)


def _lane(work: _Work, shape: Shape) -> Lane:
    return lane(work.source, work.target, shape)


def _analyse(work: _Work) -> None:
    for shape in work.plan.shapes:
        execute(work.writer, f"ANALYZE {shape.at(work.engine)}")
