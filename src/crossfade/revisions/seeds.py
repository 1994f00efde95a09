"""Remembers which rows a new database was given before anybody used it.

Two databases that were both made by `init` hold the same things under keys of their own: when the rows of one are
copied into the other, what nobody has touched since may give way. What was there is kept whole, each value as the
database itself writes it, so that a later comparison is exact. Giving way is left to `crossfade.transfer`.
"""

import json

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, inspect

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
    here = _tables(connection, application)
    found = [(each.fullname, text) for each, place in here for text in _rows(connection, place)]
    if not found:
        return
    table.create(connection, checkfirst=True)
    connection.execute(table.insert(), [{"table_name": name, "row_values": text} for name, text in found])


def _tables(connection: Connection, application: MetaData) -> list[tuple[Table, str]]:
    """The tables of the application that the database has, and how SQL names them: models may be ahead of revisions."""
    inspector = inspect(connection)
    quote = connection.dialect.identifier_preparer.quote_identifier
    found = []
    for each in application.sorted_tables:
        # SQLite knows no schemas: there a table goes by its bare name.
        schema = None if connection.dialect.name == "sqlite" else each.schema
        if inspector.has_table(each.name, schema):
            found.append((each, quote(each.name) if schema is None else f"{quote(schema)}.{quote(each.name)}"))
    return found


def _rows(connection: Connection, place: str) -> list[str]:
    first = connection.exec_driver_sql(f"SELECT * FROM {place} LIMIT 1")  # noqa: S608  quoted
    names = list(first.keys())
    if first.first() is None:
        return []
    dialect = connection.dialect
    literals = ", ".join(literal(dialect.identifier_preparer.quote_identifier(name), dialect.name) for name in names)
    rows = connection.exec_driver_sql(f"SELECT {literals} FROM {place} LIMIT {_MOST_ROWS + 1:d}").all()  # noqa: S608  quoted
    return [] if len(rows) > _MOST_ROWS else [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
