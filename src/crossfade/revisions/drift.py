"""Where a database differs from the tables that it should have: found by reflection, told in sentences.

Compared are tables, columns (type, length, nullability, default), primary keys, unique constraints, foreign keys and
indexes, whatever the physical order of the columns and the names of the constraints. Not compared: check constraints,
comments, sequences, indexes over expressions. What follows from a difference is left to the caller.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from alembic.ddl.impl import DefaultImpl
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    inspect,
)
from sqlalchemy.engine import Inspector

Kind = Literal["missing table", "missing column", "missing index", "other"]

BOOKKEEPING = frozenset(
    {
        "alembic_version",
        "crossfade_stamp",
        "crossfade_seed",
        "crossfade_copy",
        "crossfade_copy_table",
        "crossfade_copy_aside",
        "crossfade_copy_key",
        "crossfade_copy_waiting",
        "crossfade_quarantine",
    }
)
"""Tables that are kept in every database and belong to no application."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be, in a table and, for a missing one, by name."""

    kind: Kind
    table: str
    sentence: str
    name: str | None = None
    """The missing column or index."""


def drift(connection: Connection, metadata: MetaData, *, ignored: Collection[str] = ()) -> list[str]:
    """How the tables of a database differ from `metadata`, a sentence each; empty if they agree.

    Tables in `ignored` and those of `BOOKKEEPING` are not looked at.
    """
    return [difference.sentence for difference in differences(connection, metadata, ignored=ignored)]


def differences(connection: Connection, metadata: MetaData, *, ignored: Collection[str] = ()) -> list[Difference]:
    """As `drift`, for a caller that mends what it can."""
    inspector = inspect(connection)
    skipped = BOOKKEEPING | set(ignored)
    actual = set(inspector.get_table_names()) - skipped
    expected = {table.name: table for table in metadata.tables.values() if table.name not in skipped}
    found = [
        Difference("missing table", name, f"the table {name} is missing") for name in sorted(expected.keys() - actual)
    ]
    found += [
        Difference("other", name, f"the table {name} is not part of the schema")
        for name in sorted(actual - expected.keys())
    ]
    impl = MigrationContext.configure(connection).impl
    for name in sorted(expected.keys() & actual):
        found += _table_differences(inspector, impl, expected[name])
    return found


def _table_differences(inspector: Inspector, impl: DefaultImpl, table: Table) -> Iterable[Difference]:
    yield from _column_differences(inspector, impl, table)
    yield from _key_differences(inspector, table)
    yield from _foreign_key_differences(inspector, table)
    yield from _index_differences(inspector, table)


def _column_differences(inspector: Inspector, impl: DefaultImpl, table: Table) -> Iterable[Difference]:
    actual = {column["name"]: column for column in inspector.get_columns(table.name)}
    for column in table.columns:
        place = f"{table.name}.{column.name}"
        found = actual.get(column.name)
        if found is None:
            yield Difference("missing column", table.name, f"the column {place} is missing", column.name)
            continue
        reflected: Column[Any] = Column(column.name, found["type"])
        if _types_differ(impl, reflected, column):
            is_type, should = _type_text(impl.dialect, reflected), _type_text(impl.dialect, column)
            yield Difference("other", table.name, f"{place} is {is_type}, not {should}")
        if not column.primary_key and found["nullable"] != column.nullable:
            words = ("may be null", "must not") if found["nullable"] else ("may not be null", "must be allowed to")
            yield Difference("other", table.name, f"{place} {words[0]}, but {words[1]}")
        sentence = _default_difference(impl.dialect, found.get("default"), column)
        if sentence:
            yield Difference("other", table.name, f"{place} {sentence}")
    for name in actual.keys() - table.columns.keys():
        yield Difference("other", table.name, f"the column {table.name}.{name} is not part of the schema")


def _types_differ(impl: DefaultImpl, reflected: Column[Any], column: Column[Any]) -> bool:
    if impl.compare_type(reflected, column):
        return True
    # Alembic takes a length that only one side states for "not specified"; for us it is another type.
    return (
        isinstance(column.type, String)
        and isinstance(reflected.type, String)
        and column.type.length != reflected.type.length
    )


def _type_text(dialect: Dialect, column: Column[Any]) -> str:
    return column.type.compile(dialect=dialect)


def _default_difference(dialect: Dialect, found: str | None, column: Column[Any]) -> str | None:
    """What is wrong with a default of the database; expressions are compared for being there only."""
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]  # needs no statement to render a default
    wanted = compiler.get_column_default_string(column)
    if found is not None and (column.primary_key or found.startswith("nextval(")):
        return None
    if wanted is None:
        return None if found is None else f"has the default {found}, but must have none"
    if found is None:
        return f"has no default, but must have {wanted}"
    is_value, should = _literal(found), _literal(wanted)
    if is_value is not None and should is not None and is_value != should:
        return f"has the default {found}, not {wanted}"
    return None


def _literal(default: str) -> str | None:
    """The value of a default that is a number, a text or a truth value, else None: `'1'::integer` and `1` are one."""
    text = re.sub(r"::[\w\s]+(\(\d+\))?$", "", default.strip().strip("()"))
    match = re.fullmatch(r"'(.*)'|(-?[\d.]+|true|false|null)", text, re.IGNORECASE | re.DOTALL)
    return None if match is None else (match[1] if match[1] is not None else match[2].lower())


def _key_differences(inspector: Inspector, table: Table) -> Iterable[Difference]:
    actual = inspector.get_pk_constraint(table.name)["constrained_columns"]
    wanted = [column.name for column in table.primary_key.columns]
    if sorted(actual) != sorted(wanted):
        yield Difference(
            "other", table.name, f"the primary key of {table.name} is {_list(actual)}, not {_list(wanted)}"
        )
    uniques = {tuple(sorted(unique["column_names"])) for unique in inspector.get_unique_constraints(table.name)}
    wanted_uniques = {
        tuple(sorted(column.name for column in constraint.columns))
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    }
    for columns in sorted(wanted_uniques - uniques):
        yield Difference("other", table.name, f"{table.name} lacks the unique constraint on {_list(columns)}")
    for columns in sorted(uniques - wanted_uniques):
        sentence = f"the unique constraint of {table.name} on {_list(columns)} is not part of the schema"
        yield Difference("other", table.name, sentence)


def _foreign_key_differences(inspector: Inspector, table: Table) -> Iterable[Difference]:
    actual = {
        _foreign_key(
            key["constrained_columns"],
            key["referred_table"],
            key["referred_columns"],
            key.get("options", {}).get("ondelete"),
        )
        for key in inspector.get_foreign_keys(table.name)
    }
    wanted = {
        _foreign_key(
            list(constraint.column_keys),
            constraint.referred_table.name,
            [element.column.name for element in constraint.elements],
            constraint.ondelete,
        )
        for constraint in table.constraints
        if isinstance(constraint, ForeignKeyConstraint)
    }
    for key in sorted(wanted - actual):
        yield Difference("other", table.name, f"{table.name} lacks the foreign key {key}")
    for key in sorted(actual - wanted):
        yield Difference("other", table.name, f"the foreign key {key} of {table.name} is not part of the schema")


def _foreign_key(columns: Iterable[str], table: str, referred: Iterable[str], ondelete: str | None) -> str:
    action = (ondelete or "NO ACTION").upper()
    suffix = "" if action == "NO ACTION" else f" ON DELETE {action}"
    return f"{_list(columns)} → {table} {_list(referred)}{suffix}"


def _index_differences(inspector: Inspector, table: Table) -> Iterable[Difference]:
    # Indexes over expressions are left out: SQLite doesn't reflect them, and PostgreSQL rewrites what they say.
    wanted = {str(index.name): _index_of(index) for index in table.indexes}
    plain = {name: index for name, index in wanted.items() if index is not None}
    actual = {
        str(index["name"]): _index([str(name) for name in index["column_names"]], unique=bool(index["unique"]))
        for index in inspector.get_indexes(table.name)
        # PostgreSQL lists the index behind a unique constraint as well.
        if not index.get("duplicates_constraint") and None not in index["column_names"]
    }
    for name, index in sorted(plain.items()):
        if name not in actual:
            # A unique one can't simply be made: rows may be in its way.
            kind: Kind = "other" if index.startswith("unique") else "missing index"
            yield Difference(kind, table.name, f"the {index} {name} of {table.name} is missing", name)
        elif actual[name] != index:
            yield Difference("other", table.name, f"{name} of {table.name} is an {actual[name]}, not an {index}")
    for name in sorted(actual.keys() - wanted.keys()):
        sentence = f"the {actual[name]} {name} of {table.name} is not part of the schema"
        yield Difference("other", table.name, sentence)


def _index_of(index: Index) -> str | None:
    """An index in words; None for one over expressions."""
    columns = [expression.name for expression in index.expressions if isinstance(expression, Column)]
    return _index(columns, unique=bool(index.unique)) if len(columns) == len(index.expressions) else None


def _index(columns: Iterable[str], *, unique: bool) -> str:
    return f"{'unique index on' if unique else 'index on'} {_list(columns)}"


def _list(names: Iterable[str]) -> str:
    return f"({', '.join(names)})"
