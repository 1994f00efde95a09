"""Brings back what was set aside, when the rows are there: indexes and constraints first, references last.

Each comes back in a transaction that notes it in the ledger, so that what was removed by a copy that was killed comes
back with the next call. What the rows don't allow stays aside, and is told in one error at the end.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any

from crossfade.errors import CopyFailedError
from crossfade.transfer import indexes, ledger, writers
from crossfade.transfer.ends import End
from crossfade.transfer.faults import is_lost, said
from crossfade.transfer.indexes import Definition
from crossfade.transfer.reports import Listener
from crossfade.transfer.shapes import Shape
from crossfade.transfer.transactions import execute, scalar, transaction

_Refused = list[tuple[Definition, BaseException]]
_MOST = 3
"""Refusals that are told at once."""


def rebuild(target: End, connection: Any, copy: str, *, jobs: int, listener: Listener) -> None:
    """Makes everything again that the ledger has as aside, up to `jobs` at once where the engine can.

    Raises CopyFailedError that names what the rows don't allow.
    """
    aside = ledger.aside(connection, copy)
    references = [one for one in aside if one.kind == "foreign key"]
    others = [one for one in aside if one.kind != "foreign key"]
    refused: _Refused = []
    if jobs > 1 and len(others) > 1 and target.engine == "postgresql":
        refused += _in_parallel(target, copy, others, jobs=jobs, listener=listener)
    else:
        with writers.sorting(connection):
            refused += _one_by_one(connection, copy, others, listener)
    # A reference needs the unique constraint that it stands on; without it, it would only hide the real trouble.
    if not refused:
        refused += _one_by_one(connection, copy, references, listener)
    if refused:
        # A full disk refuses them all, each in its own words.
        told = [f"{one.name} can't be made again, {said(error)}" for one, error in refused[:_MOST]]
        more = f" (and {len(refused) - _MOST} more)" if len(refused) > _MOST else ""
        raise CopyFailedError(
            table=", ".join(sorted({one.table for one, _ in refused})),
            url=target.masked,
            reason="; ".join(told) + more,
        )


def bring_key_back(connection: Any, copy: str, shape: Shape) -> None:
    """Makes the primary key of a table again, if it is aside. Raises the driver's errors.

    A row that came twice, because it was written to and so moved in the source between two calls, stays as it came
    last.
    """
    for one in ledger.aside(connection, copy):
        if (one.table, one.kind) == (shape.name, "key"):
            try:
                _make_again(connection, copy, one)
            except connection.IntegrityError:
                with transaction(connection):
                    _keep_last(connection, one.place, shape)
                    rows = scalar(connection, f"SELECT count(*) FROM {one.place}")
                    ledger.correct(connection, copy, shape.name, rows=rows)
                    indexes.bring_back(connection, one)
                    ledger.back(connection, copy, one)


def _keep_last(connection: Any, place: str, shape: Shape) -> None:
    same = " AND ".join(f"a.{one.quoted} = b.{one.quoted}" for one in shape.key_columns)
    execute(connection, f"DELETE FROM {place} AS a USING {place} AS b WHERE {same} AND a.ctid < b.ctid")


def _make_again(connection: Any, copy: str, definition: Definition) -> None:
    with transaction(connection):
        indexes.bring_back(connection, definition)
        ledger.back(connection, copy, definition)


def _one_by_one(connection: Any, copy: str, definitions: Sequence[Definition], listener: Listener) -> _Refused:
    refused: _Refused = []
    for table, group in groupby(sorted(definitions, key=lambda one: one.table), key=lambda one: one.table):
        members = list(group)
        listener.began("indexes", table, len(members))
        for one in members:
            refused += _bring_back(connection, copy, one)
            listener.advanced("indexes", table, 1)
        listener.ended("indexes", table)
    return refused


def _bring_back(connection: Any, copy: str, definition: Definition) -> _Refused:
    try:
        _make_again(connection, copy, definition)
    except connection.Error as error:
        if is_lost(connection):
            raise
        return [(definition, error)]
    return []


def _in_parallel(
    target: End, copy: str, definitions: Sequence[Definition], *, jobs: int, listener: Listener
) -> _Refused:
    """Each worker takes the next definition; a constraint shuts its table off, so those come after the indexes."""
    waiting: SimpleQueue[Definition] = SimpleQueue()
    for one in sorted(definitions, key=lambda one: one.kind in {"constraint", "key"}):
        waiting.put(one)
    for table, count in _counted(definitions).items():
        listener.began("indexes", table, count)
    workers = min(jobs, len(definitions))
    with ExitStack() as stack:
        connections = [stack.enter_context(writers.builder(target)) for _ in range(workers)]
        with ThreadPoolExecutor(workers) as pool:
            try:
                running = [pool.submit(_work_off, one, copy, waiting, listener) for one in connections]
                refused = [found for worker in running for found in worker.result()]
            except BaseException:
                # The pool waits for its threads, and those for the server.
                with suppress(Empty):
                    while True:
                        waiting.get_nowait()
                for one in connections:
                    with suppress(one.Error):
                        one.cancel_safe(timeout=5)
                raise
    for table in _counted(definitions):
        listener.ended("indexes", table)
    return refused


def _work_off(connection: Any, copy: str, waiting: "SimpleQueue[Definition]", listener: Listener) -> _Refused:
    refused: _Refused = []
    while True:
        try:
            one = waiting.get_nowait()
        except Empty:
            return refused
        refused += _bring_back(connection, copy, one)
        listener.advanced("indexes", one.table, 1)


def _counted(definitions: Sequence[Definition]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in definitions:
        counts[one.table] = counts.get(one.table, 0) + 1
    return counts
