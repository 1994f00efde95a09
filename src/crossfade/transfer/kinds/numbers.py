"""Numbers: integers, booleans, floats, decimals."""

import math
import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal as Exact
from decimal import InvalidOperation
from fractions import Fraction
from typing import Any, ClassVar, Final

from typing_extensions import override

from crossfade.transfer.kinds.meaning import EngineName, Fault, Kind
from crossfade.transfer.kinds.storage import bad, is_bad, numbers_alone, read, through

_EXACT_INTEGER: Final = 2**53
_BITS: Final = 64
_CODES: Final[Mapping[int, str]] = {16: "h", 32: "i", 64: "q"}
_WIDEST: Final = 2 ** (_BITS - 1)
_NUMERIC: Final = ("text", "integer", "real")
_DIGITS: Final = 16_000
"""PostgreSQL's decimals have no more digits after the point."""
_ALL_WHOLE: Final = 2.0**49
"""From here on, and not below 1e-5 or so, Python's and PostgreSQL's digits of a float may differ."""
_MOST_DIGITS: Final = 17
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
    def digest(self, column: str, engine: EngineName) -> str:
        text = self.text(column, engine)
        return numbers_alone(column, text) if engine == "sqlite" else text

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return f"CAST({given} AS {'INTEGER' if engine == 'sqlite' else 'BIGINT'})"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        top = 2 ** (self.bits - 1) - 1
        wide = f"typeof({column}) = 'integer' AND NOT {column} BETWEEN {-top} - 1 AND {top}"
        return (
            Fault(f"typeof({column}) NOT IN ('integer', 'null')", "isn't an integer, in a column of integers"),
            *((Fault(wide, f"has no room in the target's column of {self.bits} bits"),) if self.bits < _BITS else ()),
        )

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        # One pass in C: other types and numbers without room are errors.
        return len(array(_CODES[self.bits], values)) == len(values)


@dataclass(frozen=True)
class Boolean(Kind):
    """Yes or no: `1` or `0`."""

    name: ClassVar[str] = "boolean"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        return f"CAST({column} AS TEXT)" if engine == "sqlite" else f"{column}::int::text"

    @override
    def digest(self, column: str, engine: EngineName) -> str:
        text = self.text(column, engine)
        return numbers_alone(column, text) if engine == "sqlite" else text

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        return f"CAST({given} AS {'INTEGER' if engine == 'sqlite' else 'BOOLEAN'})"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        # SQLAlchemy reads any other value as true, the text 'false' too: nobody can tell what was meant.
        wrong = f"typeof({column}) NOT IN ('integer', 'null') OR ifnull({column} NOT IN (0, 1), 0)"
        return (Fault(wrong, "is neither 1 nor 0, in a column of booleans"),)

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        return set(map(type, values)) == {int} and set(values) <= {0, 1}


@dataclass(frozen=True)
class Float(Kind):
    """A binary floating point number, exactly. `single`: PostgreSQL's column has four bytes."""

    single: bool
    name: ClassVar[str] = "float"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return through("crossfade_float({})", column, "real", "integer")
        return f"{column}::float8::text"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        # SQLite's own reading of digits is off by a bit at times.
        return f"crossfade_real({given})" if engine == "sqlite" else f"CAST({given} AS DOUBLE PRECISION)"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        faults = [Fault(is_bad(self.text(column, "sqlite")), "isn't a number that a float can be")]
        if self.single:
            doubled = through("crossfade_doubled({})", column, "real", "integer")
            faults.append(Fault(f"ifnull({doubled} = 1, 0)", "has more digits than a float of four bytes"))
        return faults

    @override
    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
        return (
            Fault(f"coalesce({column} = 'NaN', false)", "is NaN, which SQLite stores as NULL"),
            Fault(f"coalesce({column} = 0 AND {column}::text = '-0', false)", "is -0, whose sign SQLite drops"),
        )

    @override
    def plain(self, values: Sequence[Any]) -> bool:
        return not self.single and set(map(type, values)) == {float}


@dataclass(frozen=True)
class Decimal(Kind):
    """A decimal number without zeros at its end. SQLite has it as text (`written`), or as an integer or a float."""

    precision: int | None
    scale: int | None
    written: bool = False
    name: ClassVar[str] = "decimal"

    @override
    def text(self, column: str, engine: EngineName) -> str:
        if engine == "sqlite":
            return through("crossfade_decimal({})", column, *_NUMERIC)
        return f"trim_scale({column})::text"

    @override
    def stored(self, given: str, engine: EngineName) -> str:
        if engine == "postgresql":
            return f"CAST({given} AS NUMERIC)"
        return given if self.written else f"crossfade_number({given})"

    @override
    def unfit_for_postgresql(self, column: str) -> Sequence[Fault]:
        return Fault(is_bad(self.text(column, "sqlite")), "isn't a decimal number"), *self._without_room(column)

    @override
    def unfit_for_sqlite(self, column: str) -> Sequence[Fault]:
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

    def _without_room(self, column: str) -> tuple[Fault, ...]:
        if self.precision is None:
            return ()
        scale = self.scale or 0
        fits = through(f"crossfade_room({{}}, {self.precision}, {scale})", column, *_NUMERIC)
        return (
            Fault(f"ifnull({fits} = 1, 0)", f"has more digits after the point than the {scale} of the target's column"),
            Fault(
                f"ifnull({fits} = 2, 0)",
                f"has more digits before the point than the {self.precision - scale} of the target's column",
            ),
        )


def float_text(value: float) -> str:
    """A float as PostgreSQL writes it: the fewest digits that mean this very number."""
    if isinstance(value, int):
        if abs(value) > _EXACT_INTEGER:
            return bad(value)
        value = float(value)
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value)
    if abs(value) < _ALL_WHOLE:
        return text.removesuffix(".0")
    for more in range(len(_digits(text)), _MOST_DIGITS):
        # Python reads a number half-way between two floats as the even one; PostgreSQL doesn't count on that.
        if not _between(text, value):
            break
        text = f"{value:.{more}e}"
    digits, exponent = _digits(text), Exact(text).adjusted()
    if exponent < _FIXED_DIGITS:
        return format(Exact(text), "f").removesuffix(".0")
    point = "." + digits[1:] if len(digits) > 1 else ""
    return f"{'-' if value < 0 else ''}{digits[0]}{point}e+{exponent}"


def _digits(text: str) -> str:
    return "".join(map(str, Exact(text).normalize().as_tuple().digits))


def _between(text: str, value: float) -> bool:
    neighbours = (math.nextafter(value, end) for end in (-math.inf, math.inf))
    return any(2 * Fraction(text) == Fraction(value) + Fraction(one) for one in neighbours if math.isfinite(one))


def real(text: str | None) -> float | None:
    """The float of a canonical text."""
    return None if text is None else float(text)


def doubled(value: float) -> bool:
    """Whether a number would lose digits in four bytes."""
    if math.isinf(value):
        return False
    try:
        (kept,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return True
    return bool(kept != value)


def decimal_text(value: bytes | float) -> str:
    """A decimal without exponent and without zeros at its end."""
    exact = _exact(value)
    return bad(value) if exact is None else _plain(exact)


def number(text: str | None) -> int | float | None:
    """What SQLite stores for a canonical decimal: an integer where there is no fraction, else the nearest float."""
    if text is None:
        return None
    exact = Exact(text)
    whole = exact == exact.to_integral_value() and -_WIDEST <= exact < _WIDEST
    return int(exact) if whole else float(exact)


def room(value: bytes | float, precision: int, scale: int) -> int:
    """Whether a decimal fits its column: 0 does, 1 too many digits after the point, 2 too many before it."""
    exact = _exact(value)
    if exact is None:
        return 0
    before, _, after = _plain(exact).lstrip("-").partition(".")
    if len(after) > scale:
        return 1
    return 2 if len(before.lstrip("0")) > precision - scale else 0


def _exact(value: bytes | float) -> Exact | None:
    text = repr(value)
    try:
        exact = Exact(read(value) if isinstance(value, bytes) else text)
    except (InvalidOperation, ValueError):
        return None
    return exact if exact.is_finite() and abs(exact.adjusted()) < _DIGITS else None


def _plain(exact: Exact) -> str:
    text = format(exact, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
