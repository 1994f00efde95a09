"""How long history is kept: old executions and old notifications are deleted, a small batch at a time.

Off unless EXECUTION_RETENTION_DAYS or NOTIFICATION_RETENTION_DAYS says otherwise. A batch is a transaction of its own,
short enough that nobody who writes has to wait for long; the pause between two is left to who calls. A running
execution is never deleted, nor anything younger than a day.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, select
from sqlalchemy.orm import InstrumentedAttribute

from cronjobs.models import JobExecution, Notification
from cronjobs.models.executions import RUNNING
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.database.sessions import WriteSession

CHORE = "retention"
BATCH = 200
YOUNGEST = timedelta(days=1)
"""Whatever is asked for, nothing younger is deleted."""

Prune = Callable[[WriteSession, int], int]
"""Deletes a batch of what is older than that many days; how many. Call again if it is BATCH."""


def prune_executions(session: WriteSession, days: int, *, now: datetime | None = None) -> int:
    """Deletes up to BATCH executions that began more than `days` days ago, the oldest first; how many."""
    old = JobExecution.started_at < _limit(days, now)
    return _prune(session, JobExecution, JobExecution.started_at, old, JobExecution.status != RUNNING)


def prune_notifications(session: WriteSession, days: int, *, now: datetime | None = None) -> int:
    """Deletes up to BATCH notifications, read or not, that came more than `days` days ago; how many."""
    old = Notification.created_at < _limit(days, now)
    return _prune(session, Notification, Notification.created_at, old)


def wanted(settings: Settings) -> list[tuple[Prune, int]]:
    """What is to be pruned, and after how many days; nothing where both are off."""
    asked: list[tuple[Prune, int]] = [
        (prune_notifications, settings.notification_retention_days),
        (prune_executions, settings.execution_retention_days),
    ]
    return [(prune, days) for prune, days in asked if days > 0]


def _limit(days: int, now: datetime | None) -> datetime:
    return clock.naive_utc(now) - max(timedelta(days=days), YOUNGEST)


def _prune(
    session: WriteSession,
    table: type[JobExecution | Notification],
    age: InstrumentedAttribute[datetime],
    *conditions: ColumnElement[bool],
) -> int:
    # What somebody else has in hand is left for the next time, so that nobody waits for anybody.
    found = session.scalars(
        select(table.id).where(*conditions).order_by(age).limit(BATCH).with_for_update(skip_locked=True)
    ).all()
    if not found:
        return 0
    gone = session.execute(delete(table).where(table.id.in_(found)).execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", gone).rowcount
