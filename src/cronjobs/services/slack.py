"""Slack settings: whether the application speaks on Slack, through which webhook, and where.

There is one row, made by the first change. The webhook's address is a secret, because who knows it may write: people
are shown `masked`, and sending that back leaves the address as it is. Speaking is left to others.
"""

from typing import TypedDict
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import SlackSettings, User
from cronjobs.services import audit, locks, targets
from cronjobs.services.errors import InvalidError
from cronjobs.services.locks import Turn
from crossfade.database.sessions import WriteSession
from crossfade.redaction import MASK

LONGEST_URL = 2000
LONGEST_CHANNEL = 255


class Changes(TypedDict, total=False):
    """What to change, trimmed; a missing key leaves it as it is, None clears it."""

    is_enabled: bool
    webhook_url: str | None
    channel: str | None


def current(session: Session) -> SlackSettings | None:
    """The settings; None as long as nobody has set any. Of several rows, which the legacy code allowed, the oldest."""
    return session.scalars(select(SlackSettings).order_by(SlackSettings.created_at, SlackSettings.id).limit(1)).first()


def change(session: WriteSession, caller: User, changes: Changes) -> SlackSettings:
    """Changes what is mentioned. Raises InvalidError for an address that isn't https, and when enabled without one."""
    locks.alone(session, Turn.SLACK)
    settings = current(session)
    if settings is None:
        settings = SlackSettings(is_enabled=False)
    before = audit.state(settings)
    if "webhook_url" in changes:
        settings.webhook_url = _address(changes["webhook_url"], settings.webhook_url)
    settings.is_enabled = changes.get("is_enabled", settings.is_enabled)
    settings.channel = changes.get("channel", settings.channel)
    if settings.is_enabled and not settings.webhook_url:
        raise InvalidError("webhook_url: Slack can't be enabled without one.", error="Missing webhook_url")
    session.add(settings)
    session.flush()
    audit.changed(session, caller, settings, before)
    return settings


def masked(webhook_url: str | None) -> str | None:
    """The address as it may be shown: whose it is, without the path, which is the secret."""
    if not webhook_url:
        return None
    try:
        parts = urlsplit(webhook_url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/{MASK}" if host else MASK


def _address(given: str | None, stored: str | None) -> str | None:
    if given is None or given == masked(stored):
        return given and stored
    address = targets.web_address(given, field="webhook_url")
    if urlsplit(address).scheme != "https":
        raise _invalid("the address must begin with https://")
    if MASK in address:
        raise _invalid("this address is masked, and not the one that is stored; send the whole address")
    return address


def _invalid(rule: str) -> InvalidError:
    return InvalidError(f"webhook_url: {rule}.", error="Invalid webhook_url")
