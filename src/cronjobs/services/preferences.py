"""What users want to be told, and which columns of the job table they see."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, select
from sqlalchemy.orm import Session

from cronjobs.models import User, UserNotificationPreferences, UserUiPreferences
from cronjobs.services.errors import NotFoundError
from crossfade.database.sessions import WriteSession, begin_write
from crossfade.errors import WritesFrozenError

DEFAULT_COLUMNS: Mapping[str, bool] = {
    "pic_team": True,
    "end_date": True,
    "cron_expression": False,
    "target_url": False,
    "last_execution_at": False,
}
"""The columns of the job table that can be shown and hidden, and whether they are shown to begin with."""


def notifications(session: Session, user_id: str) -> UserNotificationPreferences:
    """What a user wants to be told; made with the defaults on first use. Raises NotFoundError for an unknown user.

    While writes are frozen, the defaults, which nobody keeps.
    """
    _existing(session, user_id)
    found = _notifications(session, user_id)
    if found is not None:
        return found
    writer = begin_write(session)
    try:
        # A savepoint: what PostgreSQL refuses would take the whole answer along.
        with writer.begin_nested():
            return _made(writer, user_id)
    except WritesFrozenError:
        return _unsaved(user_id)


def change_notifications(
    session: WriteSession, user_id: str, changes: Mapping[str, bool]
) -> UserNotificationPreferences:
    """Change what a user wants to be told; what `changes` doesn't name stays. Raises NotFoundError."""
    preferences = _made(session, user_id)
    for name, wanted in changes.items():
        setattr(preferences, name, wanted)
    session.flush()
    return preferences


def columns(session: Session, user_id: str) -> dict[str, bool]:
    """Which columns of the job table a user sees. Raises NotFoundError for an unknown user."""
    _existing(session, user_id)
    found = session.scalars(select(UserUiPreferences).where(UserUiPreferences.user_id == user_id)).one_or_none()
    return _shown(found.jobs_table_columns if found is not None else None)


def set_columns(session: WriteSession, user_id: str, wanted: Mapping[str, bool]) -> dict[str, bool]:
    """Set which columns a user sees: what `wanted` doesn't name is reset. Raises NotFoundError."""
    _locked(session, user_id)
    shown = dict(DEFAULT_COLUMNS) | {name: wanted[name] for name in DEFAULT_COLUMNS if name in wanted}
    row = session.scalars(select(UserUiPreferences).where(UserUiPreferences.user_id == user_id)).one_or_none()
    if row is None:
        row = UserUiPreferences(user_id=user_id)
        session.add(row)
    row.jobs_table_columns = json.dumps(shown)
    session.flush()
    return shown


def _notifications(session: Session, user_id: str) -> UserNotificationPreferences | None:
    wanted = select(UserNotificationPreferences).where(UserNotificationPreferences.user_id == user_id)
    return session.scalars(wanted).one_or_none()


def _made(session: WriteSession, user_id: str) -> UserNotificationPreferences:
    """The user's row, which is there from now on, however many ask for it at once."""
    _locked(session, user_id)
    found = _notifications(session, user_id)
    if found is None:
        found = UserNotificationPreferences(user_id=user_id)
        session.add(found)
        session.flush()
    return found


def _unsaved(user_id: str) -> UserNotificationPreferences:
    columns: Any = UserNotificationPreferences.__table__.columns
    defaults = {column.name: column.default.arg for column in columns if isinstance(column.type, Boolean)}
    return UserNotificationPreferences(user_id=user_id, **defaults)


def _shown(stored: str | None) -> dict[str, bool]:
    """A stored choice of columns, completed; the legacy application stored whatever it was sent."""
    try:
        chosen: Any = json.loads(stored or "{}")
    except ValueError:
        chosen = {}
    if not isinstance(chosen, dict):
        chosen = {}
    known = {name: chosen[name] for name in DEFAULT_COLUMNS if isinstance(chosen.get(name), bool)}
    return dict(DEFAULT_COLUMNS) | known


def _existing(session: Session, user_id: str) -> None:
    if session.get(User, user_id) is None:
        raise _not_found()


def _locked(session: WriteSession, user_id: str) -> None:
    """Keep the user from being deleted, and others from making the same row, until the transaction ends."""
    if session.scalar(select(User.id).where(User.id == user_id).with_for_update()) is None:
        raise _not_found()


def _not_found() -> NotFoundError:
    return NotFoundError("There is no user with this id.", error="User not found")
