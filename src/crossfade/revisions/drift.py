"""Where a database differs from the tables that it should have: found by reflection, told in sentences.

Compared are tables, columns (type, length, nullability, default), primary keys, unique constraints, foreign keys and
indexes, whatever the physical order of the columns and the names of the constraints. Not compared: check constraints,
comments, sequences, indexes over expressions. What follows from a difference is left to the caller.
"""

import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from alembic.ddl.impl import DefaultImpl
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    REAL,
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
from sqlalchemy.exc import SAWarning

Kind = Literal["missing table", "missing column", "missing index", "extra table", "extra index", "other"]

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


_SINGLE = frozenset(f"FLOAT({digits})" for digits in range(1, 25))


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
    wanted = {_named(table, connection.dialect): table for table in metadata.tables.values()}
    expected = {name: table for name, table in wanted.items() if name not in skipped}
    actual = _tables(inspector, {table.schema for table in expected.values()}) - skipped
    found = [
        Difference("missing table", name, f"the table {name} is missing") for name in sorted(expected.keys() - actual)
    ]
    found += [
        Difference("extra table", name, f"the table {name} is not part of the schema")
        for name in sorted(actual - expected.keys())
    ]
    impl = MigrationContext.configure(connection).impl
    with warnings.catch_warnings():
        # Indexes over expressions are not compared, so nobody needs to hear that they can't be read.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
        # A quote in a name confuses the reading of SQLite's SQL; what the PRAGMA says of the key is taken anyway.
        warnings.filterwarnings("ignore", ".*could not be located in PRAGMA foreign_keys", SAWarning)
        for name in sorted(expected.keys() & actual):
            declared = _declared(connection, expected[name])
            found += [replace(one, table=name) for one in _table_differences(inspector, impl, expected[name], declared)]
    return found


def _tables(inspector: Inspector, schemas: Iterable[str | None]) -> set[str]:
    found = set(inspector.get_table_names())
    if inspector.dialect.name != "sqlite":
        for schema in sorted(one for one in schemas if one is not None):
            found |= {f"{schema}.{name}" for name in inspector.get_table_names(schema)}
    return found


def _named(table: Table, dialect: Dialect) -> str:
    """How a table is called in sentences: SQLite knows no schemas, so a table is there under its bare name."""
    return table.name if dialect.name == "sqlite" else table.fullname


def _schema(table: Table, inspector: Inspector) -> str | None:
    return None if inspector.dialect.name == "sqlite" else table.schema


def _table_differences(
    inspector: Inspector, impl: DefaultImpl, table: Table, declared: Mapping[str, str]
) -> Iterable[Difference]:
    yield from _column_differences(inspector, impl, table, declared)
    yield from _key_differences(inspector, table)
    yield from _foreign_key_differences(inspector, table)
    yield from _index_differences(inspector, table)


def _column_differences(
    inspector: Inspector, impl: DefaultImpl, table: Table, declared: Mapping[str, str]
) -> Iterable[Difference]:
    actual = {column["name"]: column for column in inspector.get_columns(table.name, _schema(table, inspector))}
    for column in table.columns:
        place = f"{table.name}.{column.name}"
        found = actual.get(column.name)
        if found is None:
            yield Difference("missing column", table.name, f"the column {place} is missing", column.name)
            continue
        reflected: Column[Any] = Column(column.name, found["type"])
        if declared.get(column.name) != _type_text(impl.dialect, column) and _types_differ(impl, reflected, column):
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


def _declared(connection: Connection, table: Table) -> dict[str, str]:
    """The types as an SQLite table declares them: the inspector makes something else of names that it doesn't know."""
    if connection.dialect.name != "sqlite":
        return {}
    quoted = connection.dialect.identifier_preparer.quote_identifier(table.name)
    return {row[1]: row[2] for row in connection.exec_driver_sql(f"PRAGMA table_xinfo({quoted})")}


def _types_differ(impl: DefaultImpl, reflected: Column[Any], column: Column[Any]) -> bool:
    if impl.compare_type(reflected, column):
        # PostgreSQL keeps FLOAT(n) under one of two names, and n is gone.
        return not (isinstance(reflected.type, REAL) and column.type.compile(dialect=impl.dialect) in _SINGLE)
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
    actual = inspector.get_pk_constraint(table.name, _schema(table, inspector))["constrained_columns"]
    wanted = [column.name for column in table.primary_key.columns]
    if sorted(actual) != sorted(wanted):
        yield Difference(
            "other", table.name, f"the primary key of {table.name} is {_list(actual)}, not {_list(wanted)}"
        )
    uniques = _uniques(inspector, table)
    wanted_uniques = {
        tuple(sorted(column.name for column in constraint.columns))
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint) and _is_meant_for(constraint, inspector.dialect)
    }
    for columns in sorted(wanted_uniques - uniques):
        yield Difference("other", table.name, f"{table.name} lacks the unique constraint on {_list(columns)}")
    for columns in sorted(uniques - wanted_uniques):
        sentence = f"the unique constraint of {table.name} on {_list(columns)} is not part of the schema"
        yield Difference("other", table.name, sentence)


def _uniques(inspector: Inspector, table: Table) -> set[tuple[str, ...]]:
    """What is unique by a constraint, each as its columns in order of their names."""
    if inspector.dialect.name != "sqlite":
        found = inspector.get_unique_constraints(table.name, _schema(table, inspector))
        return {tuple(sorted(unique["column_names"])) for unique in found}
    # SQLAlchemy reads the text of CREATE TABLE for them, and overlooks `"name" varchar(150) NOT NULL UNIQUE`.
    connection = cast("Connection", inspector.bind)
    quote = inspector.dialect.identifier_preparer.quote_identifier

    def ask(what: str, name: str) -> list[Any]:
        return list(connection.exec_driver_sql(f"PRAGMA {what}({quote(name)})"))

    by_constraint = [row[1] for row in ask("index_list", table.name) if row[3] == "u"]
    return {tuple(sorted(row[2] for row in ask("index_info", name))) for name in by_constraint}


def _is_meant_for(item: UniqueConstraint | Index, dialect: Dialect) -> bool:
    """Whether a constraint or an index is made on this kind of database; `.ddl_if(dialect=...)` says for which."""
    condition = item._ddl_if  # noqa: SLF001  SQLAlchemy has no other way to ask
    return condition is None or condition.dialect in {None, dialect.name}


def _foreign_key_differences(inspector: Inspector, table: Table) -> Iterable[Difference]:
    actual = {
        _foreign_key(
            key["constrained_columns"],
            key["referred_table"],
            key["referred_columns"],
            key.get("options", {}).get("ondelete"),
        )
        for key in inspector.get_foreign_keys(table.name, _schema(table, inspector))
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
    meant = [index for index in table.indexes if _is_meant_for(index, inspector.dialect)]
    wanted = {str(index.name): _index_of(index) for index in meant}
    plain = {name: index for name, index in wanted.items() if index is not None}
    actual = {
        str(index["name"]): _index([str(name) for name in index["column_names"]], unique=bool(index["unique"]))
        for index in inspector.get_indexes(table.name, _schema(table, inspector))
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
        yield Difference("extra index", table.name, sentence, name)


def _index_of(index: Index) -> str | None:
    """An index in words; None for one over expressions."""
    columns = [expression.name for expression in index.expressions if isinstance(expression, Column)]
    return _index(columns, unique=bool(index.unique)) if len(columns) == len(index.expressions) else None


def _index(columns: Iterable[str], *, unique: bool) -> str:
    return f"{'unique index on' if unique else 'index on'} {_list(columns)}"


def _list(names: Iterable[str]) -> str:
    return f"({', '.join(names)})"
