"""Fills a table that was empty, batch by batch, each committed together with its entry in the ledger.

While a batch is written, the next one is read. A table without a key has no place to go on from, so all of it is one
transaction. What is set aside meanwhile, and what is done with tables that have rows, is left to the copying.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from crossfade.transfer import ledger
from crossfade.transfer.ends import End
from crossfade.transfer.faults import explained
from crossfade.transfer.lanes import Batch, Lane
from crossfade.transfer.ledger import Progress
from crossfade.transfer.reports import Listener
from crossfade.transfer.shapes import Shape
from crossfade.transfer.transactions import transaction


@dataclass(frozen=True)
class Load:
    """Where rows come from, where they go, and under which entry of the ledger."""

    source: End
    target: End
    reader: Any
    """The connection of the picture."""
    writer: Any
    copy: str
    batch: int
    listener: Listener

    def run(self, shape: Shape, lane: Lane, progress: Progress, *, rows: int | None) -> None:
        """Brings the rows of a table that aren't there yet; `rows` is how many the picture has."""
        if progress.state == "loaded":
            return
        self.listener.began("copy", shape.name, rows)
        if progress.copied:
            self.listener.advanced("copy", shape.name, progress.copied)
        with self.read(shape, lane, after=progress.position) as batches:
            if shape.key:
                self._each(shape, lane, batches)
            else:
                self._at_once(shape, lane, batches)
        self.listener.ended("copy", shape.name)

    @contextmanager
    def read(self, shape: Shape, lane: Lane, *, after: tuple[str, ...] | None = None) -> Generator[Iterator[Batch]]:
        """The batches of a table; the next one is being read while one is worked on."""
        # Every lane's reading is a generator: closed early, it lets go of the connection.
        reading = cast("Generator[Batch]", lane.read(self.reader, after=after, size=self.batch))
        with closing(reading), ThreadPoolExecutor(1, "crossfade-reader") as pool:

            def following() -> Batch | None:
                with explained(self.source, self.reader, shape.name):
                    return next(reading, None)

            def batches(upcoming: "Future[Batch | None]") -> Iterator[Batch]:
                while (batch := upcoming.result()) is not None:
                    upcoming = pool.submit(following)
                    yield batch

            yield batches(pool.submit(following))

    def _each(self, shape: Shape, lane: Lane, batches: Iterator[Batch]) -> None:
        last = False
        for batch in batches:
            with explained(self.target, self.writer, shape.name), transaction(self.writer):
                lane.write(self.writer, batch, shape.at(self.target.engine))
                if batch.last is not None:
                    ledger.advance(self.writer, self.copy, shape.name, position=batch.last, rows=batch.rows)
                else:
                    last = True
                    ledger.add_last(self.writer, self.copy, shape.name, rows=batch.rows)
            self.listener.advanced("copy", shape.name, batch.rows)
        if not last:
            with explained(self.target, self.writer, shape.name), transaction(self.writer):
                ledger.add_last(self.writer, self.copy, shape.name, rows=0)

    def _at_once(self, shape: Shape, lane: Lane, batches: Iterator[Batch]) -> None:
        rows = 0
        with explained(self.target, self.writer, shape.name), transaction(self.writer):
            for batch in batches:
                lane.write(self.writer, batch, shape.at(self.target.engine))
                rows += batch.rows
                self.listener.advanced("copy", shape.name, batch.rows)
            ledger.add_last(self.writer, self.copy, shape.name, rows=rows)
