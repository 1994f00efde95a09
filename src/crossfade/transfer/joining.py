"""Brings the picture into a target that has rows already: looks first, then merges all of it in one transaction.

So it happens or it doesn't: half a merge would be neither the target of before nor the copy, and a row that was
overwritten with an old moment of the source couldn't be told from one that was there. Tables of the target that are
empty are filled as in any copy, within that transaction. What a single batch meets is left to `merging`.
"""

import json
import sqlite3
from collections.abc import Collection
from typing import Any

from crossfade.errors import KeylessError, MergeFailedError
from crossfade.transfer import indexes, keys, ledger, merging, resuming, seeds, sequences, writers
from crossfade.transfer.faults import explained
from crossfade.transfer.ledger import Unfinished
from crossfade.transfer.loading import batches
from crossfade.transfer.merging import Found, Merge
from crossfade.transfer.reports import TableCopied
from crossfade.transfer.shapes import Shape
from crossfade.transfer.transactions import give_up_waiting, scalar, transaction, trial
from crossfade.transfer.work import LOCK_TIMEOUT, Work

_EXAMPLES = 100


def ensure_keys(work: Work, occupied: Collection[str]) -> None:
    """Raises KeylessError for tables whose rows can't be told apart."""
    keyless = [name for name in work.plan.names if name in occupied and not work.plan.shape(name).key]
    if keyless:
        raise KeylessError(tables=", ".join(keyless), url=work.target.masked)


def conflicts(work: Work, occupied: Collection[str]) -> bool:
    """Whether rows meet others in a way that the policy doesn't settle; they go into the report. Changes nothing."""
    total = 0
    with explained(work.target, work.writer, ", ".join(work.plan.names), kind=MergeFailedError), trial(work.writer):
        seeds.give_way(work.writer, work.engine, work.plan)
        keys.create(work.writer, temporary=True)
        for shape in work.plan.shapes:
            if shape.name in occupied:
                found = _look(work, shape)
                total += found.conflicts(work.options.policy, remap=work.options.remap)
                work.report.conflicts += found.examples[: _EXAMPLES - len(work.report.conflicts)]
    if not total:
        # What was met is settled by the policy.
        work.report.conflicts = []
    work.report.conflicting_rows = total
    return bool(total)


def join(work: Work, occupied: Collection[str], unfinished: Unfinished | None) -> None:
    """Merges all tables, and moves the sequences on, or changes nothing. Raises MergeFailedError, CopyConflictError."""
    plan, writer = work.plan, work.writer
    empty = [shape for shape in plan.shapes if shape.name not in occupied]
    writers.ensure_lasting(writer)
    with explained(work.target, writer, ", ".join(plan.names), kind=MergeFailedError), transaction(writer):
        give_up_waiting(writer, LOCK_TIMEOUT)
        ledger.create(writer)
        keys.create(writer)
        keys.forget(writer)
        still = [] if unfinished is None else resuming.give_up(writer, unfinished, target=work.target, plan=plan)
        seeds.give_way(writer, work.engine, plan)
        dangling = _dangling(work)
        aside = [*still, *indexes.set_aside(writer, empty, indexes.BESIDE_KEYS)]
        for shape, table in zip(plan.shapes, work.report.tables, strict=True):
            table.quarantined = work.excluded.rows_by_table.get(shape.name, 0)
            staged = shape.name in occupied or (work.options.remap and bool(shape.references))
            with explained(work.target, writer, shape.name, kind=MergeFailedError):
                (_merge if staged else _append)(work, shape, table)
            _ensure_accounted_for(work, shape, table)
        for shape in plan.shapes:
            _made(work, shape).settle(writer)
        for one in sorted(aside, key=lambda one: one.kind == "foreign key"):
            with explained(work.target, writer, one.table, kind=MergeFailedError):
                indexes.bring_back(writer, one)
        _ensure_none_dangles(work, dangling)
        work.note(sequences.stand_right(writer, plan, sequences.positions(work.reader, plan)))
        work.put_aside(_enter(work))


def _made(work: Work, shape: Shape) -> Merge:
    return Merge.of(
        shape,
        among=work.plan.shapes,
        deferred=work.plan.deferred.get(shape.name, ()),
        engine=work.engine,
        policy=work.options.policy,
        newest_by=work.options.newest_by,
        remap=work.options.remap,
    )


def _look(work: Work, shape: Shape) -> Found:
    merge, lane = _made(work, shape), work.lane(shape)
    found = Found()
    merge.open(work.writer)
    work.listener.began("scan", shape.name, None)
    with batches(work, shape, lane) as arriving:
        for batch in arriving:
            lane.write(work.writer, batch, merging.STAGED)
            found += merge.found(work.writer, limit=max(0, _EXAMPLES - len(found.examples)))
            merge.clear(work.writer)
            work.listener.advanced("scan", shape.name, batch.rows)
    work.listener.ended("scan", shape.name)
    return found


def _merge(work: Work, shape: Shape, table: TableCopied) -> None:
    merge, lane = _made(work, shape), work.lane(shape)
    merge.open(work.writer)
    work.listener.began("copy", shape.name, work.rows(shape))
    with batches(work, shape, lane) as arriving:
        for batch in arriving:
            lane.write(work.writer, batch, merging.STAGED)
            merged = merge.apply(work.writer)
            merge.clear(work.writer)
            table.inserted += merged.inserted
            table.updated += merged.updated
            table.skipped += merged.skipped
            table.merged += merged.merged
            work.listener.advanced("copy", shape.name, batch.rows)
    work.listener.ended("copy", shape.name)


def _append(work: Work, shape: Shape, table: TableCopied) -> None:
    lane = work.lane(shape)
    work.listener.began("copy", shape.name, work.rows(shape))
    with batches(work, shape, lane) as arriving:
        for batch in arriving:
            lane.write(work.writer, batch, shape.at(work.engine))
            table.inserted += batch.rows
            work.listener.advanced("copy", shape.name, batch.rows)
    work.listener.ended("copy", shape.name)


def _ensure_accounted_for(work: Work, shape: Shape, table: TableCopied) -> None:
    """Raises MergeFailedError unless each row of the picture was inserted, or met a row: also without a proof."""
    came = table.inserted + table.updated + table.skipped
    if came != work.rows(shape):
        reason = f"{came} rows came, but the picture of the source has {work.rows(shape)}"
        raise MergeFailedError(table=shape.name, url=work.target.masked, reason=reason)


def _dangling(work: Work) -> dict[str, int]:
    """How many references of each table refer to nothing. PostgreSQL has none: it looks at each as it comes."""
    if not isinstance(work.writer, sqlite3.Connection):
        return {}
    return {shape.name: _references_to_nothing(work.writer, shape) for shape in work.plan.shapes}


def _ensure_none_dangles(work: Work, before: dict[str, int]) -> None:
    for shape in work.plan.shapes:
        more = _references_to_nothing(work.writer, shape) - before[shape.name] if before else 0
        if more > 0:
            raise MergeFailedError(
                table=shape.name, url=work.target.masked, reason=f"{more} of its references would refer to no row"
            )


def _references_to_nothing(writer: Any, shape: Shape) -> int:
    return int(scalar(writer, "SELECT count(*) FROM pragma_foreign_key_check(?)", (shape.bare,)))


def _enter(work: Work) -> str:
    """The merge's entry in the ledger, over as soon as it is begun."""
    options = {"policy": work.options.policy, "newest_by": work.options.newest_by, "remap": work.options.remap}
    copy = ledger.begin(
        work.writer,
        source=work.source.masked,
        target=work.target.masked,
        selection=work.plan.selection,
        options=json.dumps(options),
        tables={},
    )
    ledger.end(work.writer, copy)
    return copy
