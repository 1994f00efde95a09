"""A world to test in: an isolated database with people in it, put back after each test."""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from cronjobs.models import PicTeam, User, metadata
from cronjobs.models.users import ADMIN, USER, VIEWER
from cronjobs.services import tokens
from cronjobs.settings import Settings
from crossfade import clock, revisions
from crossfade.project import Project
from crossfade.router import Router
from crossfade.testing.restore import take

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in, and has."""

    id: str
    username: str
    email: str
    role: str
    token: str
    password: str = PASSWORD


@dataclass(frozen=True)
class World:
    """A database with the four people and one team, and the way back to that."""

    settings: Settings
    router: Router
    people: dict[str, Person]
    restore: Callable[[], None]
    """Makes everything as it was at the beginning."""


VARIABLES = {
    "WEBHOOK_ALLOW_PRIVATE": "true",
    # Whatever else is set, a test fires nothing.
    "SCHEDULER_ENABLED": "true",
}
"""What every test needs besides a database."""


@contextmanager
def world(url: URL | str, root: Path, variables: Mapping[str, str] | None = None) -> Generator[World]:
    """A world in the empty database at `url`; `root` is the project whose revisions make its schema.

    `variables` are set besides those that every test needs.
    """
    given = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    environ = {
        "TESTING": "true",
        "TEST_DATABASE_URL": given,
        **VARIABLES,
        **(variables or {}),
    }
    settings = Settings.load(root=root, environ=environ)
    router = Router(settings, name="tests")
    try:
        revisions.initialise(router, Project.find(root))
        people = add_people(router, settings)
        with closing(take(router.engine("flask"), metadata)) as snapshot:
            yield World(settings, router, people, snapshot.restore)
    finally:
        router.dispose()


def add_people(router: Router, settings: Settings) -> dict[str, Person]:
    """An admin, two editors, a viewer and a team, in the database of the router."""
    with router.session("flask") as session:
        seed(session)
        session.flush()
        return people(session, settings)


def seed(session: Session) -> None:
    """Adds them."""
    session.add(PicTeam(slug="platform", name="Platform", slack_handle="@platform"))
    session.add_all(_user(name, role) for name, role in _ROLES.items())


def people(session: Session, settings: Settings) -> dict[str, Person]:
    """Those that `seed` has added, signed in, by name."""
    now = clock.now()
    return {
        user.username: Person(
            user.id, user.username, user.email, user.role, tokens.issue(user, settings, "access", at=now)
        )
        for user in session.scalars(select(User).where(User.username.in_(_ROLES)))
    }


_ROLES = {"admin": ADMIN, "editor": USER, "other": USER, "viewer": VIEWER}


def _user(name: str, role: str) -> User:
    user = User(username=name, email=f"{name}@cronjobs.test", role=role)
    user.set_password(PASSWORD)
    return user
