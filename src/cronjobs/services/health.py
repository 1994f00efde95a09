"""Is the application alive, and what does it talk to."""

import logging
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cronjobs.models import Job
from crossfade import fence, revisions
from crossfade.errors import UnreachableError
from crossfade.router import Router
from crossfade.routes import Stack

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatabaseHealth:
    """What a stack talks to."""

    mode: str
    reachable: bool
    revision: str | None
    frozen: bool = False
    """Whether writes are refused for the moment; reading goes on, so the stack is healthy."""


@dataclass(frozen=True)
class Health:
    """What `GET health` says."""

    status: str
    scheduler_running: bool
    scheduled_jobs_count: int | None
    stack: Stack
    database: DatabaseHealth


def look(session: Session, *, stack: Stack, router: Router, scheduler_running: bool) -> Health:
    """The health of a stack; a database out of reach is an answer, not an error."""
    mode = router.route(stack).mode
    try:
        revision = revisions.current(session.connection())
        frozen = fence.frozen(session.connection()) is not None
        count = session.scalar(select(func.count()).select_from(Job).where(Job.is_active)) if revision else None
    except (DBAPIError, UnreachableError) as error:
        logger.warning("The database of %s is out of reach: %s", stack, error)
        session.rollback()
        return Health("unhealthy", scheduler_running, None, stack, DatabaseHealth(mode, reachable=False, revision=None))
    database = DatabaseHealth(mode, reachable=True, revision=revision, frozen=frozen)
    return Health("healthy", scheduler_running, count, stack, database)
