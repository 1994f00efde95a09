"""More people for a test than the four that every world has."""

from functools import cache
from typing import Any

from sqlalchemy.orm import Session

from cronjobs import passwords
from cronjobs.models import User
from cronjobs.models.users import USER
from cronjobs.services import tokens
from cronjobs.settings import Settings
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock

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


@cache
def _hashed(password: str) -> str:
    return passwords.hash_password(password)
