"""The fence in SQLite: a trigger for each table and kind of write, with the note as a comment in its text."""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from crossfade.database.faults import FROZEN

_NAME = "crossfade_fence"
_WAIT = 500
"""Milliseconds that one try waits."""
_VERBS = ("INSERT", "UPDATE", "DELETE")
_OURS = rf"SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '{_NAME}\_%' ESCAPE '\'"  # noqa: S608  a constant
_NOTE = re.compile(r"/\* (.*?) \*/", re.DOTALL)


def alone(connection: Connection) -> None:
    """Waits for the writer that is at work, and keeps others out until the end of the transaction."""
    # The connection goes back to a pool, and others are to wait as long as they do.
    usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {_WAIT}")
    try:
        # The driver would begin before a write to a row only, so that each change of the schema would stand alone.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual}")


def close(connection: Connection, tables: Iterable[Table], note: str) -> None:
    """Refuses writes to `tables`, and notes it on the fence."""
    kept = {(name, table) for name, table, _ in connection.exec_driver_sql(_OURS)}
    for name, _ in kept:
        connection.exec_driver_sql(f"DROP TRIGGER {_quoted(connection, name)}")
    named = {table for _, table in kept} | {table.name for table in tables}
    # In JSON a slash may be written so, and then nothing in it ends the comment.
    comment = note.replace("*/", r"*\/")
    for table in sorted(named):
        for verb in _VERBS:
            connection.exec_driver_sql(
                f"CREATE TRIGGER {_quoted(connection, f'{_NAME}_{verb.lower()}_{table}')}"
                f" BEFORE {verb} ON {_quoted(connection, table)}"
                f" BEGIN SELECT RAISE(ABORT, '{FROZEN}') /* {comment} */; END"
            )


def open_up(connection: Connection) -> bool:
    """Takes the fence away; whether there was one."""
    found = [name for name, _, _ in connection.exec_driver_sql(_OURS)]
    for name in found:
        connection.exec_driver_sql(f"DROP TRIGGER {_quoted(connection, name)}")
    return bool(found)


def clear(connection: Connection) -> None:
    """Nothing is left."""
    assert not closed(connection)  # noqa: S101  open_up took it all, in one transaction


def note(connection: Connection) -> str | None:
    """What is noted on the fence; None if there is none."""
    row = connection.exec_driver_sql(f"{_OURS} LIMIT 1").one_or_none()
    found = None if row is None else _NOTE.search(row.sql)
    return None if found is None else found[1]


def closed(connection: Connection) -> Sequence[str]:
    """The tables that refuse writes."""
    return sorted({row.tbl_name for row in connection.exec_driver_sql(_OURS)})


def is_contention(error: DBAPIError) -> bool:
    """Whether others are in the way."""
    return "locked" in str(error.orig)


def in_the_way(_: Connection) -> list[str]:
    """Who: SQLite doesn't know."""
    return []


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
