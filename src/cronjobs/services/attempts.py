"""How often somebody may try to sign in: whoever fails too often has to wait, as an account and as an address.

Counted in the database, so that all processes of both stacks count together. A name counts whether or not there is such
a user. A row holds a keyed digest and a number, never a name, an address or a password; once its window is over it
counts no more, and is deleted when somebody else fails. Where a client's address comes from is left to the edges.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

from sqlalchemy import ColumnElement, and_, case, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from cronjobs.models import LoginAttempts
from cronjobs.services.errors import TooManyError
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.database.sessions import WriteSession

WINDOW = timedelta(minutes=1)
"""Begins with the first failure; at its end all failures in it are forgotten. Short, because anybody who knows a name
can shut its owner out for as long."""
ACCOUNT_LIMIT = 20
"""Failures of one name in a window: more than a person has patience for, and too few to guess a password by."""
ADDRESS_LIMIT = 60
"""Failures from one address in a window: an office behind one address may err together, a list of stolen passwords
tried on one account each is slowed down."""

_NETWORK = 64
"""Bits of an IPv6 address that count: the rest of them is the client's own to choose."""
_PRUNED = 100
"""Rows that a failure deletes at most: more than it makes."""


@dataclass(frozen=True)
class Attempt:
    """Who tries to sign in, as digests."""

    account: str
    address: str | None
    """None where the server doesn't know it: then the account alone counts."""

    @classmethod
    def by(cls, name: str, address: str | None, settings: Settings) -> "Attempt":
        """Somebody at `address` who says to be `name`. Both stacks have the key: they take each other's tokens."""
        key = settings.token_secret.encode()
        return cls(
            account=_digest(key, "account", name.casefold()),
            address=None if address is None else _digest(key, "address", _place(address)),
        )

    @property
    def limits(self) -> Mapping[str, int]:
        """The failures that each digest may have; the account comes first."""
        return {self.account: ACCOUNT_LIMIT} | ({} if self.address is None else {self.address: ADDRESS_LIMIT})


def check(session: Session, attempt: Attempt) -> int:
    """How often the account has failed of late. Raises TooManyError while it or the address has to wait."""
    now = clock.naive_utc()
    limits = attempt.limits
    found = session.execute(
        select(LoginAttempts.key, LoginAttempts.failures, LoginAttempts.since).where(
            LoginAttempts.key.in_(limits), _counts(now)
        )
    ).all()
    exhausted = [row.since for row in found if row.failures >= limits[row.key]]
    if exhausted:
        raise _too_many(max(exhausted), now)
    return sum(row.failures for row in found if row.key == attempt.account)


def failed(session: WriteSession, attempt: Attempt) -> None:
    """Count a failure of the account and of the address. Raises TooManyError where it is one more than allowed.

    To be committed whatever becomes of the login; nothing is to be kept of one that is one too many.
    """
    now = clock.naive_utc()
    # Always the account first: two that wait for each other's rows would wait for ever.
    for key, limit in attempt.limits.items():
        failures, since = _count(session, key, now)
        if failures > limit:
            raise _too_many(since, now)
    _prune(session, now)


def forget(session: WriteSession, attempt: Attempt) -> None:
    """The account has signed in: its failures count no more. Those of the address do: others may be behind it."""
    session.execute(delete(LoginAttempts).where(LoginAttempts.key == attempt.account))


def _count(session: WriteSession, key: str, now: datetime) -> tuple[int, datetime]:
    """One more failure, in the window that is open or in a new one: how many in it, and since when."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(LoginAttempts)
        .values(key=key, failures=1, since=now)
        .on_conflict_do_update(
            index_elements=[LoginAttempts.key],
            set_={
                "failures": case((_counts(now), LoginAttempts.failures + 1), else_=1),
                "since": case((_counts(now), LoginAttempts.since), else_=now),
            },
        )
        .returning(LoginAttempts.failures, LoginAttempts.since)
    )
    failures, since = session.execute(statement).one()
    return failures, since


def _prune(session: WriteSession, now: datetime) -> None:
    # Rows that somebody else is counting in or deleting are left to them, so that nobody waits here.
    old = (
        select(LoginAttempts.key)
        .where(or_(LoginAttempts.since <= now - WINDOW, LoginAttempts.since > now + WINDOW))
        .limit(_PRUNED)
        .with_for_update(skip_locked=True)
    )
    keys = session.scalars(old).all()
    if keys:
        session.execute(delete(LoginAttempts).where(LoginAttempts.key.in_(keys)))


def _counts(now: datetime) -> ColumnElement[bool]:
    """Whether a row's window is open. One that begins far ahead was written by a clock that went wrong."""
    return and_(LoginAttempts.since > now - WINDOW, LoginAttempts.since <= now + WINDOW)


def _too_many(since: datetime, now: datetime) -> TooManyError:
    seconds = int((since + WINDOW - now).total_seconds()) + 1
    return TooManyError(f"Too many failed logins. Try again in {seconds} seconds.", retry_after=seconds)


def _digest(key: bytes, kind: str, text: str) -> str:
    # What isn't UTF-8 is a name too, though nobody's.
    message = f"login attempts: {kind}: {text}".encode(errors="surrogatepass")
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _place(address: str) -> str:
    """What counts as one address: an IPv4 address, however it is written, or an IPv6 network."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found, _NETWORK), strict=False))
    return str(found)
