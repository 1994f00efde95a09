"""Numbers: integers, booleans, floats, decimals."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal as Exact
from decimal import InvalidOperation
from typing import ClassVar, Final

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind, bad, is_bad

_EXACT_INTEGER: Final = 2**53
_WIDEST: Final = 2**63
_FIXED_DIGITS: Final = 15
"""PostgreSQL writes floats from 1e15 on with an exponent, Python from 1e16 on."""


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number of `bits` bits, as PostgreSQL's column has room for; SQLite's always has room for 64."""

    bits: int
    name: ClassVar[str] = "integer"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return f"CAST({column} AS TEXT)"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return f"CAST({given} AS {'INTEGER' if engine == 'sqlite' else 'BIGINT'})"

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target or source == "postgresql":
            return ()
        top = 2 ** (self.bits - 1) - 1
        wide = f"typeof({column}) = 'integer' AND NOT {column} BETWEEN {-top} - 1 AND {top}"
        return (
            Fault(f"typeof({column}) NOT IN ('integer', 'null')", "isn't an integer, in a column of integers"),
            *((Fault(wide, f"has no room in the target's column of {self.bits} bits"),) if self.bits < 64 else ()),
        )


@dataclass(frozen=True)
class Boolean(Kind):
    """Yes or no: `1` or `0`."""

    name: ClassVar[str] = "boolean"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return f"CAST({column} AS TEXT)" if engine == "sqlite" else f"{column}::int::text"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return f"CAST({given} AS {'INTEGER' if engine == 'sqlite' else 'BOOLEAN'})"

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target or source == "postgresql":
            return ()
        # SQLAlchemy reads any other value as true, the text 'false' too: nobody can tell what was meant.
        return (Fault(f"ifnull({column} NOT IN (0, 1), 0)", "is neither 1 nor 0, in a column of booleans"),)


@dataclass(frozen=True)
class Float(Kind):
    """A binary floating point number, exactly. `single`: PostgreSQL's column has four bytes."""

    single: bool
    name: ClassVar[str] = "float"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return f"crossfade_float({column})" if engine == "sqlite" else f"{column}::float8::text"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        # SQLite's own reading of digits is off by a bit at times.
        return f"crossfade_real({given})" if engine == "sqlite" else f"CAST({given} AS DOUBLE PRECISION)"

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target:
            return ()
        if source == "postgresql":
            return (Fault(f"coalesce({column}::float8 = 'NaN', false)", "is NaN, which SQLite stores as NULL"),)
        return (
            Fault(is_bad(f"crossfade_float({column})"), "isn't a number that a float can be"),
            *((Fault(f"crossfade_doubled({column})", "has more digits than four bytes hold"),) if self.single else ()),
        )


@dataclass(frozen=True)
class Decimal(Kind):
    """A decimal number, normalised: no zeros at the end. SQLite has it as text (`written`), or as an integer or float."""

    precision: int | None
    scale: int | None
    written: bool = False
    name: ClassVar[str] = "decimal"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return f"crossfade_decimal({column})" if engine == "sqlite" else f"trim_scale({column})::text"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        if engine == "postgresql":
            return f"CAST({given} AS NUMERIC)"
        return given if self.written else f"crossfade_number({given})"

    @override
    def faults(self, column: str, *, source: EngineName, target: EngineName) -> Sequence[Fault]:
        if source == target:
            return ()
        if source == "sqlite":
            room = f"crossfade_room({column}, {_or_null(self.precision)}, {_or_null(self.scale)})"
            return (
                Fault(is_bad(f"crossfade_decimal({column})"), "isn't a decimal number"),
                Fault(f"{room} = 1", f"has more digits after the point than the target's column ({self.scale})"),
                Fault(f"{room} = 2", "has more digits before the point than the target's column"),
            )
        special = Fault(f"coalesce({column}::text IN ('NaN', 'Infinity', '-Infinity'), false)", "is no finite number")
        if self.written:
            return (special,)
        lost = (
            f"CASE WHEN {column} IS NULL OR {column}::text IN ('NaN', 'Infinity', '-Infinity') THEN false"
            f" WHEN {column} = trunc({column}) AND abs({column}) < {_WIDEST} THEN false"
            f" WHEN abs({column}) >= 1e300 OR ({column} <> 0 AND abs({column}) < 1e-290) THEN true"
            f" ELSE {column}::float8::numeric <> {column} END"
        )
        return special, Fault(lost, "has more digits than a number of SQLite holds")


def float_text(value: object) -> str | None:
    """A float as PostgreSQL writes it: the fewest digits that mean this very number."""
    if isinstance(value, int):
        if abs(value) > _EXACT_INTEGER:
            return bad(value)
        value = float(value)
    if not isinstance(value, float):
        return None if value is None else bad(value)
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    if text.endswith(".0"):
        text = text[:-2]
        digits = text.lstrip("-")
        if len(digits) > _FIXED_DIGITS:
            mantissa = digits.rstrip("0")
            point = "." + mantissa[1:] if len(mantissa) > 1 else ""
            return f"{'-' if value < 0 else ''}{mantissa[0]}{point}e+{len(digits) - 1}"
    return text


def real(text: str | None) -> float | None:
    """The float of a canonical text."""
    return None if text is None else float(text)


def doubled(value: object) -> bool:
    """Whether a float would lose digits in four bytes."""
    if not isinstance(value, int | float) or math.isinf(value):
        return False
    try:
        (kept,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return True
    return bool(kept != value)


def decimal_text(value: object) -> str | None:
    """A decimal without exponent and without zeros at its end."""
    if value is None:
        return None
    exact = _exact(value)
    return bad(value) if exact is None else _plain(exact)


def number(text: str | None) -> int | float | None:
    """What SQLite stores for a canonical decimal: an integer where there is no fraction, else the nearest float."""
    if text is None:
        return None
    exact = Exact(text)
    whole = exact == exact.to_integral_value() and -_WIDEST <= exact < _WIDEST
    return int(exact) if whole else float(exact)


def room(value: object, precision: int | None, scale: int | None) -> int:
    """Whether a decimal fits its column: 0 does, 1 too many digits after the point, 2 too many before it."""
    exact = _exact(value)
    if exact is None or precision is None:
        return 0
    before, _, after = _plain(exact).lstrip("-").partition(".")
    if len(after) > (scale or 0):
        return 1
    return 2 if len(before.lstrip("0")) > precision - (scale or 0) else 0


def _exact(value: object) -> Exact | None:
    if isinstance(value, float):
        value = repr(value)
    try:
        exact = Exact(value) if isinstance(value, int | str) else None
    except InvalidOperation:
        return None
    return exact if exact is not None and exact.is_finite() else None


def _plain(exact: Exact) -> str:
    text = format(exact, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _or_null(value: int | None) -> str:
    return "NULL" if value is None else str(value)
