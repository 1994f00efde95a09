"""Fills a table that was empty, batch by batch, each committed together with its entry in the ledger.

While a batch is written, the next one is read. A table without a key has no place to go on from, so all of it is one
transaction. What is set aside meanwhile, and what is done with tables that have rows, is left to the copying.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import cast

from crossfade.transfer import ledger
from crossfade.transfer.faults import explained
from crossfade.transfer.lanes import Batch, Lane, Position
from crossfade.transfer.ledger import Progress
from crossfade.transfer.shapes import Shape
from crossfade.transfer.transactions import transaction
from crossfade.transfer.work import Work


def load(work: Work, copy: str, shape: Shape, progress: Progress) -> None:
    """Brings the rows of a table that aren't there yet."""
    if progress.state == "loaded":
        return
    lane = work.lane(shape)
    work.listener.began("copy", shape.name, work.rows(shape))
    if progress.copied:
        work.listener.advanced("copy", shape.name, progress.copied)
    with batches(work, shape, lane, after=progress.position) as arriving:
        (_each if shape.key else _at_once)(work, copy, shape, lane, arriving)
    work.listener.ended("copy", shape.name)


@contextmanager
def batches(work: Work, shape: Shape, lane: Lane, *, after: Position | None = None) -> Generator[Iterator[Batch]]:
    """The batches of a table; the next one is being read while one is worked on."""
    # Every lane's reading is a generator: closed early, it lets go of the connection.
    reading = cast("Generator[Batch]", lane.read(work.reader, after=after, size=work.options.batch))
    with closing(reading), ThreadPoolExecutor(1, "crossfade-reader") as pool:

        def following() -> Batch | None:
            with explained(work.source, work.reader, shape.name):
                return next(reading, None)

        def arriving(upcoming: "Future[Batch | None]") -> Iterator[Batch]:
            while (batch := upcoming.result()) is not None:
                upcoming = pool.submit(following)
                yield batch

        yield arriving(pool.submit(following))


def _each(work: Work, copy: str, shape: Shape, lane: Lane, arriving: Iterator[Batch]) -> None:
    over = False
    for batch in arriving:
        with explained(work.target, work.writer, shape.name), transaction(work.writer):
            lane.write(work.writer, batch, shape.at(work.engine))
            if batch.last is not None:
                ledger.advance(work.writer, copy, shape.name, position=batch.last, rows=batch.rows)
            else:
                over = True
                ledger.add_last(work.writer, copy, shape.name, rows=batch.rows)
        work.listener.advanced("copy", shape.name, batch.rows)
    if not over:
        with explained(work.target, work.writer, shape.name), transaction(work.writer):
            ledger.add_last(work.writer, copy, shape.name, rows=0)


def _at_once(work: Work, copy: str, shape: Shape, lane: Lane, arriving: Iterator[Batch]) -> None:
    rows = 0
    with explained(work.target, work.writer, shape.name), transaction(work.writer):
        for batch in arriving:
            lane.write(work.writer, batch, shape.at(work.engine))
            rows += batch.rows
            work.listener.advanced("copy", shape.name, batch.rows)
        ledger.add_last(work.writer, copy, shape.name, rows=rows)
