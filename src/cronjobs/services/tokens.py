"""Tokens: signed claims about a user, good on both stacks, until they expire or are revoked.

A token carries the instant it was issued to the microsecond, so that it can be told from the ones that a change of
password in the same second ended. The legacy application's tokens are read too: theirs are whole seconds, and some
have neither `jti` nor `nbf`. Whether the user is still there and active is left to `accounts.authenticate`.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
from sqlalchemy import ColumnElement, delete, exists, select

from cronjobs.models import RevokedToken, User
from cronjobs.models.base import new_id
from cronjobs.services.errors import UnauthenticatedError
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.database.sessions import WriteSession

Kind = Literal["access", "refresh"]

ALGORITHM = "HS256"
SKEW = timedelta(seconds=5)
"""How far the clocks of two machines may be apart: a token is not refused as too young within it."""

# PyJWT would compare whole seconds, by a clock of its own and without mercy for skew.
_TIMES_ARE_READ_HERE: Any = {
    "require": ["exp", "iat", "sub"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
_LONGEST_ID = 64


@dataclass(frozen=True)
class Claims:
    """What a token says, once its signature, its kind and its times are found good."""

    token_id: str
    """Its `jti`, or the SHA-256 of a token that has none: what a revocation remembers."""
    user_id: str
    issued_at: datetime
    expires_at: datetime


def lifetime(settings: Settings, kind: Kind) -> int:
    """Seconds that a token of this kind lives."""
    return settings.jwt_access_token_expires if kind == "access" else settings.jwt_refresh_token_expires


def issue(user: User, settings: Settings, kind: Kind, *, at: datetime, fresh: bool = False) -> str:
    """A token for a user that was read no earlier than `at`.

    It is dated then, not now: if the password is changed between reading and issuing, the token is dead at birth.
    `fresh` says that a password was just given.
    """
    issued_at = clock.utc(at).timestamp()
    claims = {
        "sub": user.id,
        "role": user.role,
        "email": user.email,
        "type": kind,
        "fresh": fresh,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + lifetime(settings, kind),
        "jti": new_id(),
    }
    return jwt.encode(claims, _key(settings), algorithm=ALGORITHM)


def read(text: str, settings: Settings, kind: Kind) -> Claims:
    """The claims of a token of this kind. Raises UnauthenticatedError for every other text."""
    try:
        claims = jwt.decode(text, _key(settings), algorithms=[ALGORITHM], options=_TIMES_ARE_READ_HERE)
    except jwt.InvalidTokenError as error:
        raise _invalid() from error
    if claims.get("type") != kind:
        raise UnauthenticatedError(f"This is no {kind} token.", error="Wrong token type")
    if "\x00" in claims["sub"]:
        # No database could be asked for it.
        raise _invalid()
    issued_at, expires_at = _instant(claims["iat"]), _instant(claims["exp"])
    if expires_at <= clock.now():
        raise UnauthenticatedError("The token has expired.", error="Token expired")
    if _instant(claims.get("nbf", claims["iat"])) > clock.now() + SKEW:
        raise UnauthenticatedError("The token is not valid yet.", error="Invalid token")
    return Claims(_identity(text, claims), claims["sub"], issued_at, expires_at)


def is_revoked(claims: Claims) -> ColumnElement[bool]:
    """A condition: whether the token was given back."""
    return exists().where(RevokedToken.id == claims.token_id)


def revoke(session: WriteSession, claims: Claims) -> None:
    """Make a token worthless from now on; forgets those that have expired since."""
    session.execute(delete(RevokedToken).where(RevokedToken.expires_at < clock.naive_utc()))
    # Twice at once is one revocation: the second waits for the user's row, and then finds the first.
    session.scalar(select(User.id).where(User.id == claims.user_id).with_for_update(key_share=True))
    if session.get(RevokedToken, claims.token_id) is None:
        session.add(RevokedToken(id=claims.token_id, expires_at=clock.naive_utc(claims.expires_at)))
        session.flush()


def _key(settings: Settings) -> bytes:
    # A key shorter than 256 bits is warned of with every token; HMAC fills it up with zeros, and so may we. Whether a
    # short one is allowed at all, the settings decide.
    return settings.token_secret.encode().ljust(32, b"\0")


def _identity(text: str, claims: dict[str, Any]) -> str:
    token_id = claims.get("jti")
    if isinstance(token_id, str) and 0 < len(token_id) <= _LONGEST_ID and "\x00" not in token_id:
        return token_id
    return hashlib.sha256(text.encode()).hexdigest()


def _instant(seconds: Any) -> datetime:
    try:
        return datetime.fromtimestamp(float(seconds), UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise _invalid() from error


def _invalid() -> UnauthenticatedError:
    return UnauthenticatedError("The token is invalid.", error="Invalid token")
