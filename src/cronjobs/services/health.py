"""Is the application alive, and what does it talk to."""

import logging
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.models.scheduling import OFF
from cronjobs.services import backlog, control
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
    """healthy, degraded (it answers, but runs that are due are not begun) or unhealthy."""
    scheduler_running: bool
    scheduled_jobs_count: int | None
    overdue_seconds: float | None
    """How long the oldest run has been due that nobody takes; 0 if there is none, None if that can't be known."""
    stack: Stack
    database: DatabaseHealth


def look(session: Session, *, stack: Stack, router: Router, scheduler_running: bool, enabled: bool) -> Health:
    """The health of a stack; a database out of reach is an answer, not an error.

    `enabled` is whether processes with these settings may fire. Then, unless the switch is off or writes are frozen,
    runs that are overdue make the stack degraded; but on the anchor database alone, because another one may hold jobs
    that are the anchor's.
    """
    mode = router.route(stack).mode
    try:
        revision = revisions.current(session.connection())
        frozen = fence.frozen(session.connection()) is not None
        count = session.scalar(select(func.count()).select_from(Job).where(Job.is_active)) if revision else None
        overdue = backlog.overdue_seconds(session) if revision else None
        may_fire = enabled and not frozen and _is_anchor(router, stack)
        is_missed = may_fire and _is_overdue(session, overdue)
    except (DBAPIError, UnreachableError) as error:
        logger.warning("The database of %s is out of reach: %s", stack, error)
        session.rollback()
        lost = DatabaseHealth(mode, reachable=False, revision=None)
        return Health("unhealthy", scheduler_running, None, None, stack, lost)
    database = DatabaseHealth(mode, reachable=True, revision=revision, frozen=frozen)
    return Health("degraded" if is_missed else "healthy", scheduler_running, count, overdue, stack, database)


def _is_anchor(router: Router, stack: Stack) -> bool:
    return router.route(stack).url == router.routes.anchor.url


def _is_overdue(session: Session, seconds: float | None) -> bool:
    late = seconds is not None and seconds > backlog.OVERDUE_AFTER.total_seconds()
    return late and control.look(session).owner != OFF
