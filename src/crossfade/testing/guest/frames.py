"""Whose work is where in one transaction that several share, so that nobody's rollback undoes another's work.

Each guest's transaction is a frame: a savepoint that is set before its first statement. One without writes of its own
has nothing to undo, and a new savepoint when others wrote meanwhile. Savepoints are never released: that would release
those of others that were set later.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from crossfade.errors import ConcurrentJointError

_READ = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|PRAGMA|SHOW|EXPLAIN|VALUES)\b", re.IGNORECASE | re.DOTALL)


@dataclass(eq=False)
class Frame:
    """One guest's transaction."""

    savepoint: str
    wrote: bool = False
    """Whether the guest wrote since the savepoint was set."""
    others: set["Frame | None"] = field(default_factory=set)
    """Who else wrote since then; None is the host."""


class Frames:
    """The transactions that are open on one connection."""

    def __init__(self, *, whose: str, instead: str) -> None:
        """None is. `whose` connection that is and what to do `instead` of two transactions at once, for an error."""
        self._whose = whose
        self._instead = instead
        self._open: list[Frame] = []
        self._numbers: Iterator[int] = itertools.count(1)

    def enter(self, frame: Frame | None, statement: str | None) -> tuple[Frame, str | None]:
        """Before a guest's statement: its transaction, and what must be executed first, if anything.

        A statement that nobody knows (None) may write.
        """
        command = None
        if frame not in self._open:
            frame = Frame(self._savepoint())
            self._open.append(frame)
            command = f"SAVEPOINT {frame.savepoint}"
        elif frame.others and not frame.wrote:
            frame.savepoint = self._savepoint()
            frame.others.clear()
            command = f"SAVEPOINT {frame.savepoint}"
        if statement is None or writes(statement):
            frame.wrote = True
            self._note(frame)
        return frame, command

    def leave(self, frame: Frame, *, keep: bool, aborted: bool = False) -> str | None:
        """At the end of a guest's transaction: what must be executed, if anything.

        `aborted`: the database will take nothing but a rollback. Raises ConcurrentJointError if that would undo others'
        work.
        """
        if frame not in self._open:
            return None
        self._open.remove(frame)
        if not aborted and (keep or not frame.wrote):
            return None
        if frame.others:
            raise self.entangled()
        for other in self._open:
            other.others.discard(frame)
        return f"ROLLBACK TO SAVEPOINT {frame.savepoint}"

    def entangled(self) -> ConcurrentJointError:
        """What is to be said when one transaction can't be undone without another."""
        return ConcurrentJointError(whose=self._whose, instead=self._instead)

    def clear(self) -> None:
        """After the host's own rollback: no transaction is open any more."""
        self._open.clear()

    def host_executes(self, statement: str) -> None:
        """The host's own statements, which a guest's rollback must not undo either."""
        if writes(statement):
            self._note(None)

    def _note(self, writer: Frame | None) -> None:
        for frame in self._open:
            if frame is not writer:
                frame.others.add(writer)

    def _savepoint(self) -> str:
        return f"crossfade_guest_{next(self._numbers)}"


def writes(statement: str) -> bool:
    """Whether a statement may change something; one that begins with WITH may."""
    return _READ.match(statement) is None
