"""FastAPI's side of the router: one transaction a request, over real async connections, for sync services.

    app = FastAPI(lifespan=lifespan(router))
    install(app, router)

    @app.get("/things")
    async def things(reader: Reader) -> list[Thing]:
        return await reader.run(services.things)

What the endpoint changed is committed when its answer succeeded (a status below 400), before the answer leaves, and
rolled back otherwise, whether the refusal was raised or returned. The session opens when it is first used. A lent
session is used instead of an own one and neither committed nor closed.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crossfade.database.loans import AsyncBorrowing
from crossfade.database.sessions import WriteSession, begin_write
from crossfade.errors import SessionLentError
from crossfade.router import Router
from crossfade.routes import Stack

P = ParamSpec("P")
T = TypeVar("T")

_SESSION = "crossfade.session"


@dataclass(frozen=True)
class Reading:
    """A request's session for services that read."""

    session: AsyncSession

    async def run(self, service: Callable[Concatenate[Session, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `service(session, ...)` returns: the sync service itself, its I/O awaited."""
        return await self.session.run_sync(lambda session: service(session, *args, **kwargs))


@dataclass(frozen=True)
class Writing:
    """A request's session for services that check and then write."""

    session: AsyncSession

    async def run(self, service: Callable[Concatenate[WriteSession, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `Reading.run`, with the write lock taken first (see `crossfade.database.sessions.begin_write`)."""
        return await self.session.run_sync(lambda session: service(begin_write(session), *args, **kwargs))


async def session(request: Request) -> AsyncSession:
    """The request's session; a dependency."""
    current: _RequestSession = request.scope[_SESSION]
    return await current.get()


# Async although they await nothing: FastAPI sends plain functions to a thread, for each request anew.
async def reading(current: Annotated[AsyncSession, Depends(session)]) -> Reading:
    """A dependency: see `Reader`."""
    return Reading(current)


async def writing(current: Annotated[AsyncSession, Depends(session)]) -> Writing:
    """A dependency: see `Writer`."""
    return Writing(current)


Reader = Annotated[Reading, Depends(reading)]
Writer = Annotated[Writing, Depends(writing)]


def lifespan(router: Router) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """A lifespan that closes the router's connections at shutdown; it opens none."""

    @asynccontextmanager
    async def span(_: FastAPI) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await router.adispose()

    return span


def install(app: FastAPI, router: Router, *, stack: Stack = "fastapi") -> None:
    """Gives every request of the app a session of the router's, and settles it."""
    app.add_middleware(_Transactions, router=router, stack=stack)


class _RequestSession:
    """A request's session, made when it is first asked for, or borrowed where one is lent."""

    def __init__(self, router: Router, stack: Stack) -> None:
        self._router = router
        self._stack = stack
        self._own: AsyncSession | None = None
        self._loan: AsyncBorrowing | None = None

    async def get(self) -> AsyncSession:
        if self._loan is not None:
            return self._loan.session
        if self._own is None:
            lent = self._router.lent(self._stack)
            if isinstance(lent, AsyncSession):
                self._loan = await AsyncBorrowing.begin(lent)
                return lent
            if lent is not None:
                raise SessionLentError(wanted="An async session", lent="a sync one")
            self._own = self._router.async_session_factory(self._stack)()
        return self._own

    async def settle(self, *, keep: bool) -> None:
        loan, self._loan = self._loan, None
        if loan is not None:
            await loan.end(keep=keep)
        elif self._own is not None:
            await (self._own.commit() if keep else self._own.rollback())

    async def close(self) -> None:
        await self.settle(keep=False)
        if self._own is not None:
            await self._own.close()


class _Transactions:
    """Commits before the first byte of an answer leaves, so that a failing commit is an error and not a lie."""

    def __init__(self, app: ASGIApp, *, router: Router, stack: Stack) -> None:
        self._app = app
        self._router = router
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        current = scope[_SESSION] = _RequestSession(self._router, self._stack)

        async def settled(message: Message) -> None:
            if message["type"] == "http.response.start":
                await current.settle(keep=message["status"] < 400)  # noqa: PLR2004 - where HTTP's errors begin
            await send(message)

        try:
            await self._app(scope, receive, settled)
        finally:
            await current.close()
