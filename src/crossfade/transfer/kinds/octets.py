"""Bytes, and the identifiers that are 16 of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from uuid import UUID

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind
from crossfade.transfer.kinds.storage import bad, is_bad, read, stand_in, through

Form = Literal["native", "hex", "hyphens"]


@dataclass(frozen=True)
class Binary(Kind):
    r"""Bytes: `\x` and their hexadecimal digits."""

    name: ClassVar[str] = "binary"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            digits = f"'\\x' || lower(hex({column}))"
            return f"CASE WHEN {column} >= x'' THEN {digits} WHEN {column} IS NOT NULL THEN {stand_in(column)} END"
        return f"('\\x' || encode({column}, 'hex'))"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return f"crossfade_bytes({given})" if engine == "sqlite" else f"CAST({given} AS BYTEA)"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        return (Fault(f"typeof({column}) NOT IN ('blob', 'null')", "isn't bytes, in a column of bytes"),)

    @override
    def seen(self, column: str) -> str:
        return f"nullif(typeof({column}), 'null')"

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        return set(values) == {"blob"}


@dataclass(frozen=True)
class Uuid(Kind):
    """A UUID: 32 hexadecimal digits in lower case, however each engine writes it.

    `loose`: SQLite's column makes a number of what looks like one, as it does in those that are declared UUID.
    """

    sqlite: Form = "hex"
    postgresql: Form = "native"
    loose: bool = False
    name: ClassVar[str] = "uuid"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return through("crossfade_uuid({})", column, "text")
        return f"replace(lower({column}::text), '-', '')"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        form = self.sqlite if engine == "sqlite" else self.postgresql
        if form == "native":
            return f"CAST({given} AS UUID)"
        if form == "hyphens":
            return f"crossfade_hyphens({given})" if engine == "sqlite" else f"CAST(CAST({given} AS UUID) AS TEXT)"
        return given

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        return (Fault(is_bad(self.text(column, "sqlite")), "isn't a UUID"),)

    @override
    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
        if not self.loose or self.sqlite == "hyphens":
            return ()
        number = f"coalesce({self.text(column, 'postgresql')} ~ '^[0-9]+(e[0-9]+)?$', false)"
        return (Fault(number, "looks like a number, which SQLite's column would make of it"),)


def uuid_text(stored: bytes) -> str:
    """A UUID as it was stored on SQLite: with hyphens or without, in any case."""
    try:
        return UUID(read(stored)).hex
    except ValueError:
        return bad(stored)


def hyphenated(text: str | None) -> str | None:
    """The usual writing of a canonical text."""
    return None if text is None else str(UUID(text))


def from_hex(text: str | None) -> bytes | None:
    """The bytes of a canonical text."""
    return None if text is None else bytes.fromhex(text[2:])
