"""Remembers which rows a new database was given before anybody used it.

Two databases that were both made by `init` hold the same things under keys of their own: when the rows of one are
copied into the other, what nobody has touched since may give way. What was there is kept whole, each value as the
database itself writes it, so that a later comparison is exact. Giving way is left to `crossfade.transfer`.
"""

import json

from sqlalchemy import Column, ColumnClause, Connection, Integer, MetaData, String, Table, Text, literal_column, select

_MOST_ROWS = 10_000

metadata = MetaData()
table = Table(
    "crossfade_seed",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("table_name", String(200), nullable=False),
    Column("row_values", Text, nullable=False),
)
"""A row for each row: its values, by column, as JSON."""


def literal(column: str, dialect: str) -> str:
    """SQL: a value as the database itself would write it in a statement, never null; `column` is quoted already."""
    return f"quote({column})" if dialect == "sqlite" else f"quote_nullable(CAST({column} AS TEXT))"


def record(connection: Connection, application: MetaData) -> None:
    """Takes down every row of the application's tables, in the caller's transaction; nothing if there are none.

    A table of more than ten thousand is left out: its rows never give way.
    """
    found = [(each.fullname, text) for each in application.sorted_tables for text in _rows(connection, each)]
    if not found:
        return
    table.create(connection, checkfirst=True)
    connection.execute(table.insert(), [{"table_name": name, "row_values": text} for name, text in found])


def _rows(connection: Connection, each: Table) -> list[str]:
    dialect = connection.dialect
    quote = dialect.identifier_preparer.quote_identifier
    names = [column.name for column in each.columns if column.computed is None]
    columns: list[ColumnClause[str]] = [literal_column(literal(quote(name), dialect.name)) for name in names]
    rows = connection.execute(select(*columns).select_from(each).limit(_MOST_ROWS + 1)).all()
    return [] if len(rows) > _MOST_ROWS else [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
