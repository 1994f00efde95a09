"""What a copy and a proof say: while they work to a listener, in the end as a report.

How it is shown to a person is left to the commands.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

Policy = Literal["error", "skip", "update", "newest"]
"""What happens to a row that is in the target already."""

Phase = Literal["scan", "copy", "indexes", "verify", "repair"]


class Listener(Protocol):
    """Hears how the work goes on. May be called from several threads, one call at a time."""

    def began(self, phase: Phase, table: str, rows: int | None) -> None:
        """Work on a table begins; `rows` are how many there are to do, None if nobody counted."""

    def advanced(self, phase: Phase, table: str, rows: int) -> None:
        """So many more rows of it are done (committed, where it is a copy)."""

    def ended(self, phase: Phase, table: str) -> None:
        """The table is done in this phase."""

    def note(self, text: str) -> None:
        """Something that a person should know at once, in one sentence."""


class Silence:
    """A listener that nobody reads."""

    def began(self, phase: Phase, table: str, rows: int | None) -> None: ...
    def advanced(self, phase: Phase, table: str, rows: int) -> None: ...
    def ended(self, phase: Phase, table: str) -> None: ...
    def note(self, text: str) -> None: ...


@dataclass(frozen=True)
class BadValue:
    """A value of the source that the target can't hold, or that would mean something else there."""

    table: str
    key: Mapping[str, Any]
    """The key of its row, by column, in canonical text; the row's place where there is no key."""
    column: str
    value: str
    """What is there, as text, cut after 200 characters."""
    reason: str


@dataclass(frozen=True)
class Conflict:
    """A row of the source that meets a row of the target."""

    table: str
    key: Mapping[str, Any]
    """The key in the source."""
    columns: tuple[str, ...]
    """Of the same key: the columns that differ, none if the rows are alike. Otherwise the unique columns that clash."""
    why: Literal["exists", "undecided", "clashes", "ambiguous"]
    """Its key is there; it differs, and neither row says that it is newer; it has a unique value of a row with another
    key; no single row can stand for it."""
    other: Mapping[str, Any] | None = None
    """The key of the row in the target, if it is another one."""


@dataclass(frozen=True)
class Difference:
    """A row that is not the same on both sides."""

    table: str
    key: Mapping[str, Any]
    change: Literal["missing", "extra", "changed"]
    """Of the target: it lacks the row, has it alone, or has other values in `columns`."""
    columns: tuple[str, ...] = ()
    repaired: bool = False
    """Whether a repair has surely undone it: where very many rows are left, not all that it has are known by name."""


@dataclass(frozen=True)
class Orphan:
    """A row that refers to a row that isn't there."""

    side: Literal["source", "target"]
    table: str
    key: Mapping[str, Any]
    columns: tuple[str, ...]
    refers_to: str


@dataclass
class TableCopied:
    """What became of the rows of a table."""

    table: str
    rows: int = 0
    """In the picture of the source."""
    inserted: int = 0
    updated: int = 0
    skipped: int = 0
    """Were in the target and stayed as they were."""
    merged: int = 0
    """Found under another key, and remapped."""
    quarantined: int = 0


@dataclass
class CopyReport:
    """The outcome of `copy`."""

    source: str
    target: str
    """Masked URLs."""
    tables: list[TableCopied] = field(default_factory=list)
    dry_run: bool = False
    resumed: bool = False
    shared: bool = False
    """Source and target are one database: nothing was done."""
    stopped: bool = False
    """Nothing was copied because of the bad values or the conflicts; after a dry run: nothing would be."""
    bad_values: list[BadValue] = field(default_factory=list)
    """The first hundred."""
    bad_rows: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    """The first hundred."""
    conflicting_rows: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    verified: "VerifyReport | None" = None
    """None with --no-verify."""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was asked for."""
        return not self.stopped and (self.verified is None or self.verified.ok)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return asdict(self) | {"ok": self.ok}


@dataclass
class TableVerified:
    """How a table compares."""

    table: str
    source_rows: int
    target_rows: int
    missing: int = 0
    extra: int = 0
    changed: int = 0
    repaired: int = 0


@dataclass
class VerifyReport:
    """The outcome of `verify`."""

    source: str
    target: str
    tables: list[TableVerified] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    """The first thousand."""
    orphans: list[Orphan] = field(default_factory=list)
    """The first hundred of each side."""
    quick: bool = False
    shared: bool = False
    remapped: bool = False
    """Whether rows of the target stand for rows with other keys, and were compared so."""
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether both hold the same rows (after the repair, if one was asked for), and no reference dangles."""
        return not self.orphans and not any(one.missing + one.extra + one.changed - one.repaired for one in self.tables)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return asdict(self) | {"ok": self.ok}
