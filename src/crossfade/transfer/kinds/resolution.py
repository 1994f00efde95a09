"""Which kind a column's type is: what each engine makes of the type decides, not the class that a model names."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from functools import partial
from typing import Any, Final

from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeDecorator, TypeEngine

from crossfade.transfer.kinds.documents import Json
from crossfade.transfer.kinds.meaning import EngineName, Kind
from crossfade.transfer.kinds.moments import Date, Instant, Interval, Time, date_text, instant_text, time_text
from crossfade.transfer.kinds.numbers import Boolean, Decimal, Float, Integer
from crossfade.transfer.kinds.octets import Binary, Form, Uuid
from crossfade.transfer.kinds.opaque import Opaque
from crossfade.transfer.kinds.texts import Enumerated, Text

_DIALECTS: Final[Mapping[EngineName, Dialect]] = {
    "sqlite": make_url("sqlite://").get_dialect()(),
    "postgresql": make_url("postgresql+psycopg://").get_dialect()(),
}
_BITS: Final[Mapping[str, int]] = {"SMALLINT": 16, "BIGINT": 64}
_HEX_DIGITS: Final = 32
_SINGLE: Final = 24
"""PostgreSQL gives FLOAT(p) four bytes up to here."""

_EXAMPLES: Final[Mapping[type[Kind | None], tuple[Any, str, Callable[[bytes], str]]]] = {
    Instant: (
        datetime.fromisoformat("0001-02-03 04:05:06.000006"),
        "0001-02-03 04:05:06.000006",
        partial(instant_text, aware=0),
    ),
    Date: (date(1, 2, 3), "0001-02-03", date_text),
    Time: (time(4, 5, 6, 6), "04:05:06.000006", time_text),
}


def kind_of(type_: TypeEngine[Any]) -> Kind:
    """The kind of a column's type; what only one engine knows is a kind, too, which doesn't go to the other."""
    here, there = _made(type_, "sqlite"), _made(type_, "postgresql")
    return _pair(here, there) or Opaque(repr(type_), _named(there))


def _made(type_: TypeEngine[Any], engine: EngineName) -> TypeEngine[Any]:
    """What a type is on an engine: variants chosen, decorators taken off."""
    made = _variant(type_, engine)
    while isinstance(made, TypeDecorator) and not isinstance(made, types.Interval):
        made = _variant(made.load_dialect_impl(_DIALECTS[engine]), engine)
    return made


def _variant(type_: TypeEngine[Any], engine: EngineName) -> TypeEngine[Any]:
    # dialect_impl() would choose, too, but what it makes of a CHAR is a String.
    return type_._variant_mapping.get(engine, type_)  # noqa: SLF001  there is no public way to the variants alone


def _pair(here: TypeEngine[Any], there: TypeEngine[Any]) -> Kind | None:
    """The kind of two types that hold the same; None if they don't, or nobody knows."""
    if isinstance(here, types.Interval) and isinstance(there, types.Interval):
        return Interval(_digits(there.second_precision)) if there.native else Instant(aware=False)
    if isinstance(there, types.Uuid) or isinstance(here, types.Uuid):
        return _uuid(here, there)
    if isinstance(there, types.JSON):
        known = isinstance(here, types.JSON | types.String)
        return Json(isinstance(there, postgresql.JSONB), _loose(here)) if known else None
    if isinstance(there, types.Enum) and there.native_enum:
        known = isinstance(here, types.String)
        return Enumerated(tuple(there.enums), there.compile(dialect=_DIALECTS["postgresql"])) if known else None
    one, other = _alone(here), _alone(there)
    if isinstance(one, Text) and isinstance(other, Decimal):
        return Decimal(other.precision, other.scale, written=True)
    # What room there is, only PostgreSQL says: SQLite doesn't look at lengths and widths.
    return other if type(one) is type(other) and _read_back(here, one) else None


def _alone(type_: TypeEngine[Any]) -> Kind | None:
    match type_:
        case types.Boolean():
            return Boolean()
        case types.Integer():
            return Integer(_BITS.get(_named(type_) or "", 32))
        case types.Float():
            return Float(_four_bytes(type_))
        case types.Numeric():
            return Decimal(type_.precision, type_.scale)
        case types.DateTime():
            return Instant(type_.timezone, _digits(getattr(type_, "precision", None)))
        case types.Date():
            return Date()
        case types.Time():
            return Time(type_.timezone, _digits(getattr(type_, "precision", None)))
        case types.String():
            return Text(_length(type_), (_named(type_) or "").startswith(("CHAR", "NCHAR")))
        case types._Binary():  # noqa: SLF001  all types of bytes have nothing else in common
            return Binary()
        case _:
            return None


def _digits(precision: int | None) -> int:
    return 6 if precision is None else precision


def _length(type_: types.String) -> int | None:
    """How many characters PostgreSQL's column takes: TEXT takes any number, CHAR one, whatever else is said."""
    declared = _named(type_) or ""
    if declared in ("CHAR", "NCHAR"):
        return 1
    return type_.length if "(" in declared else None


def _four_bytes(type_: types.Float[Any]) -> bool:
    return _named(type_) == "REAL" or (type_.precision is not None and type_.precision <= _SINGLE)


def _read_back(here: TypeEngine[Any], kind: Kind | None) -> bool:
    """Whether what SQLAlchemy stores on SQLite is what the kind reads: a storage format may have been chosen."""
    if type(kind) not in _EXAMPLES:
        return True
    value, text, read = _EXAMPLES[type(kind)]
    write = here.dialect_impl(_DIALECTS["sqlite"]).bind_processor(_DIALECTS["sqlite"])
    said = write(value) if write else str(value)
    return isinstance(said, str) and read(said.encode()) in (text, text.replace("000006", "000000"))


def _loose(here: TypeEngine[Any]) -> bool:
    """Whether a column of SQLite makes a number of text that looks like one."""
    declared = (_named(here, "sqlite") or "").upper()
    return not any(part in declared for part in ("CHAR", "CLOB", "TEXT", "BLOB"))


def _uuid(here: TypeEngine[Any], there: TypeEngine[Any]) -> Kind | None:
    if not isinstance(here, types.Uuid | types.String) or not isinstance(there, types.Uuid | types.String):
        return None
    native = isinstance(there, types.UUID | postgresql.UUID) or getattr(there, "native_uuid", False)
    return Uuid(_form(here), "native" if native else _form(there), _loose(here))


def _form(type_: TypeEngine[Any]) -> Form:
    length = getattr(type_, "length", None)
    return "hyphens" if isinstance(type_, types.String) and length != _HEX_DIGITS else "hex"


def _named(type_: TypeEngine[Any], engine: EngineName = "postgresql") -> str | None:
    try:
        return type_.compile(dialect=_DIALECTS[engine])
    except (CompileError, NotImplementedError):
        return None
