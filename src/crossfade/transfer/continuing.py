"""Goes on with an unfinished copy: what earlier calls have copied becomes what the picture of this call says.

First the rest of the rows comes, from where the ledger stands; then the rows that came earlier are compared with the
new picture and repaired, and those that the source doesn't have any more are put aside. Meanwhile nothing that could
refuse a row is in place but the keys, by which rows are found: rows change places, and half of a change isn't one that
the source ever had. Where something can't be set aside and a row is refused for it, its table is filled from its
beginning.
"""

from collections.abc import Collection
from dataclasses import replace

from crossfade.errors import CopyFailedError, RepairFailedError
from crossfade.transfer import indexes, ledger, rebuilding, resuming
from crossfade.transfer.faults import explained, explained_both
from crossfade.transfer.ledger import Unfinished
from crossfade.transfer.loading import load
from crossfade.transfer.shapes import Shape
from crossfade.transfer.transactions import give_up_waiting, scalar, transaction
from crossfade.transfer.verifying import Expectation, verify
from crossfade.transfer.work import LOCK_TIMEOUT, Work


def go_on(work: Work, unfinished: Unfinished) -> str:
    """Brings all rows, and what was set aside back; returns the copy's id. Raises what `copying.copy` does."""
    earlier = {
        name for name, one in ledger.progress(work.writer, unfinished.id).items() if one.copied or one.state == "loaded"
    }
    with explained(work.target, work.writer, ", ".join(work.plan.names)), transaction(work.writer):
        give_up_waiting(work.writer, LOCK_TIMEOUT)
        work.put_aside(unfinished.id)
        if earlier:
            removed = indexes.set_aside(work.writer, work.plan.shapes, indexes.RESTRAINTS)
            ledger.keep_aside(work.writer, unfinished.id, removed)
    for shape in work.plan.shapes:
        if shape.name in earlier and not shape.key:
            # Nothing tells its rows apart, so nothing tells which of them are still right.
            _fill_anew(work, unfinished, [shape])
        else:
            _fill(work, unfinished, shape, again=shape.name in earlier)
    keyed = [shape for shape in work.plan.shapes if shape.name in earlier and shape.key]
    if keyed:
        _refresh(work, unfinished, keyed)
    rebuilding.rebuild(work.target, work.writer, unfinished.id, jobs=work.options.jobs, listener=work.listener)
    return unfinished.id


def _fill(work: Work, unfinished: Unfinished, shape: Shape, *, again: bool) -> None:
    progress = ledger.progress(work.writer, unfinished.id)[shape.name]
    try:
        load(work, unfinished.id, shape, progress)
        if again:
            _bring_key_back(work, unfinished, shape)
    except CopyFailedError:
        # A row that came earlier may hold a value that the source has given to another row since, or has moved since.
        if not again:
            raise
        _fill_anew(work, unfinished, [shape])


def _fill_anew(work: Work, unfinished: Unfinished, shapes: Collection[Shape]) -> None:
    names = [shape.name for shape in shapes]
    with explained(work.target, work.writer, ", ".join(names)), transaction(work.writer):
        resuming.empty(work.writer, names, unfinished, target=work.target, plan=work.plan)
        for name in names:
            ledger.start_over(work.writer, unfinished.id, name)
    progress = ledger.progress(work.writer, unfinished.id)
    for shape in shapes:
        load(work, unfinished.id, shape, progress[shape.name])
        _bring_key_back(work, unfinished, shape)


def _bring_key_back(work: Work, unfinished: Unfinished, shape: Shape) -> None:
    with explained(work.target, work.writer, shape.name):
        rebuilding.bring_key_back(work.writer, unfinished.id, shape)


def _refresh(work: Work, unfinished: Unfinished, shapes: Collection[Shape]) -> None:
    with transaction(work.writer):
        ledger.repair(work.writer, unfinished.id, going_on=True)
    try:
        with explained_both((work.source, work.reader), (work.target, work.writer), "the repair"):
            report = verify(
                work.source,
                work.target,
                replace(work.plan, shapes=tuple(shapes)),
                repair=True,
                extra="quarantine",
                expectation=Expectation(work.where),
                listener=work.listener,
                connections=(work.reader, work.writer),
            )
        mended = {one.table for one in report.tables if one.missing + one.extra + one.changed <= one.repaired}
    except RepairFailedError:
        mended = set()
    # A row may be refused for a value of one that can't leave before it: then its table comes as a whole.
    if anew := [shape for shape in shapes if shape.name not in mended]:
        _fill_anew(work, unfinished, anew)
    with transaction(work.writer):
        for shape in shapes:
            rows = scalar(work.writer, f"SELECT count(*) FROM {shape.at(work.engine)}")
            ledger.correct(work.writer, unfinished.id, shape.name, rows=rows)
        ledger.repair(work.writer, unfinished.id, going_on=False)
