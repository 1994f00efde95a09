"""What every kind of value promises; the kinds themselves are in the modules beside."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

EngineName = Literal["sqlite", "postgresql"]


@dataclass(frozen=True)
class Fault:
    """Something that a value of the source may be, and that the target can't be told."""

    where: str
    """SQL on the source: true for such values, never null."""
    reason: str
    """What is wrong with them, as the end of a sentence about the value."""


class Kind(ABC):
    """What the values of a column mean, whichever engine holds them.

    Two columns with equal kinds hold comparable texts. All SQL is for connections that `install` has prepared.
    """

    name: ClassVar[str]
    """How messages call it: `integer`, `instant`, `json` ..."""
    free: ClassVar[bool] = False
    r"""Whether its text may hold any character; otherwise it has no quote, no comma, no white space but blanks, and a
    backslash only at the beginning, where it is `binary`."""

    portable: ClassVar[bool] = True
    """Whether both engines know it; otherwise it is carried between equal engines only."""

    @property
    def described(self) -> str:
        """What messages say of the type."""
        return self.name

    @abstractmethod
    def text(self, column: str, engine: EngineName) -> str:
        """SQL: the canonical text of a column (quoted, maybe qualified); NULL for NULL.

        The same text on both engines for the same meaning. PostgreSQL's input takes it for a column of this kind.
        A value that has none (a fault) gets a text that no canonical text is equal to.
        """

    def digest(self, column: str, engine: EngineName) -> str:
        """SQL: a text to compare or hash, equal on both engines where the text is, cheaper or stricter than that."""
        return self.text(column, engine)

    @abstractmethod
    def stored(self, given: str, engine: EngineName) -> str:
        """SQL: the value to be stored for a canonical text (an expression or a placeholder)."""

    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        """What values of a column of the source can't be carried to the target; nothing between equal engines."""
        if source == target:
            return ()
        return self.unfit_for_postgresql(column) if target == "postgresql" else self.unfit_for_sqlite(column)

    @abstractmethod
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        """What values of a column of SQLite PostgreSQL can't hold, or would change."""

    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
        """What values of a column of PostgreSQL SQLite can't hold, or would change."""
        del column  # whatever it is called: most kinds have none
        return ()

    def seen(self, column: str) -> str:
        """SQL on SQLite: what `plain` looks at, as cheap as can be."""
        return column

    def plain(self, values: Sequence[Any]) -> bool:
        """Whether surely none of these is a fault on the way from SQLite to PostgreSQL; not, if it takes a closer look.

        Values of `seen` as Python reads them, none of them None; lone surrogates stand for what isn't UTF-8. TypeError,
        UnicodeError and OverflowError mean no.
        """
        return not values
