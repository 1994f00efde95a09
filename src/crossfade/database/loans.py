"""The loan of a session: code that would open a session of its own gets the lender's instead.

The borrower never commits and never closes. What it did is undone if it fails, and stands in the lender's transaction
if not. A loan is in force in the context that made it (a test, a task and what it awaits), not in threads that were
started by hand: a session belongs to one thread.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any, Generic, Self, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
from sqlalchemy.orm import Session

from crossfade.database import sessions
from crossfade.errors import RouterError

AnySession = Session | AsyncSession
Lent = ContextVar[AnySession | None]
S = TypeVar("S", bound=AnySession)
F = TypeVar("F", bound=Callable[..., Any])


class Loan(Generic[S]):
    """A session lent for the length of a `with` or `async with` block, or of the function that it decorates.

    Given a session, it stays the lender's: nothing is committed or closed here. Given a function that makes one (a
    session factory), a new one is made at the start, rolled back and closed at the end.
    """

    def __init__(self, lent: Lent, session: S | Callable[[], S]) -> None:
        """`lent` holds what is in force."""
        self._lent = lent
        self._given = session
        self._made = not isinstance(session, (Session, AsyncSession))
        self._session: S | None = None
        self._token: Token[AnySession | None] | None = None

    def __enter__(self) -> S:
        """The session that is lent from now on."""
        session = self._start()
        if self._made and isinstance(session, AsyncSession):
            self._end()
            raise RouterError(reason="an async session that the loan makes itself needs `async with router.lend(...)`")
        return session

    def __exit__(self, *_error: object) -> None:
        """Ends the loan."""
        session = self._end()
        if self._made and isinstance(session, Session):
            session.close()

    async def __aenter__(self) -> S:
        """As `__enter__`, for either kind of session."""
        return self._start()

    async def __aexit__(self, *_error: object) -> None:
        """Ends the loan."""
        session = self._end()
        if self._made and isinstance(session, AsyncSession):
            await session.close()
        elif self._made and isinstance(session, Session):
            session.close()

    def __call__(self, function: F) -> F:
        """Lends for the length of each call of a function, sync or async."""
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def with_loan_async(*args: Any, **kwargs: Any) -> Any:
                async with Loan(self._lent, self._given):
                    return await function(*args, **kwargs)

            return cast("F", with_loan_async)

        @wraps(function)
        def with_loan(*args: Any, **kwargs: Any) -> Any:
            with Loan(self._lent, self._given):
                return function(*args, **kwargs)

        return cast("F", with_loan)

    def _start(self) -> S:
        if self._token is not None:
            raise RouterError(reason="this loan is in force already; call router.lend() for another one")
        session = cast("Callable[[], S]", self._given)() if self._made else cast("S", self._given)
        self._session, self._token = session, self._lent.set(session)
        return session

    def _end(self) -> S:
        session, token = self._session, self._token
        if session is None or token is None:
            raise RouterError(reason="this loan is not in force")
        self._session = self._token = None
        self._lent.reset(token)
        return session


class Borrowing:
    """A request's or a block's work on a lent session: a savepoint in the lender's transaction."""

    def __init__(self, session: Session) -> None:
        """Begins it."""
        _open_transaction(session)
        self.session = session
        self._savepoint = session.begin_nested()

    def end(self, *, keep: bool) -> None:
        """Leaves the work to the lender, or undoes it."""
        if keep:
            self._savepoint.commit()
        else:
            self._savepoint.rollback()


class AsyncBorrowing:
    """The same on a lent async session."""

    def __init__(self, session: AsyncSession, savepoint: AsyncSessionTransaction) -> None:
        """Use `begin`."""
        self.session = session
        self._savepoint = savepoint

    @classmethod
    async def begin(cls, session: AsyncSession) -> Self:
        """Begins it."""
        await session.run_sync(_open_transaction)
        return cls(session, await session.begin_nested())

    async def end(self, *, keep: bool) -> None:
        """Leaves the work to the lender, or undoes it."""
        await (self._savepoint.commit() if keep else self._savepoint.rollback())


@contextmanager
def borrowed(session: Session) -> Generator[Session]:
    """A unit of work inside the lender's transaction."""
    borrowing = Borrowing(session)
    try:
        yield session
    except BaseException:
        borrowing.end(keep=False)
        raise
    borrowing.end(keep=True)


@asynccontextmanager
async def borrowed_async(session: AsyncSession) -> AsyncGenerator[AsyncSession]:
    """The same for an async session."""
    borrowing = await AsyncBorrowing.begin(session)
    try:
        yield session
    except BaseException:
        await borrowing.end(keep=False)
        raise
    await borrowing.end(keep=True)


def _open_transaction(session: Session) -> None:
    # SQLite's driver doesn't begin before a SAVEPOINT, and then the savepoint's release would be a commit.
    connection = session.connection()
    if connection.dialect.name == "sqlite" and not sessions.in_transaction(connection):
        connection.exec_driver_sql("BEGIN")
