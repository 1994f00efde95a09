"""How values cross between the engines in cheaper ways than as their canonical texts.

PostgreSQL's input reads more than one text of a value, so what SQLite has in a form that it reads as that very value
may go as it is. And what the drivers of both engines hold exactly, in a type of Python's, needs no text. All of it is
for values that the scan before a copy has found to be good.
"""

from dataclasses import dataclass

from crossfade.transfer.kinds import Kind
from crossfade.transfer.kinds.moments import Date, Instant, Time
from crossfade.transfer.kinds.numbers import Boolean, Decimal, Float, Integer
from crossfade.transfer.kinds.octets import Binary, Uuid
from crossfade.transfer.pictures import DIGITS

_DAY, _CLOCK = "????-??-??", "??:??:??.??????"
_HYPHENATED = "-".join("?" * digits for digits in (8, 4, 4, 4, 12))


@dataclass(frozen=True)
class Crossing:
    """How the values of a column get from PostgreSQL to SQLite."""

    selected: str
    """SQL on PostgreSQL: gives an int, a float, bytes or a str."""
    inserted: str
    """SQL on SQLite, with the placeholder: what is stored."""


def copied(kind: Kind, column: str) -> str:
    """SQL on SQLite: what PostgreSQL's COPY reads as the value of a (quoted) column."""
    text = kind.text(column, "sqlite")
    match kind:
        case Integer() | Boolean():
            return column
        case Instant():
            # A good value of this shape has nothing but digits in it, and perhaps an offset, which PostgreSQL reads.
            return _as_it_is(f"{column} GLOB '{_DAY} {_CLOCK}'", column, text)
        case Date():
            return _as_it_is(f"{column} GLOB '{_DAY}'", column, text)
        case Time():
            return _as_it_is(f"{column} GLOB '{_CLOCK}'", column, text)
        case Decimal():
            return _as_it_is(f"typeof({column}) = 'integer'", column, text)
        case Float():
            return f"CASE WHEN typeof({column}) = 'real' THEN {DIGITS}({column}) ELSE {text} END"
        case Uuid(postgresql="native"):
            return _as_it_is(f"length({column}) = 32 OR {column} GLOB '{_HYPHENATED}'", column, text)
        case Uuid(postgresql="hyphens"):
            return f"crossfade_hyphens({text})"
        case _:
            return text


def crossing(kind: Kind, column: str, placeholder: str) -> Crossing:
    """How the values of a (quoted) column get from PostgreSQL to SQLite, into a placeholder."""
    match kind:
        case Integer():
            return Crossing(f"{column}::int8", placeholder)
        case Boolean():
            return Crossing(f"{column}::int4", placeholder)
        case Float():
            return Crossing(f"{column}::float8", placeholder)
        case Binary():
            return Crossing(column, placeholder)
        case _:
            return Crossing(f"({kind.text(column, 'postgresql')})::text", kind.stored(placeholder, "sqlite"))


def _as_it_is(condition: str, column: str, text: str) -> str:
    return f"CASE WHEN {condition} THEN {column} ELSE {text} END"
