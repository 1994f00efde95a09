"""Rows that would refer to nothing: what they refer to is left out of a copy, and isn't in the target either.

Both databases are asked in chunks, so memory stays the same however many references there are. References between
tables that are both carried are left to the databases, which check them when the rows are there.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from crossfade.errors import DanglingError
from crossfade.transfer.keys import literal
from crossfade.transfer.kinds import EngineName, Kind
from crossfade.transfer.plan import Plan
from crossfade.transfer.shapes import Reference, Shape, located, quoted
from crossfade.transfer.transactions import execute

_CHUNK = 2_000
_EXAMPLES = 3

_Value = tuple[str, ...]


@dataclass(frozen=True)
class Dangling:
    """The rows of one table that one of its references would leave dangling."""

    table: str
    reference: Reference
    rows: int
    examples: tuple[_Value, ...]
    """What some of them refer to."""

    @property
    def sentence(self) -> str:
        """It in words."""
        columns = ", ".join(self.reference.columns)
        values = ", ".join(" / ".join(value) for value in self.examples)
        more = ", …" if self.rows > len(self.examples) else ""
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        return f"{rows} of {self.table} by {columns} to {self.reference.table} ({values}{more})"


def ensure_none(plan: Plan, reader: Any, source: EngineName, writer: Any, target: EngineName) -> None:
    """Raises DanglingError, which counts the rows and says how to take along what they refer to.

    `reader` and `writer` are the drivers' own connections to the source (or its picture) and the target; both read.
    """
    found = [
        one
        for name, references in plan.outside.items()
        for reference in references
        if (one := _dangling(plan, plan.shape(name), reference, reader, source, writer, target)) is not None
    ]
    if not found:
        return
    parents = sorted({one.reference.table for one in found})
    excluded = sorted(plan.excluded.intersection(parents))
    advice = f"Copy {' and '.join(parents)} too"
    advice += " instead of excluding it" if excluded else ": --with-parents does"
    raise DanglingError(reason="; ".join(one.sentence for one in found), advice=advice)


def _dangling(
    plan: Plan, shape: Shape, reference: Reference, reader: Any, source: EngineName, writer: Any, target: EngineName
) -> Dangling | None:
    kinds = [shape.column(name).kind for name in reference.columns]
    parent = plan.metadata.tables[reference.table]
    at = located(parent.schema, parent.name, target)
    rows = 0
    examples: list[_Value] = []
    values = _referred(reader, shape, reference, kinds, source)
    while chunk := dict(islice(values, _CHUNK)):
        present = _present(writer, at, reference.to, kinds, [*chunk], target)
        missing = [value for value in chunk if value not in present]
        rows += sum(chunk[value] for value in missing)
        examples += missing[: _EXAMPLES - len(examples)]
    return Dangling(shape.name, reference, rows, tuple(examples)) if rows else None


def _referred(
    reader: Any, shape: Shape, reference: Reference, kinds: Sequence[Kind], engine: EngineName
) -> Iterator[tuple[_Value, int]]:
    """What the rows of the source refer to, each with the number of rows; a reference with a null refers to nothing."""
    texts = ", ".join(_raw(kind, name, engine) for name, kind in zip(reference.columns, kinds, strict=True))
    filled = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in reference.columns)
    groups = ", ".join(str(number + 1) for number in range(len(kinds)))
    statement = f"SELECT {texts}, count(*) FROM {shape.at(engine)} WHERE {filled} GROUP BY {groups}"
    for *value, rows in _streamed(reader, statement, engine):
        yield tuple(_text(one) for one in value), rows


def _streamed(reader: Any, statement: str, engine: EngineName) -> Iterator[tuple[Any, ...]]:
    rows = reader.execute(statement) if engine == "sqlite" else reader.cursor().stream(statement)
    yield from rows


def _present(
    writer: Any, at: str, to: Sequence[str], kinds: Sequence[Kind], values: Sequence[_Value], engine: EngineName
) -> Collection[_Value]:
    """Which of these values there are in the target's columns."""
    askable = [value for value in values if all(map(_speakable, value, kinds))]
    if not askable:
        return ()
    listed = ", ".join(
        f"({', '.join(kind.stored(literal(text), engine) for text, kind in zip(value, kinds, strict=True))})"
        for value in askable
    )
    columns = ", ".join(quoted(name) for name in to)
    texts = ", ".join(_raw(kind, name, engine) for name, kind in zip(to, kinds, strict=True))
    rows = execute(writer, f"SELECT {texts} FROM {at} WHERE ({columns}) IN (VALUES {listed})")
    return {tuple(_text(one) for one in row) for row in rows}


def _speakable(text: str, kind: Kind) -> bool:
    """Whether a text can stand in a statement: one that can't is no value of the target."""
    # Surrogates stand for bytes that are no UTF-8.
    whole = "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
    return whole and (kind.free or not text.startswith("?"))


def _raw(kind: Kind, name: str, engine: EngineName) -> str:
    """SQL: the canonical text of a column. From SQLite as bytes, because not all that it keeps as text can be read."""
    text = kind.text(quoted(name), engine)
    return f"CAST({text} AS BLOB)" if engine == "sqlite" else text


def _text(value: Any) -> str:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)
