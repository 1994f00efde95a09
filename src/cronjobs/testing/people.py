"""More people for a test than the four that every world has; how all sign in, and what is known of them."""

from functools import cache
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from cronjobs import passwords
from cronjobs.models import User
from cronjobs.models.users import USER
from cronjobs.services import tokens
from cronjobs.settings import Settings
from cronjobs.testing.client import Answer, Api
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock

USER_KEYS = {"id", "username", "email", "role", "is_active", "created_at", "updated_at"}
"""Of the object of a user."""
LEGACY_HASH = "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"
LEGACY_PASSWORD = "password"
"""The example of passlib's own documentation."""


def add_user(session: Session, settings: Settings, username: str, *, role: str = USER, **columns: Any) -> Person:
    """Stores a user and signs them in; `columns` are stored as they are, whatever today's rules say."""
    at = clock.now()
    user = User(username=username, role=role, **({"email": f"{username}@cronjobs.test"} | columns))
    user.password_hash = columns.get("password_hash", _hashed(PASSWORD))
    session.add(user)
    session.commit()
    token = tokens.issue(user, settings, "access", at=at)
    password = LEGACY_PASSWORD if user.password_hash == LEGACY_HASH else PASSWORD
    return Person(user.id, user.username, user.email, user.role, token, password)


def stored(session: Session, user_id: str) -> User:
    """The row of a user as it is now."""
    session.rollback()
    return session.get_one(User, user_id, populate_existing=True)


def sign_in(api: Api, identifier: str, password: str = PASSWORD) -> Answer:
    """Whatever a login answers."""
    return api.post("/auth/login", json={"username": identifier, "password": password})


def signed_in(api: Api, identifier: str, password: str = PASSWORD) -> Any:
    """What a login that succeeds answers: tokens and the user."""
    answer = sign_in(api, identifier, password)
    assert answer.status == 200, answer.text
    return answer.json


def form(api: Api, **fields: str) -> Answer:
    """Whatever a login by the OAuth2 form answers."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return api.request("POST", "/auth/login/form", raw=urlencode(fields).encode(), headers=headers)


@cache
def _hashed(password: str) -> str:
    return passwords.hash_password(password)
