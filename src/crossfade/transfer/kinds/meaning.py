"""What every kind of value promises; the kinds themselves are in the modules beside."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

EngineName = Literal["sqlite", "postgresql"]

_BAD: Final = "?"


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
    """Whether its text may hold any character; otherwise it has no quote, tab, newline, backslash or comma."""

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

    @abstractmethod
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        """What values of a column of the source can't be carried to the target; nothing between equal engines."""

    def carries(self, source: EngineName, target: EngineName) -> bool:
        """Whether values of this kind can go this way at all."""
        return True


def bad(value: object) -> str:
    """What stands for a stored value without canonical text: no canonical text begins like it."""
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return f"{_BAD}{type(value).__name__}:{raw.hex()}"


def is_bad(text: str) -> str:
    """SQLite: whether a text that one of our functions gave is such a stand-in."""
    return f"ifnull(substr({text}, 1, 1) = '{_BAD}', 0)"
