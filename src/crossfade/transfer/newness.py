"""Which of two rows is the newer one: by a column of each table, as policy `newest` is told.

It is told `updated_at`, or `updated_at,orders.changed`: a name alone is for every table that has such a column, one
with a table's name before it for that table. What becomes of rows is left to `merging`.
"""

from collections.abc import Collection, Mapping

from crossfade.errors import SelectionError
from crossfade.transfer.kinds import EngineName
from crossfade.transfer.kinds.moments import Date, Instant
from crossfade.transfer.kinds.numbers import Integer
from crossfade.transfer.shapes import Column, Shape

DEFAULT = "updated_at"
_SAID = "write COLUMN, TABLE.COLUMN, or several with commas between them"


def ensure_known(newest_by: str, shapes: Collection[Shape]) -> None:
    """Raises SelectionError for a column that none of the tables has, or whose values have no before and after."""
    common, own = _read(newest_by)
    for table, name in own.items():
        meant = [shape for shape in shapes if table in {shape.name, shape.bare}]
        if not meant:
            raise SelectionError(reason=f"--newest-by {table}.{name}: no table {table} is copied")
        _ensure_any(f"{table}.{name}", name, meant)
    if common is not None:
        _ensure_any(common, common, shapes)


def column_of(shape: Shape, newest_by: str) -> Column | None:
    """The column of a table that says which row is newer; None if it has none. Raises SelectionError."""
    common, own = _read(newest_by)
    name = own.get(shape.name) or own.get(shape.bare) or common or DEFAULT
    found = next((one for one in shape.columns if one.name == name), None)
    return found if found is not None and _tells(found) else None


def is_later(column: Column, here: bytes | None, there: bytes | None) -> bool:
    """Whether one canonical text of a column is later than the other. No value is earlier than any."""
    if here is None or there is None:
        return here is not None
    return int(here) > int(there) if isinstance(column.kind, Integer) else here > there


def comparable(column: Column, alias: str, engine: EngineName) -> str:
    """SQL: what of a row is compared. Text of SQLite's may say one instant in several ways."""
    value = f"{alias}.{column.quoted}"
    return column.kind.text(value, engine) if engine == "sqlite" and not isinstance(column.kind, Integer) else value


def _read(newest_by: str) -> tuple[str | None, Mapping[str, str]]:
    """The column for all tables, if one is named, and those of single tables."""
    common, own = None, {}
    for one in newest_by.split(","):
        table, dot, name = one.strip().rpartition(".")
        if not name or bool(dot) != bool(table) or (not dot and common is not None) or table in own:
            raise SelectionError(reason=f"--newest-by {newest_by}: {_SAID}")
        if table:
            own[table] = name
        else:
            common = name
    return common, own


def _ensure_any(said: str, name: str, shapes: Collection[Shape]) -> None:
    found = [one for shape in shapes for one in shape.columns if one.name == name]
    if not found:
        raise SelectionError(reason=f"--newest-by {said}: there is no such column in what is copied")
    if not any(map(_tells, found)):
        reason = f"it is of the type {found[0].kind.described}, which doesn't say what came later"
        raise SelectionError(reason=f"--newest-by {said}: {reason}; name a column of moments, dates or whole numbers")


def _tells(column: Column) -> bool:
    return isinstance(column.kind, Instant | Date | Integer)
