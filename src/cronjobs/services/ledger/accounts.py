"""Ticks against rows, for one job: each tick must be answered by exactly one row, and each row must answer a tick."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cronjobs.models.executions import MISSED, SKIPPED
from cronjobs.services.ledger.entries import Entry

Verdict = Literal["run", "missed", "skipped", "owed", "absent", "double", "extra", "undecided"]
VERDICTS: tuple[Verdict, ...] = ("run", "missed", "skipped", "owed", "absent", "double", "extra", "undecided")
OFFENCES: tuple[Verdict, ...] = ("absent", "double", "extra")


@dataclass(frozen=True)
class Tick:
    """A time at which a job should have been run."""

    at: datetime
    certain: bool = True
    """False so close to a change of the job that it may have been due by what it was before, or after."""


@dataclass(frozen=True)
class Offence:
    """A tick that was not answered by exactly one row, or a row that answers none."""

    verdict: Verdict
    tick: datetime
    rows: tuple[str, ...]


def settle(
    ticks: Iterator[Tick],
    entries: Iterator[Entry],
    *,
    is_owed: Callable[[datetime], bool],
    is_judged: Callable[[datetime], bool],
) -> Iterator[Offence | Verdict]:
    """What became of each tick, and of rows that answer none; both rising, in one walk that keeps a handful of them.

    `is_owed` says of a tick that the scheduler hasn't come to it yet, `is_judged` of an instant that something is known
    of it: a row elsewhere is no offence.
    """
    book = _Book(entries)
    for tick in ticks:
        yield from _strays(book.turn_to(tick.at), is_judged)
        yield _verdict(tick, book.answers(), is_owed)
    yield from _strays(book.close(), is_judged)


def count(verdicts: Iterator[Offence | Verdict], counts: Counter[Verdict]) -> Iterator[Offence]:
    """Counts them, and hands on the offences."""
    for one in verdicts:
        if isinstance(one, Offence):
            counts[one.verdict] += 1
            yield one
        else:
            counts[one] += 1


class _Book:
    """The rows, opened where the walk is."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries
        self._next = next(entries, None)
        self._open: dict[Entry, bool] = {}
        """Rows that have begun and are not over; whether each has answered a tick."""

    def turn_to(self, moment: datetime) -> list[Entry]:
        """Goes on to `moment`; the rows that were over before it and answered nothing."""
        while self._next is not None and self._next.first <= moment:
            self._open[self._next] = False
            self._next = next(self._entries, None)
        over = [entry for entry in self._open if entry.last < moment]
        return [entry for entry in over if not self._open.pop(entry)]

    def answers(self) -> list[Entry]:
        """The rows that answer the tick at which the walk is."""
        self._open = dict.fromkeys(self._open, True)
        return list(self._open)

    def close(self) -> Iterator[Entry]:
        """What is left and answered nothing."""
        yield from (entry for entry, answered in self._open.items() if not answered)
        if self._next is not None:
            yield self._next
            yield from self._entries


def _verdict(tick: Tick, answers: list[Entry], is_owed: Callable[[datetime], bool]) -> Offence | Verdict:
    if len(answers) > 1:
        return Offence("double", tick.at, tuple(entry.id for entry in answers))
    if not tick.certain:
        return "undecided"
    if answers:
        state = answers[0].state
        return "missed" if state == MISSED else "skipped" if state == SKIPPED else "run"
    return "owed" if is_owed(tick.at) else Offence("absent", tick.at, ())


def _strays(entries: Iterator[Entry] | list[Entry], is_judged: Callable[[datetime], bool]) -> Iterator[Offence]:
    for entry in entries:
        if is_judged(entry.first) and is_judged(entry.last):
            yield Offence("extra", entry.last, (entry.id,))
