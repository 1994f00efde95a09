"""A user's inbox: listed, counted, read and cleared, by its owner alone. Filling it is left to `services.telling`."""

from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, select, update
from sqlalchemy.orm import Session

from cronjobs.models import Notification, User
from cronjobs.services import errors
from cronjobs.services.pages import Page, Slice, Timeline
from cronjobs.services.periods import Period
from crossfade import clock
from crossfade.database.sessions import WriteSession

_TIMELINE = Timeline(Notification.created_at, Notification.id)


@dataclass(frozen=True)
class Wanted:
    """What an inbox is narrowed to."""

    unread_only: bool = False
    period: Period = field(default_factory=Period)
    """When they came."""


def page(session: Session, owner: User, wanted: Wanted, page: Page) -> Slice[Notification]:
    """One page of `owner`'s notifications, newest first: two statements."""
    conditions = _conditions(owner, wanted)
    total = _TIMELINE.count(session, conditions)
    listed = select(Notification).where(_TIMELINE.are_on(page, conditions, total=total))
    return Slice(list(session.scalars(_TIMELINE.newest_first(listed))), total, page)


def unread_count(session: Session, owner: User, period: Period) -> int:
    """How many of `owner`'s notifications of that period are unread."""
    return _TIMELINE.count(session, _conditions(owner, Wanted(unread_only=True, period=period)))


def read(session: WriteSession, owner: User, notification_id: str) -> Notification:
    """Marks one as read; one that was read already stays as it is. Raises NotFoundError, for others' too."""
    notification = _find_to_change(session, owner, notification_id)
    if not notification.is_read:
        notification.is_read = True
        notification.read_at = clock.naive_utc()
        session.flush()
    return notification


def read_all(session: WriteSession, owner: User) -> int:
    """Marks all of `owner`'s as read; how many weren't."""
    changed = session.execute(
        update(Notification)
        .where(*_conditions(owner, Wanted(unread_only=True)))
        .values(is_read=True, read_at=clock.naive_utc())
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", changed).rowcount


def remove(session: WriteSession, owner: User, notification_id: str) -> None:
    """Deletes one. Raises NotFoundError, for others' too."""
    session.delete(_find_to_change(session, owner, notification_id))
    session.flush()


def remove_read(session: WriteSession, owner: User, period: Period) -> int:
    """Deletes those of `owner`'s of that period that were read; how many."""
    removed = session.execute(
        delete(Notification)
        .where(
            Notification.user_id == owner.id, Notification.is_read.is_(True), *period.covers(Notification.created_at)
        )
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", removed).rowcount


def _find_to_change(session: WriteSession, owner: User, notification_id: str) -> Notification:
    # Somebody else's is as unknown as none: whether an id exists is nobody else's business.
    wanted = select(Notification).where(Notification.id == notification_id, Notification.user_id == owner.id)
    found = None if "\x00" in notification_id else session.scalar(wanted.with_for_update())
    if found is None:
        raise errors.NotFoundError("You have no such notification.", error="Notification not found")
    return found


def _conditions(owner: User, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = [Notification.user_id == owner.id, *wanted.period.covers(Notification.created_at)]
    if wanted.unread_only:
        conditions.append(Notification.is_read.is_(False))
    return conditions
