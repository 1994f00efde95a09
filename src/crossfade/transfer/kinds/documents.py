"""Documents: JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Final

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind
from crossfade.transfer.kinds.storage import bad, is_bad, no_bytes, read, through
from crossfade.transfer.kinds.texts import unlike_postgresql

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CONTROL: Final = {chr(code): f"\\u{code:04x}" for code in range(0x20)} | _ESCAPES
_LIKE_A_NUMBER: Final = "^\\s*-?[0-9]"
_SAME_AS_A_NUMBER: Final = "^(0|-?[1-9][0-9]{0,17}|-?(0|[1-9][0-9]{0,9})[.][0-9]{0,3}[1-9])$"
_DIGITS_BEFORE: Final = 131_072
_DIGITS_AFTER: Final = 16_383
_TABLE: Final = str.maketrans(_CONTROL)


@dataclass(frozen=True)
class Json(Kind):
    """A document. `parsed`: PostgreSQL has it as jsonb, so that its meaning is kept; otherwise its text is.

    `loose`: SQLite's column makes a number of what looks like one, as it does in those that are declared JSON.
    """

    parsed: bool
    loose: bool = True
    name: ClassVar[str] = "json"
    free: ClassVar[bool] = True

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "postgresql":
            return f"{column}::text"
        if self.parsed:
            return self._read(column)
        return f"CASE typeof({column}) WHEN 'real' THEN crossfade_json({column}) ELSE CAST({column} AS TEXT) END"

    @override
    def digest(self, column: str, engine: EngineName) -> str:
        text = self.text(column, engine)
        return no_bytes(column, text) if engine == "sqlite" else text

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return given if engine == "sqlite" else f"CAST({given} AS {'JSONB' if self.parsed else 'JSON'})"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        wrong = Fault(is_bad(self._read(column)), "isn't JSON that PostgreSQL takes as it is")
        return *unlike_postgresql(column, "text", "integer", "real"), wrong

    @override
    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
        if not self.loose:
            return ()
        text = f"{column}::text"
        changed = f"{text} ~ '{_LIKE_A_NUMBER}' AND NOT {text} ~ '{_SAME_AS_A_NUMBER}'"
        return (Fault(f"coalesce({changed}, false)", "is a number that SQLite would write in another way"),)

    def _read(self, column: str) -> str:
        name = "crossfade_jsonb" if self.parsed else "crossfade_json"
        return through(f"{name}({{}})", column, "text", "integer", "real")


def jsonb_text(stored: bytes | float) -> str:
    """A document as jsonb writes it. Bad: what jsonb refuses, or would change."""
    try:
        text = read(stored) if isinstance(stored, bytes) else repr(stored)
        return _written(
            json.loads(text, object_pairs_hook=_object, parse_float=_number, parse_int=_whole, parse_constant=_refused)
        )
    except (ValueError, ArithmeticError, RecursionError):
        return bad(stored)


def json_text(stored: bytes | float) -> str:
    """A document as it is. Bad: what isn't JSON by the standard, which Python takes and PostgreSQL doesn't."""
    try:
        text = read(stored) if isinstance(stored, bytes) else repr(stored)
        json.loads(text, parse_constant=_refused, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return bad(stored)
    return text


@dataclass(frozen=True, slots=True)
class _Number:
    digits: str
    """As jsonb writes them."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key twice")
    return made


def _whole(digits: str) -> _Number:
    return _Number("0" if digits == "-0" else digits)


def _number(digits: str) -> _Number:
    exact = Decimal(digits)
    if exact.is_zero() and exact.is_signed():
        raise ValueError("jsonb drops the sign of -0.0")
    if not -_DIGITS_AFTER < exact.adjusted() < _DIGITS_BEFORE:
        raise ValueError("jsonb has no room for it")
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
