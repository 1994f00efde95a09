"""The one object that everything asks which database to talk to.

Flask, FastAPI, the scheduler, commands and tests hold a router and ask it at the moment of use, so that a process can't
be split between two databases. Making one opens nothing. It is configured by one call, overridden in one kind of scope;
there are no functions to reset a part of it.
"""

import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from crossfade import redaction, urls
from crossfade.database.engines import Engines, caller
from crossfade.database.loans import AnySession, Loan, S, borrowed, borrowed_async
from crossfade.database.sessions import AsyncSessionFactory, SessionFactory
from crossfade.errors import LentElsewhereError, NotConfiguredError, OverrideOrderError, SessionLentError
from crossfade.routes import Route, Routes, Stack, resolve
from crossfade.settings import Settings


@dataclass(frozen=True, eq=False)
class _Configuration:
    """Everything that changes together."""

    settings: Settings
    routes: Routes
    engines: Engines
    place: str


class Router:
    """Settings, the routes that follow from them, and the engines and sessions of those routes."""

    def __init__(self, settings: Settings | None, *, name: str = "script") -> None:
        """A configured router; `name` says who uses it, for instance "flask:web": PostgreSQL shows it.

        `settings` is None for `unconfigured` only.
        """
        self.name = name
        self._overridden: list[_Configuration | None] = []
        self._lock = threading.RLock()
        self._lent: ContextVar[AnySession | None] = ContextVar("crossfade_lent", default=None)
        self._current = None if settings is None else self._configuration(settings)

    @classmethod
    def unconfigured(cls, *, name: str = "script") -> Self:
        """A router that raises NotConfiguredError for all questions, until it is configured."""
        return cls(None, name=name)

    def configure(self, settings: Settings) -> None:
        """Replaces the configuration, whole.

        Raises DatabaseInUseError while connections are out, and the errors of `routes.resolve`; then the old
        configuration stays. Engines of the old one that somebody kept raise EngineRetiredError from now on.
        """
        with self._lock:
            configuration = self._configuration(settings)
            old = self._current
            if old is not None:
                old.engines.ensure_idle()
                old.engines.retire()
            self._current = configuration

    @contextmanager
    def override(self, settings: Settings) -> Generator[Self]:
        """Another configuration for the length of a block, for the whole process.

        Raises DatabaseInUseError while connections of the present one are out, at the start; and at its end, once
        the former configuration is in force again, if connections of its own still are.
        """
        with self._lock:
            configuration = self._configuration(settings)
            outer = self._current
            if outer is not None:
                outer.engines.ensure_idle()
            self._overridden.append(outer)
            depth = len(self._overridden)
            self._current = configuration
        try:
            yield self
        except BaseException:
            self._leave(configuration, depth)
            configuration.engines.retire()
            raise
        self._leave(configuration, depth)
        try:
            configuration.engines.ensure_idle()
        finally:
            configuration.engines.retire()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._configured("its settings").settings

    @property
    def routes(self) -> Routes:
        """Where both stacks go."""
        return self._configured("its routes").routes

    def route(self, stack: Stack) -> Route:
        """Where one stack goes."""
        return self._configured(f"the route of {stack}").routes.of(stack)

    def engine(self, stack: Stack) -> Engine:
        """The engine of a stack for sync code: the same object on each call, and for both stacks if they share."""
        configuration = self._configured(f"the engine of {stack}")
        return configuration.engines.sync_engine(configuration.routes.of(stack))

    def async_engine(self, stack: Stack) -> AsyncEngine:
        """The engine of a stack for async code: the same database by construction."""
        configuration = self._configured(f"the async engine of {stack}")
        return configuration.engines.async_engine(configuration.routes.of(stack))

    def session_factory(self, stack: Stack) -> SessionFactory:
        """Makes sessions on the database that the stack has when it is called. Knows nothing of loans."""
        return SessionFactory(lambda: self.engine(stack))

    def async_session_factory(self, stack: Stack) -> AsyncSessionFactory:
        """The same for async sessions."""
        return AsyncSessionFactory(lambda: self.async_engine(stack))

    @contextmanager
    def session(self, stack: Stack) -> Generator[Session]:
        """A unit of work: committed if the block ends well, rolled back if not, closed in any case.

        While a session is lent, it is that one: then a part of the lender's transaction.
        """
        lent = self.lent(stack)
        if lent is None:
            with self.session_factory(stack).begin() as session:
                yield session
        elif isinstance(lent, Session):
            with borrowed(lent) as session:
                yield session
        else:
            raise SessionLentError(wanted="A sync session", lent="an async one")

    @asynccontextmanager
    async def async_session(self, stack: Stack) -> AsyncGenerator[AsyncSession]:
        """The same for async code."""
        lent = self.lent(stack)
        if lent is None:
            async with self.async_session_factory(stack).begin() as session:
                yield session
        elif isinstance(lent, AsyncSession):
            async with borrowed_async(lent) as session:
                yield session
        else:
            raise SessionLentError(wanted="An async session", lent="a sync one")

    def lend(self, session: S | Callable[[], S]) -> Loan[S]:
        """Lends a session, or one that a factory makes, to everything that asks for one: see `Loan`.

        >>> with router.lend(session):  # doctest: +SKIP
        ...     client.post("/api/jobs", json=job)
        """
        return Loan(self._lent, session)

    def lent(self, stack: Stack) -> AnySession | None:
        """The session that is lent in this context, for adapters; LentElsewhereError if it is on another database."""
        session = self._lent.get()
        if session is not None:
            self._refuse_elsewhere(session, stack)
        return session

    def dispose(self) -> None:
        """Closes all idle connections. Engines connect again if they are used. Without a configuration, nothing."""
        if self._current is not None:
            self._current.engines.dispose()

    async def adispose(self) -> None:
        """The same from a running event loop: for the end of a lifespan."""
        if self._current is not None:
            await self._current.engines.adispose()

    async def leave_loop(self) -> None:
        """Closes the idle connections that only the running event loop can use: asyncpg's."""
        if self._current is not None:
            await self._current.engines.leave_loop()

    def _configuration(self, settings: Settings) -> _Configuration:
        engines = Engines(name=self.name, statement_timeout=settings.database_statement_timeout)
        return _Configuration(settings, resolve(settings), engines, caller())

    def _configured(self, asked: str) -> _Configuration:
        if self._current is None:
            raise NotConfiguredError(asked=asked)
        return self._current

    def _leave(self, configuration: _Configuration, depth: int) -> None:
        with self._lock:
            if self._current is not configuration or len(self._overridden) != depth:
                raise OverrideOrderError(place=configuration.place)
            self._current = self._overridden.pop()

    def _refuse_elsewhere(self, session: AnySession, stack: Stack) -> None:
        sync_session = session.sync_session if isinstance(session, AsyncSession) else session
        try:
            bind = sync_session.get_bind()
        except UnboundExecutionError:
            # One that chooses by table: it can't be asked without one.
            return
        route = self.route(stack)
        url = urls.canonical(bind.engine.url, root=self.settings.root, variable="the lent session")
        if not urls.same(url, route.url):
            raise LentElsewhereError(lent_url=redaction.mask_url(url), stack=stack, url=route.masked)
