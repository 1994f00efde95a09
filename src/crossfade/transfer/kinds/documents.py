"""Text and what is written as text: strings, names of enumerations, JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind, bad, is_bad, read, through

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
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        faults = [*_foreign_to_text(column)]
        if self.length is not None:
            long = f"typeof({column}) = 'text' AND length({column}) > {self.length}"
            faults.append(Fault(long, f"is longer than the {self.length} characters of the target's column"))
        if self.padded:
            blanks = f"typeof({column}) = 'text' AND rtrim({column}, ' ') <> {column}"
            faults.append(Fault(blanks, "ends with blanks, which a column of fixed length drops"))
        return faults

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        # Joining tells of values that aren't text, and the driver has told of those that aren't UTF-8.
        joined = "".join(values)
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


@dataclass(frozen=True)
class Json(Kind):
    """A document. `parsed`: PostgreSQL has it as jsonb, so that its meaning is kept; otherwise its text is."""

    parsed: bool
    name: ClassVar[str] = "json"
    free: ClassVar[bool] = True

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "postgresql":
            return f"{column}::text"
        return self._read(column) if self.parsed else column

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" else f"CAST({given} AS {'JSONB' if self.parsed else 'JSON'})"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        return *_foreign_to_text(column), Fault(
            is_bad(self._read(column)), "isn't JSON as PostgreSQL takes it unchanged"
        )

    def _read(self, column: str) -> str:
        return through("crossfade_jsonb({})" if self.parsed else "crossfade_json({})", column, "text")


def jsonb_text(stored: bytes) -> str:
    """A document as jsonb writes it. Bad: what jsonb refuses, or would change."""
    try:
        parsed = json.loads(
            read(stored), object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_refused
        )
        return _written(parsed)
    except (ValueError, ArithmeticError, RecursionError):
        return bad(stored)


def json_text(stored: bytes) -> str:
    """A document as it is. Bad: what isn't JSON by the standard, which Python takes and PostgreSQL doesn't."""
    try:
        text = read(stored)
        json.loads(text, parse_constant=_refused, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return bad(stored)
    return text


def utf8(stored: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        stored.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Number:
    digits: str
    """As jsonb writes them."""


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
        return value.digits
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
