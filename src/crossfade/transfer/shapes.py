"""The tables that are to be carried, as the metadata of the application describes them.

A shape says what a copy and a proof have to know of a table, in words that both engines share: its columns and what
their values mean, its key, what it refers to. What is in a database is left to the plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column as SqlColumn
from sqlalchemy import ForeignKeyConstraint, Index, Table, UniqueConstraint

from crossfade.transfer.kinds import EngineName, Kind, kind_of


@dataclass(frozen=True)
class Column:
    """One column that is carried: those that the database computes by itself are not."""

    name: str
    kind: Kind
    nullable: bool

    @property
    def quoted(self) -> str:
        """Its name as SQL has it, on both engines."""
        return quoted(self.name)


@dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` here hold the values of `to` in the table named `table`."""

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """One table."""

    name: str
    """With its schema if it has one: `users`, `audit.events`. How reports and the command line name it."""
    schema: str | None
    bare: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """The columns of its primary key, empty without one."""
    references: tuple[Reference, ...]
    uniques: tuple[tuple[str, ...], ...]
    """The columns of each unique constraint and unique index over plain columns, beside the key."""

    def at(self, engine: EngineName) -> str:
        """Its name as SQL has it: see `located`."""
        return located(self.schema, self.bare, engine)

    def column(self, name: str) -> Column:
        """The column of this name. Raises KeyError."""
        for one in self.columns:
            if one.name == name:
                return one
        raise KeyError(f"{self.name}.{name}")

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns of the key, in its order."""
        return tuple(self.column(name) for name in self.key)


def shape_of(table: Table) -> Shape:
    """What a table of the metadata is."""
    return Shape(
        name=table.fullname,
        schema=table.schema,
        bare=table.name,
        columns=tuple(_column(column) for column in table.columns if column.computed is None),
        key=tuple(column.name for column in table.primary_key),
        references=references_of(table),
        uniques=_uniques(table),
    )


def references_of(table: Table) -> tuple[Reference, ...]:
    """The foreign keys of a table of the metadata, in an order that doesn't depend on the run."""
    return tuple(_reference(one) for one in _sorted(table))


def located(schema: str | None, bare: str, engine: EngineName) -> str:
    """A table's name as SQL has it. SQLite knows no schemas, so it is looked for there under its bare name."""
    return quoted(bare) if engine == "sqlite" or schema is None else f"{quoted(schema)}.{quoted(bare)}"


def quoted(name: str) -> str:
    """An identifier for SQL, on both engines, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _column(column: SqlColumn[object]) -> Column:
    nullable = bool(column.nullable) and not column.primary_key
    return Column(column.name, kind_of(column.type), nullable)


def _reference(constraint: ForeignKeyConstraint) -> Reference:
    elements = constraint.elements
    return Reference(
        columns=tuple(element.parent.name for element in elements),
        table=elements[0].column.table.fullname,
        to=tuple(element.column.name for element in elements),
    )


def _sorted(table: Table) -> Sequence[ForeignKeyConstraint]:
    # The metadata holds them in a set: the order of reports must not depend on the run.
    return sorted(table.foreign_key_constraints, key=lambda one: [column.name for column in one.columns])


def _uniques(table: Table) -> tuple[tuple[str, ...], ...]:
    constraints = [one.columns for one in table.constraints if isinstance(one, UniqueConstraint)]
    indexes = [index.columns for index in table.indexes if index.unique and _plain(index)]
    return tuple(sorted({tuple(column.name for column in columns) for columns in (*constraints, *indexes)}))


def _plain(index: Index) -> bool:
    """Whether an index is over columns themselves, and over all rows."""
    partial = (index.dialect_kwargs.get(f"{engine}_where") for engine in ("sqlite", "postgresql"))
    return all(isinstance(one, SqlColumn) for one in index.expressions) and all(one is None for one in partial)
