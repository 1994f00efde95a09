"""SQLite for async code, with one trip to the connection's thread for each statement.

aiosqlite gives a connection a thread of its own, and whatever is asked of it goes there and comes back to the loop.
SQLAlchemy goes four times for a statement (a cursor, execute, fetch, close), and twice to end a transaction that nobody
began. On a small query these trips cost more than the query. Here a statement is one trip, and nothing is one without
need; what a connection does, in which order and in which thread stays as it was.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.util.concurrency import await_
from typing_extensions import override


@dataclass(frozen=True)
class Result:
    """What a statement has left behind, its cursor closed."""

    rows: Sequence[Any] = ()
    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None


class Cursor:
    """A cursor of the DB-API (PEP 249) whose rows are here when `execute` returns."""

    server_side = False
    arraysize = 1

    def __init__(self, connection: "Connection") -> None:
        """Goes nowhere yet."""
        self._connection = connection
        self._result = Result()
        self._rows = iter(self._result.rows)

    @property
    def description(self) -> Any:
        """The columns of the rows; None if the statement gives none."""
        return self._result.description

    @property
    def rowcount(self) -> int:
        """How many rows the statement has changed; -1 if that is no question."""
        return self._result.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number of the row that was inserted last."""
        return self._result.lastrowid

    def execute(self, statement: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> None:
        """Raises the driver's errors."""
        self._keep(self._connection.travel(_executed, statement, parameters or ()))

    def executemany(self, statement: str, parameters: Sequence[Any]) -> None:
        """Raises the driver's errors."""
        self._keep(self._connection.travel(_executed_many, statement, parameters))

    def fetchone(self) -> Any:
        """The next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows, at most `size`."""
        return list(islice(self._rows, self.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one by one."""
        return self._rows

    def close(self) -> None:
        """Lets go of the rows that are left."""
        self._rows = iter(())

    async def _async_soft_close(self) -> None:
        """Asked for by SQLAlchemy when a result is to outlive its cursor: the rows are here already."""

    def _keep(self, result: Result) -> None:
        self._result, self._rows = result, iter(result.rows)


class Connection(AsyncAdapt_aiosqlite_connection):
    """SQLAlchemy's connection, but for the cursors that it gives, and for what it knows without asking."""

    __slots__ = ("_at_rest",)

    def __init__(self, connection: AsyncAdapt_aiosqlite_connection) -> None:
        """Takes over from `connection`, which was opened by the dialect."""
        super().__init__(connection.dbapi, connection.driver_connection)
        self._at_rest = True
        """Whether all that was asked of the thread has been answered, so that the driver may be asked from here."""

    def travel(self, function: Callable[..., Result], *args: Any) -> Result:
        """What `function(connection, *args)` returns, called in the connection's thread with the driver's own."""
        try:
            return await_(self._travel(function, *args))
        except Exception as error:  # noqa: BLE001  as SQLAlchemy's adapter does: it raises all, some by another name
            self._handle_exception(error)

    async def _travel(self, function: Callable[..., Result], *args: Any) -> Result:
        async with self._execute_mutex:
            # Who is cancelled on the way leaves the thread at work: then nothing is known until it is asked again.
            self._at_rest = False
            driver: sqlite3.Connection = self._connection._conn  # noqa: SLF001 - nothing public gives it
            # SQLAlchemy's own dialect goes there like this, too.
            result: Result = await self._connection._execute(function, driver, *args)  # noqa: SLF001 - nor leads to its thread
            self._at_rest = True
            return result

    @override
    def cursor(self, server_side: bool = False) -> Any:
        if not server_side:
            return Cursor(self)
        # A stream takes its own ways.
        self._at_rest = False
        return super().cursor(server_side)

    @override
    def commit(self) -> None:
        if self._in_doubt():
            super().commit()
            self._at_rest = True

    @override
    def rollback(self) -> None:
        if self._in_doubt():
            super().rollback()
            self._at_rest = True

    def _in_doubt(self) -> bool:
        """Whether there may be a transaction: the driver looks for one as well, but in the thread."""
        driver = self._connection._connection  # noqa: SLF001 - `_conn` raises when it is closed
        return not self._at_rest or driver is None or driver.in_transaction


def shortened(connection: Any) -> Any:
    """A connection that a dialect has opened: SQLite's for async code with fewer trips, any other as it is."""
    return Connection(connection) if isinstance(connection, AsyncAdapt_aiosqlite_connection) else connection


def _executed(connection: sqlite3.Connection, statement: str, parameters: Any) -> Result:
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        return Result(rows, cursor.description, cursor.rowcount, cursor.lastrowid)


def _executed_many(connection: sqlite3.Connection, statement: str, parameters: Any) -> Result:
    with closing(connection.cursor()) as cursor:
        cursor.executemany(statement, parameters)
        return Result(rowcount=cursor.rowcount, lastrowid=cursor.lastrowid)
