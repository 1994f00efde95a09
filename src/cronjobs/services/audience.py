"""Who is told of a job: its creator and the active admins, and which of them how, by their preferences.

`browser_notifications` governs the inbox, the three `email_on_job_...` the e-mails about runs and about jobs that were
paused, `weekly_report` the e-mail of the weekly reminder, `daily_digest` that of the day's runs. Inactive users are
told nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from cronjobs.models import User, UserNotificationPreferences
from cronjobs.models.users import ADMIN
from crossfade.database.sessions import WriteSession

_COLUMNS = UserNotificationPreferences.__table__.c
_ASKED = (
    "browser_notifications",
    "email_on_job_success",
    "email_on_job_failure",
    "email_on_job_disabled",
    "weekly_report",
    "daily_digest",
)


@dataclass(frozen=True)
class Listener:
    """An active user, or one who isn't but whose address somebody wrote down."""

    id: str
    email: str
    role: str
    is_active: bool
    preferences: dict[str, bool]
    """By column; one who never chose has the defaults."""

    def wants(self, preference: str) -> bool:
        """Whether they are to be told in that way."""
        return self.is_active and self.preferences[preference]

    def hears_of(self, creator: str | None) -> bool:
        """Whether jobs of `creator` are theirs to know of."""
        return self.is_active and (self.role == ADMIN or self.id == creator)


def find(session: WriteSession, creators: Iterable[str | None], addresses: Collection[str] = ()) -> list[Listener]:
    """The active admins, the creators, and whoever has one of `addresses`; one statement.

    Until the transaction ends nobody of them is deleted: what they are told refers to them.
    """
    known = {creator for creator in creators if creator is not None}
    written = {form for address in addresses for form in (address, address.lower())}
    statement = (
        _asked()
        .where(or_((User.role == ADMIN) & User.is_active.is_(True), User.id.in_(known), User.email.in_(written)))
        .order_by(User.username)
        .with_for_update(read=True, key_share=True, of=User)
    )
    return [_listener(user, chosen) for user, *chosen in session.execute(statement)]


def who_want(session: Session, preference: str) -> list[Listener]:
    """The active users who chose `preference`, one that is off by default."""
    statement = _asked().where(User.is_active.is_(True), _COLUMNS[preference].is_(True)).order_by(User.username)
    return [_listener(user, chosen) for user, *chosen in session.execute(statement)]


def _asked() -> Select[*tuple[Any, ...]]:
    return select(User, *(_COLUMNS[name] for name in _ASKED)).outerjoin(
        UserNotificationPreferences, UserNotificationPreferences.user_id == User.id
    )


def _listener(user: User, chosen: list[bool | None]) -> Listener:
    preferences = {name: _default(name) if value is None else value for name, value in zip(_ASKED, chosen, strict=True)}
    return Listener(user.id, user.email, user.role, user.is_active, preferences)


def _default(name: str) -> bool:
    default: Any = _COLUMNS[name].default
    return bool(default.arg)
