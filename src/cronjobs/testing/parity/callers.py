"""Who asks: the `Authorization` header of people of each role, and of those who are nobody, or nobody any more."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt

from cronjobs.models import User
from cronjobs.services import tokens
from cronjobs.settings import Settings
from cronjobs.testing.everything import REVOKED
from cronjobs.testing.worlds import Person
from crossfade import clock

NOBODY = "nobody"


def callers(people: Mapping[str, Person], settings: Settings) -> dict[str, str | None]:
    """The header of each, by who it is; None for none."""
    tokens_of = {name: person.token for name, person in people.items()}
    good = people["admin"].token
    claims: dict[str, Any] = jwt.decode(good, options={"verify_signature": False})
    now = clock.now()
    stranger = User(id="3f1c2f7e-0000-4000-8000-000000000000", email="gone@cronjobs.test", role="admin")
    hour, day = timedelta(hours=1), timedelta(days=1)
    unsigned = jwt.encode(claims, None, algorithm="none")
    made = {
        "an expired token": _signed(claims | {"exp": (now - hour).timestamp()}, settings),
        "a token that expires now": _signed(claims | {"exp": now.timestamp()}, settings),
        "a token that was given back": _signed(claims | {"jti": REVOKED}, settings),
        "a token of tomorrow": _signed(claims | {"nbf": (now + day).timestamp()}, settings),
        "a token of somebody deleted": tokens.issue(stranger, settings, "access", at=now),
        "a refresh token": refresh_token(people["admin"], settings),
        "a token of the legacy application": _signed(_without(claims, "jti", "nbf"), settings),
        "a token without an end": _signed(_without(claims, "exp"), settings),
        "a token of nobody": _signed(_without(claims, "sub"), settings),
        "a token of a number": _signed(claims | {"sub": 5}, settings),
        "a token of U+0000": _signed(claims | {"sub": "\x00"}, settings),
        "a token with U+0000 for an id": _signed(claims | {"jti": "\x00"}, settings),
        "a token without a kind": _signed(_without(claims, "type"), settings),
        "a token with an odd end": _signed(claims | {"exp": "soon"}, settings),
        "a token that lies about the role": _signed(
            jwt.decode(people["viewer"].token, options={"verify_signature": False}) | {"role": "admin"}, settings
        ),
        "a token of another key": jwt.encode(claims, "x" * 32),
        "a token that nobody signed": unsigned,
        "a token that was changed": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
    }
    headers: dict[str, str | None] = {name: f"Bearer {token}" for name, token in (tokens_of | made).items()}
    return headers | {
        NOBODY: None,
        "an empty header": "",
        "no token": "Bearer",
        "a blank token": "Bearer  ",
        "another scheme": "Basic YWRtaW46eA==",
        "a small scheme": f"bearer {good}",
        "a large scheme": f"BEARER {good}",
        "two blanks": f"Bearer  {good} ",
        "two tokens": f"Bearer {good} {good}",
        "a comma": f"Bearer {good},",
        "a tab": f"Bearer\t{good}",
        "the token alone": good,
        "junk": "Bearer junk",
        "junk with dots": "Bearer a.b.c",
        "letters beyond ASCII": "Bearer \xe9\xff",
        "a very long token": f"Bearer {'x' * 8000}",
    }


def refresh_token(person: Person, settings: Settings) -> str:
    """One that is good."""
    user = User(id=person.id, email=person.email, role=person.role)
    return tokens.issue(user, settings, "refresh", at=clock.now())


def _signed(claims: Mapping[str, Any], settings: Settings) -> str:
    return jwt.encode(dict(claims), tokens._key(settings), algorithm=tokens.ALGORITHM)


def _without(claims: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in names}
