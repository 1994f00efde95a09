"""One call of a copy: what a person decided about it, its two ends, and its connections to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from crossfade.transfer import newness, quarantine
from crossfade.transfer.ends import End
from crossfade.transfer.exclusions import Exclusions
from crossfade.transfer.kinds import EngineName
from crossfade.transfer.lanes import Lane, lane
from crossfade.transfer.plan import Plan
from crossfade.transfer.reports import CopyReport, Listener, Policy
from crossfade.transfer.shapes import Shape

BATCH = 50_000
LOCK_TIMEOUT = "10s"
"""How long a table that somebody else holds on to is waited for, before its definitions are set aside."""


@dataclass(frozen=True)
class Options:
    """What a person decides about a copy."""

    policy: Policy = "error"
    """What happens to rows that are in the target already."""
    newest_by: str = newness.DEFAULT
    """What policy `newest` compares: see `newness`."""
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
    excluded: Exclusions = field(default_factory=Exclusions)
    """The rows that stay behind."""

    @property
    def engine(self) -> EngineName:
        """The target's."""
        return self.target.engine

    def lane(self, shape: Shape) -> Lane:
        """How the rows of a table get across."""
        return lane(self.source, self.target, shape, where=self.excluded.where_good(shape.name))

    @property
    def where(self) -> Mapping[str, str]:
        """By table, for those from which rows stay behind: SQL of the source for the rows that are carried."""
        good = {name: self.excluded.where_good(name) for name in self.plan.names}
        return {name: condition for name, condition in good.items() if condition is not None}

    def put_aside(self, copy: str) -> None:
        """Keeps the rows that stay behind in the quarantine, in the caller's transaction."""
        for shape in self.plan.shapes:
            quarantine.put_aside(self.excluded, shape, self.reader, self.writer, source=self.source.engine, copy=copy)

    def rows(self, shape: Shape) -> int:
        """How many rows of a table are carried."""
        table = next(one for one in self.report.tables if one.table == shape.name)
        return table.rows - self.excluded.rows_by_table.get(shape.name, 0)

    def note(self, sentences: Iterable[str]) -> None:
        """Tells a person, now and in the report."""
        for sentence in sentences:
            self.report.notes.append(sentence)
            self.listener.note(sentence)
