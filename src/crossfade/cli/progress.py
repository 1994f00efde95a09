"""How long work is shown while it goes on: bars on a terminal, lines elsewhere. All of it on stderr.

What is told at the end is left to the commands.
"""

import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Self

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from typing_extensions import override

from crossfade import redaction
from crossfade.cli.answers import printable
from crossfade.transfer.reports import Listener, Phase

_VERBS: Mapping[Phase, tuple[str, str]] = {
    "scan": ("looking through", "looked through"),
    "copy": ("copying", "copied"),
    "indexes": ("building indexes of", "built indexes of"),
    "verify": ("comparing", "compared"),
    "repair": ("repairing", "repaired"),
}
_COUNTED_IN_ROWS = frozenset[Phase]({"scan", "copy", "verify", "repair"})
_STILL = 10.0
"""Seconds after which a line says how far a long table has come."""
_TICKS = 4
"""How often a terminal is drawn in a second."""


@contextmanager
def shown(*, total: int | None = None, quiet: bool = False) -> Generator[Listener]:
    """A listener that shows what it hears; `total` are the rows to be copied in all, if that is known.

    `quiet` leaves the notes alone: for output that a program reads.
    """
    if quiet:
        yield Lines(tables=False)
    elif sys.stderr.isatty():
        with Bars(total) as bars:
            yield bars
    else:
        yield Lines()


class Bars:
    """A bar for each table that is at work, one for all of the copy, and how fast and how long still."""

    def __init__(self, total: int | None = None, console: Console | None = None) -> None:
        """`total` are the rows to be copied in all."""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            _Speed(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            refresh_per_second=_TICKS,
        )
        self._total = total
        self._all: TaskID | None = None
        self._tasks: dict[tuple[Phase, str], TaskID] = {}

    def __enter__(self) -> Self:
        """Takes the last lines of the terminal."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves them as they are."""
        self._progress.stop()

    def began(self, phase: Phase, table: str, rows: int | None) -> None:
        """Shows the table."""
        if phase == "copy" and self._total is not None and self._all is None:
            self._all = self._progress.add_task("all tables", total=self._total)
        description = f"{_VERBS[phase][0]} {printable(table)}"
        self._tasks[phase, table] = self._progress.add_task(description, total=rows)

    def advanced(self, phase: Phase, table: str, rows: int) -> None:
        """Moves its bar, and that of all."""
        task = self._tasks.get((phase, table))
        if task is not None:
            self._progress.advance(task, rows)
        if phase == "copy" and self._all is not None:
            self._progress.advance(self._all, rows)

    def ended(self, phase: Phase, table: str) -> None:
        """Lets the table go: what is done is told at the end, and a screen has few lines."""
        task = self._tasks.pop((phase, table), None)
        if task is not None:
            self._progress.remove_task(task)

    def note(self, text: str) -> None:
        """Says it above the bars."""
        self._progress.console.print(Text(f"note: {redaction.mask(text)}"), soft_wrap=True, highlight=False)


class Lines:
    """A line for each table that is done, and now and then for one that takes long."""

    def __init__(self, *, tables: bool = True) -> None:
        """Without `tables` only notes are shown."""
        self._tables = tables
        self._begun: dict[tuple[Phase, str], float] = {}
        self._told: dict[tuple[Phase, str], float] = {}
        self._done: dict[tuple[Phase, str], int] = {}
        self._rows: dict[tuple[Phase, str], int | None] = {}

    def began(self, phase: Phase, table: str, rows: int | None) -> None:
        """Remembers when."""
        key = phase, table
        self._begun[key] = self._told[key] = time.monotonic()
        self._done[key], self._rows[key] = 0, rows

    def advanced(self, phase: Phase, table: str, rows: int) -> None:
        """Counts."""
        key = phase, table
        self._done[key] = self._done.get(key, 0) + rows
        if time.monotonic() - self._told.get(key, time.monotonic()) > _STILL:
            self._told[key] = time.monotonic()
            known = self._rows.get(key)
            of = f" of {known:,}" if known else ""
            self._say(f"{_VERBS[phase][0]} {table}: {self._done[key]:,}{of}{_unit(phase, known or 0)} so far")

    def ended(self, phase: Phase, table: str) -> None:
        """Says what was done, if anything was."""
        key = phase, table
        seconds = time.monotonic() - self._begun.pop(key, time.monotonic())
        if done := self._done.pop(key, 0):
            self._say(f"{_VERBS[phase][1]} {table}: {done:,}{_unit(phase, done)} in {seconds:.1f} s")

    def note(self, text: str) -> None:
        """Says it."""
        typer.echo(f"note: {redaction.mask(printable(text))}", err=True)

    def _say(self, line: str) -> None:
        if self._tables:
            typer.echo(printable(line), err=True)


class _Speed(ProgressColumn):
    """Rows a second, or what else is counted."""

    @override
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


def _unit(phase: Phase, number: int) -> str:
    unit = " row" if number == 1 else " rows"
    return unit if phase in _COUNTED_IN_ROWS else ""
