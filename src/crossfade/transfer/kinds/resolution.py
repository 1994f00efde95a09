"""Which kind a column's type is: what each engine makes of the type decides, not the class that a model names."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeDecorator, TypeEngine

from crossfade.transfer.kinds.documents import Json
from crossfade.transfer.kinds.meaning import EngineName, Kind
from crossfade.transfer.kinds.moments import Date, Instant, Interval, Time
from crossfade.transfer.kinds.numbers import Boolean, Decimal, Float, Integer
from crossfade.transfer.kinds.octets import Binary, Form, Uuid
from crossfade.transfer.kinds.opaque import Opaque
from crossfade.transfer.kinds.texts import Enumerated, Text

_DIALECTS: Final[Mapping[EngineName, Dialect]] = {
    "sqlite": make_url("sqlite://").get_dialect()(),
    "postgresql": make_url("postgresql+psycopg://").get_dialect()(),
}
_HEX_DIGITS: Final = 32
_SINGLE: Final = 24
"""PostgreSQL gives FLOAT(p) four bytes up to here."""


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
    if _span(there):
        return Interval() if isinstance(here, types.Interval) else None
    if _identifier(there) or isinstance(here, types.Uuid):
        return _uuid(here, there)
    if isinstance(there, types.JSON):
        known = isinstance(here, types.JSON | types.String)
        return Json(isinstance(there, postgresql.JSONB), _loose(here)) if known else None
    if isinstance(here, types.Enum) or isinstance(there, types.Enum):
        return _enumerated(here, there)
    if isinstance(there, types.Numeric) and not isinstance(there, types.Float) and _written(here):
        return Decimal(there.precision, there.scale, written=True)
    one, other = _alone(here), _alone(there)
    # What room there is, only PostgreSQL says: SQLite doesn't look at lengths and widths.
    return other if type(one) is type(other) else None


def _alone(type_: TypeEngine[Any]) -> Kind | None:
    match type_:
        case types.Boolean():
            return Boolean()
        case types.Integer():
            return Integer(
                16 if isinstance(type_, types.SmallInteger) else 64 if isinstance(type_, types.BigInteger) else 32
            )
        case types.Float():
            return Float(_four_bytes(type_))
        case types.Numeric():
            return Decimal(type_.precision, type_.scale)
        case types.DateTime():
            return Instant(type_.timezone)
        case types.Date():
            return Date()
        case types.Time():
            return Time(type_.timezone)
        case types.String():
            padded = (_named(type_) or "").startswith(("CHAR", "NCHAR"))
            return Text(type_.length or 1 if padded else type_.length, padded)
        case types._Binary():  # noqa: SLF001  all types of bytes have nothing else in common
            return Binary()
        case _:
            return None


def _four_bytes(type_: types.Float[Any]) -> bool:
    return _named(type_) == "REAL" or (type_.precision is not None and type_.precision <= _SINGLE)


def _loose(here: TypeEngine[Any]) -> bool:
    """Whether a column of SQLite makes a number of text that looks like one."""
    declared = (_named(here, "sqlite") or "").upper()
    return not any(part in declared for part in ("CHAR", "CLOB", "TEXT", "BLOB"))


def _span(there: TypeEngine[Any]) -> bool:
    return isinstance(there, types.Interval | postgresql.INTERVAL)


def _identifier(there: TypeEngine[Any]) -> bool:
    return isinstance(there, types.Uuid)


def _uuid(here: TypeEngine[Any], there: TypeEngine[Any]) -> Kind | None:
    if not isinstance(here, types.Uuid | types.String) or not isinstance(there, types.Uuid | types.String):
        return None
    native = isinstance(there, types.UUID | postgresql.UUID) or getattr(there, "native_uuid", False)
    return Uuid(_form(here), "native" if native else _form(there), _loose(here))


def _form(type_: TypeEngine[Any]) -> Form:
    length = getattr(type_, "length", None)
    return "hyphens" if isinstance(type_, types.String) and length != _HEX_DIGITS else "hex"


def _enumerated(here: TypeEngine[Any], there: TypeEngine[Any]) -> Kind | None:
    if not isinstance(here, types.String) or not isinstance(there, types.String):
        return None
    if isinstance(there, types.Enum) and there.native_enum:
        return Enumerated(tuple(there.enums), there.compile(dialect=_DIALECTS["postgresql"]))
    return Text(there.length)


def _written(here: TypeEngine[Any]) -> bool:
    return isinstance(here, types.String)


def _named(type_: TypeEngine[Any], engine: EngineName = "postgresql") -> str | None:
    try:
        return type_.compile(dialect=_DIALECTS[engine])
    except (CompileError, NotImplementedError):
        return None
