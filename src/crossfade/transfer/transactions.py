"""Transactions on a driver's own connection, said aloud, and statements that both engines take.

A connection of a copy begins nothing by itself: what is committed together is seen in the code.
"""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any


def by_hand(connection: Any) -> None:
    """Ends the driver's own transaction control. The connection must not be in a transaction."""
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None
    else:
        connection.autocommit = True


@contextmanager
def transaction(connection: Any) -> Generator[None]:
    """All of the block or nothing. On SQLite it has the right to write from the beginning."""
    if not isinstance(connection, sqlite3.Connection):
        with connection.transaction():
            yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some errors of SQLite have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def trial(connection: Any) -> Generator[None]:
    """A transaction that is always taken back: what would be, without its being."""
    if not isinstance(connection, sqlite3.Connection):
        with connection.transaction(force_rollback=True):
            yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        # As above: a full disk ends it, and is what should be told.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def give_up_waiting(connection: Any, after: str) -> None:
    """Lets this transaction fail rather than make everybody else wait behind it for a lock."""
    if not isinstance(connection, sqlite3.Connection):
        execute(connection, f"SET LOCAL lock_timeout = '{after}'")


def execute(connection: Any, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Runs one statement, with `?` for each parameter and for nothing else, and returns its rows."""
    if isinstance(connection, sqlite3.Connection):
        return connection.execute(statement, tuple(parameters)).fetchall()
    if parameters:
        statement = statement.replace("%", "%%").replace("?", "%s")
    cursor = connection.execute(statement, tuple(parameters) or None)
    return cursor.fetchall() if cursor.description else []


def scalar(connection: Any, statement: str, parameters: Sequence[Any] = ()) -> Any:
    """The first column of the first row; None without one."""
    rows = execute(connection, statement, parameters)
    return rows[0][0] if rows else None
