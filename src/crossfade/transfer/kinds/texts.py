"""Text: strings, and names of enumerations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind
from crossfade.transfer.kinds.storage import no_bytes


@dataclass(frozen=True)
class Text(Kind):
    """Text as it is. `length`: how many characters PostgreSQL's column takes. `padded`: it drops blanks at the end."""

    length: int | None = None
    padded: bool = False
    name: ClassVar[str] = "text"
    free: ClassVar[bool] = True

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return f"{column}::text" if engine == "postgresql" and self.padded else column

    @override
    def digest(self, column: str, engine: EngineName) -> str:
        text = self.text(column, engine)
        return no_bytes(column, text) if engine == "sqlite" else text

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" else f"CAST({given} AS TEXT)"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        faults = [*unlike_postgresql(column, "text")]
        if self.length is not None:
            long = f"typeof({column}) = 'text' AND length({column}) > {self.length}"
            faults.append(Fault(long, f"is longer than the {self.length} characters of the target's column"))
        if self.padded:
            blanks = f"typeof({column}) = 'text' AND rtrim({column}, ' ') <> {column}"
            faults.append(Fault(blanks, "ends with blanks, which a column of fixed length drops"))
        return faults

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        # Joining tells of values that aren't text, encoding of those that aren't UTF-8.
        joined = "".join(values)
        if not joined.isascii():
            joined.encode()
        fits = self.length is None or len(max(values, key=len)) <= self.length
        return fits and "\0" not in joined and not (self.padded and " " in joined)


@dataclass(frozen=True)
class Enumerated(Kind):
    """One of some names, which are all that PostgreSQL's `type_` takes. Where it has no such type, they are text."""

    names: tuple[str, ...]
    type_: str
    name: ClassVar[str] = "enum"
    free: ClassVar[bool] = True

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return column if engine == "sqlite" else f"{column}::text"

    @override
    def digest(self, column: str, engine: EngineName) -> str:
        text = self.text(column, engine)
        return no_bytes(column, text) if engine == "sqlite" else text

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" else f"CAST({given} AS {self.type_})"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        names = ", ".join("'" + one.replace("'", "''") + "'" for one in self.names)
        wrong = f"typeof({column}) NOT IN ('text', 'null') OR ifnull({column} NOT IN ({names}), 0)"
        return (Fault(wrong, "isn't one of the names that the target's type has"),)

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        return set(values) <= set(self.names)


def unlike_postgresql(column: str, *stored: str) -> tuple[Fault, ...]:
    """What SQLite has as text that PostgreSQL can't have at all, and what isn't stored like these (`text` ...)."""
    classes = ", ".join(f"'{one}'" for one in (*stored, "null"))
    return (
        Fault(f"typeof({column}) NOT IN ({classes})", "isn't text, in a column of text"),
        Fault(
            f"instr(CAST({column} AS BLOB), x'00') > 0 AND typeof({column}) = 'text'",
            "holds U+0000, which PostgreSQL can't",
        ),
        Fault(f"typeof({column}) = 'text' AND NOT crossfade_utf8(CAST({column} AS BLOB))", "isn't UTF-8"),
    )


def utf8(stored: bytes | None) -> bool:
    """Whether bytes are UTF-8. SQLite asks of NULL, too, whatever stands before."""
    try:
        (stored or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
