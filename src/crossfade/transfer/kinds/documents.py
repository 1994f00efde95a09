"""Text and what is written as text: strings, names of enumerations, JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Final

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind, bad, is_bad

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CONTROL: Final = {chr(code): f"\\u{code:04x}" for code in range(0x20)} | _ESCAPES
_TABLE: Final = str.maketrans(_CONTROL)
NOT_UTF8: Final = "isn't UTF-8"
HAS_NUL: Final = "holds U+0000, which PostgreSQL's text can't"


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
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" else f"CAST({given} AS TEXT)"

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target or source == "postgresql":
            return ()
        faults = [*_foreign_to_text(column)]
        if self.length is not None:
            long = f"typeof({column}) = 'text' AND length({column}) > {self.length}"
            faults.append(Fault(long, f"is longer than the {self.length} characters of the target's column"))
        if self.padded:
            blanks = f"typeof({column}) = 'text' AND rtrim({column}, ' ') <> {column}"
            faults.append(Fault(blanks, "ends with blanks, which a column of fixed length drops"))
        return faults


@dataclass(frozen=True)
class Enumerated(Kind):
    """One of some names. `type_`: PostgreSQL's own type, which takes no other; without it the column is text."""

    names: tuple[str, ...]
    type_: str | None
    length: int | None
    name: ClassVar[str] = "enum"
    free: ClassVar[bool] = True

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return f"{column}::text" if engine == "postgresql" and self.type_ else column

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" else f"CAST({given} AS {self.type_ or 'TEXT'})"

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target or source == "postgresql":
            return ()
        if self.type_ is None:
            return Text(self.length).faults(column, source=source, target=target)
        names = ", ".join("'" + one.replace("'", "''") + "'" for one in self.names)
        return (Fault(f"ifnull({column} NOT IN ({names}), 0)", "isn't one of the names that the column may hold"),)


@dataclass(frozen=True)
class Json(Kind):
    """A document. `parsed`: PostgreSQL has it as jsonb, so that it is its meaning that is kept; otherwise its text is."""

    parsed: bool
    name: ClassVar[str] = "json"
    free: ClassVar[bool] = True

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "postgresql":
            return f"{column}::text"
        return f"crossfade_json({self._whole(column)})" if self.parsed else column

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" else f"CAST({given} AS {'JSONB' if self.parsed else 'JSON'})"

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target or source == "postgresql":
            return ()
        reason = "isn't JSON that PostgreSQL takes"
        return (
            *_foreign_to_text(column),
            Fault(is_bad(f"crossfade_json({self._whole(column)})"), reason),
        )

    def _whole(self, column: str) -> str:
        return f"CAST({column} AS BLOB)"


def json_text(value: bytes | None) -> str | None:
    """A document as jsonb writes it. Bad: what jsonb refuses, or would change."""
    if value is None:
        return None
    try:
        read = json.loads(
            value.decode(), object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_refused
        )
        return _written(read)
    except (ValueError, RecursionError):
        return bad(value)


def utf8(value: bytes | None) -> bool:
    """Whether bytes are UTF-8."""
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


class _Number(str):
    """A number, in jsonb's digits."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key twice")
    return made


def _number(digits: str) -> _Number:
    exact = Decimal(digits)
    if exact.is_zero() and exact.is_signed():
        raise ValueError("negative zero")
    return _Number(format(exact, "f"))


def _refused(name: str) -> object:
    raise ValueError(name)


def _written(value: object) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
        return "{" + ", ".join(f"{_quoted(key)}: {_written(one)}" for key, one in ordered) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(one) for one in value) + "]"
    return {True: "true", False: "false", None: "null"}[value]  # type: ignore[index]  # JSON has no other


def _quoted(text: str) -> str:
    # U+0000 and lone surrogates have no place in jsonb: the latter fail to encode, the former is looked for.
    if "\x00" in text:
        raise ValueError("U+0000")
    text.encode()
    return '"' + text.translate(_TABLE) + '"'


def _foreign_to_text(column: str) -> tuple[Fault, ...]:
    return (
        Fault(f"typeof({column}) NOT IN ('text', 'null')", "isn't text, in a column of text"),
        Fault(f"instr(CAST({column} AS BLOB), x'00') > 0 AND typeof({column}) = 'text'", HAS_NUL),
        Fault(f"typeof({column}) = 'text' AND NOT crossfade_utf8(CAST({column} AS BLOB))", NOT_UTF8),
    )
