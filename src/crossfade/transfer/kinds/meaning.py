"""What every kind of value promises; the kinds themselves are in the modules beside."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

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

        Values of `seen` as Python reads them, none of them None. TypeError, UnicodeError and
        OverflowError mean no.
        """
        return not values


def bad(stored: bytes | float) -> str:
    """What stands for a stored value without canonical text: no canonical text begins like it."""
    raw = stored if isinstance(stored, bytes) else repr(stored).encode()
    return f"{_BAD}{raw.hex()}"


def through(function: str, column: str, *stored: str) -> str:
    """SQLite: what one of our functions makes of the values of a column stored as (`text`, `integer`, `real`).

    NULL stays NULL, a value that is stored otherwise gets a stand-in. Text is handed over as bytes: the driver would
    fail to read what isn't UTF-8.
    """
    whens = "".join(
        f" WHEN '{one}' THEN " + function.format(f"CAST({column} AS BLOB)" if one == "text" else column)
        for one in stored
    )
    return f"CASE typeof({column}){whens} WHEN 'null' THEN NULL ELSE {stand_in(column)} END"


def numbers_alone(column: str, text: str) -> str:
    """SQLite: a text of a column, but a stand-in for what isn't stored as a number (or NULL)."""
    return f"CASE WHEN {column} >= '' THEN {stand_in(column)} ELSE {text} END"


def no_bytes(column: str, text: str) -> str:
    """SQLite: a text of a column, but a stand-in for what is stored as bytes."""
    # SQLite sorts numbers before text, and text before bytes: to compare costs a third of asking for the type.
    return f"CASE WHEN {column} >= x'' THEN {stand_in(column)} ELSE {text} END"


def stand_in(column: str) -> str:
    """SQLite: what stands for a value without canonical text, whatever it is: no canonical text begins like it."""
    return f"'{_BAD}' || typeof({column}) || ':' || hex({column})"


def read(stored: bytes) -> str:
    """The text of bytes that SQLite has as text. Raises ValueError for what no text of PostgreSQL can be."""
    text = stored.decode()
    if "\0" in text:
        raise ValueError(text)
    return text


def is_bad(text: str) -> str:
    """SQLite: whether a text that one of our functions gave is such a stand-in."""
    return f"ifnull(substr({text}, 1, 1) = '{_BAD}', 0)"
