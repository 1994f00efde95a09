"""The layer that everything else asks for a session, by a `with` block.

It keeps the router alone: no engine, no session factory, nothing that would have to be reset. Who asks gets what the
router is configured for at that moment, or the session that somebody lends.
"""

from contextlib import AbstractAsyncContextManager, AbstractContextManager

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from crossfade.router import Router
from ledger.settings import settings

router = Router.unconfigured(name="ledger")
"""Opens nothing, reads nothing; whoever uses it before `start` is told so."""


def start() -> None:
    """Once, when the process begins."""
    router.configure(settings())


def session() -> AbstractContextManager[Session]:
    """A unit of work: committed if the block ends well, rolled back if not."""
    return router.session("fastapi")


def async_session() -> AbstractAsyncContextManager[AsyncSession]:
    """The same for async code."""
    return router.async_session("fastapi")
