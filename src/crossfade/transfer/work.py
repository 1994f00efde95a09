"""One call of a copy: what a person decided about it, its two ends, and its connections to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from crossfade.transfer.ends import End
from crossfade.transfer.kinds import EngineName
from crossfade.transfer.lanes import Lane, lane
from crossfade.transfer.plan import Plan
from crossfade.transfer.reports import CopyReport, Listener, Policy
from crossfade.transfer.shapes import Shape

BATCH = 50_000


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
    """Everything that can be known beforehand, and nothing is changed."""
    resume: Literal["auto", "restart"] = "auto"
    """Whether to go on with an unfinished copy, or to take out what it put in and begin anew."""
    verify: bool = True
    bad_values: Literal["stop", "quarantine"] = "stop"
    """Whether rows that the target can't hold stop the copy, or are put aside."""


@dataclass(frozen=True)
class Work:
    """The call, with its picture taken and the right to write."""

    source: End
    target: End
    plan: Plan
    options: Options
    listener: Listener
    report: CopyReport
    reader: Any
    """The connection of the picture."""
    writer: Any

    @property
    def engine(self) -> EngineName:
        """The target's."""
        return self.target.engine

    def lane(self, shape: Shape) -> Lane:
        """How the rows of a table get across."""
        return lane(self.source, self.target, shape)

    def note(self, sentences: Iterable[str]) -> None:
        """Tells a person, now and in the report."""
        for sentence in sentences:
            self.report.notes.append(sentence)
            self.listener.note(sentence)
