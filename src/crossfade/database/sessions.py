"""Sessions: units of work, the right to write, and the loan of a session to code that would open its own.

A unit of work is a transaction: committed if its block ends well, rolled back otherwise, closed in any case. Two types
tell a reader from a writer: `Session` reads, `WriteSession` is made by `begin_write` alone. What a transaction
surrounds (a request, a run, a command) is left to the caller.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NewType, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.util.concurrency import await_only, in_greenlet
from typing_extensions import override

WriteSession = NewType("WriteSession", Session)
"""A session that may write: on SQLite its transaction holds the write lock."""

P = ParamSpec("P")
T = TypeVar("T")


class SessionFactory(sessionmaker[Session]):
    """Makes sessions on the engine that the router has now: kept from before a configuration, it follows it."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        """`engine` is asked for each session."""
        super().__init__(expire_on_commit=False)
        self._engine = engine

    @override
    def __call__(self, **local_kw: Any) -> Session:
        return super().__call__(**({"bind": self._engine()} | local_kw))


class AsyncSessionFactory(async_sessionmaker[AsyncSession]):
    """The same for async sessions."""

    def __init__(self, engine: Callable[[], AsyncEngine]) -> None:
        """`engine` is asked for each session."""
        super().__init__(expire_on_commit=False)
        self._engine = engine

    @override
    def __call__(self, **local_kw: Any) -> AsyncSession:
        return super().__call__(**({"bind": self._engine()} | local_kw))


def begin_write(session: Session) -> WriteSession:
    """The right to write: from here to the end of the transaction nobody else writes what was checked.

    On SQLite it takes the write lock now, if the transaction hasn't got it: a check and the write that follows are
    one step. On PostgreSQL it does nothing: check with `with_for_update()`.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite" and not in_transaction(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    return WriteSession(session)


def off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a slow function without holding up an event loop.

    Inside `AsyncSession.run_sync` it runs in a thread and is awaited; anywhere else it is called here and now.
    """
    if not in_greenlet():
        return function(*args, **kwargs)
    return await_only(asyncio.to_thread(function, *args, **kwargs))


def in_transaction(connection: Connection) -> bool:
    """Whether SQLite itself is in a transaction; SQLAlchemy thinks so from the first statement on, reads included."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.in_transaction)
