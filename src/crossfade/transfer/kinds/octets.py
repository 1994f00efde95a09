"""Bytes, and the identifiers that are 16 of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal
from uuid import UUID

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind, bad, is_bad

Form = Literal["native", "hex", "hyphens"]


@dataclass(frozen=True)
class Binary(Kind):
    r"""Bytes: `\x` and their hexadecimal digits."""

    name: ClassVar[str] = "binary"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return f"CASE WHEN {column} IS NOT NULL THEN '\\x' || lower(hex({column})) END"
        return f"('\\x' || encode({column}, 'hex'))"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return f"crossfade_bytes({given})" if engine == "sqlite" else f"CAST({given} AS BYTEA)"

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target or source == "postgresql":
            return ()
        return (Fault(f"typeof({column}) NOT IN ('blob', 'null')", "isn't bytes, in a column of bytes"),)


@dataclass(frozen=True)
class Uuid(Kind):
    """A UUID: 32 hexadecimal digits in lower case, however each engine writes it."""

    sqlite: Form = "hex"
    postgresql: Form = "native"
    name: ClassVar[str] = "uuid"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return f"crossfade_uuid({column})"
        return f"replace(lower({column}::text), '-', '')"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        form = self.sqlite if engine == "sqlite" else self.postgresql
        if form == "native":
            return f"CAST({given} AS UUID)"
        if form == "hyphens":
            parts = [f"substr({given}, {start}, {size})" for start, size in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
            return "(" + " || '-' || ".join(parts) + ")"
        return given

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target or source == "postgresql":
            return ()
        return (Fault(is_bad(f"crossfade_uuid({column})"), "isn't a UUID"),)


def uuid_text(value: object) -> str | None:
    """A UUID as it was stored on SQLite: with hyphens or without, in any case."""
    if value is None:
        return None
    try:
        return UUID(value).hex if isinstance(value, str) else bad(value)
    except ValueError:
        return bad(value)


def from_hex(text: str | None) -> bytes | None:
    """The bytes of a canonical text."""
    return None if text is None else bytes.fromhex(text[2:])
