"""Fixtures of the shared suite. A stack's conftest imports them all and adds its own `open_sender` and `prefix`:

from cronjobs.testing.fixtures import *

@pytest.fixture(scope="session")
def open_sender():
    return my_sender  # a context manager: Router -> Sender
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import pytest
from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing import hashing, worlds
from cronjobs.testing.client import Api, Sender
from cronjobs.testing.targets import target, unused_port
from cronjobs.testing.worlds import Person, World
from crossfade.router import Router
from crossfade.testing.databases import Database, Databases, Seed

__all__ = [
    "admin",
    "api",
    "cheap_passwords",
    "crossfade_seed",
    "crossfade_variables",
    "editor",
    "other",
    "router",
    "session",
    "settings",
    "target",
    "unused_port",
    "viewer",
    "world",
]


@pytest.fixture(autouse=True)
def cheap_passwords() -> Generator[None]:
    """What a hash costs is none of a test's business, and hundreds of tests sign in."""
    with hashing.cheap():
        yield


@pytest.fixture(scope="session")
def crossfade_variables() -> dict[str, str]:
    return worlds.VARIABLES


@pytest.fixture(scope="session")
def crossfade_seed() -> Seed:
    return worlds.seed


@pytest.fixture
def world(crossfade_database: Database, crossfade_databases: Databases) -> World:
    """The database of the test and the people in it; on each kind of database, and put back after the test."""
    restore = partial(crossfade_databases.put_back, crossfade_database.kind)
    made: World = crossfade_database.keep("world", lambda: nullcontext(_world(crossfade_database.router, restore)))
    return made


def _world(router: Router, restore: Callable[[], None]) -> World:
    settings = router.settings
    assert isinstance(settings, Settings)
    with router.session("flask") as session:
        return World(settings, router, worlds.people(session, settings), restore)


@pytest.fixture
def settings(world: World) -> Settings:
    return world.settings


@pytest.fixture
def router(world: World) -> Router:
    return world.router


@pytest.fixture
def api(
    world: World,
    crossfade_database: Database,
    open_sender: Callable[[Router], AbstractContextManager[Sender]],
    prefix: str,
) -> Api:
    """The stack under test."""
    return Api(crossfade_database.keep(open_sender, partial(open_sender, world.router)), prefix)


@pytest.fixture
def session(router: Router) -> Generator[Session]:
    """For arranging and looking: what it commits the stack sees, and the other way round."""
    with router.session_factory("flask")() as opened:
        yield opened


@pytest.fixture
def admin(world: World) -> Person:
    return world.people["admin"]


@pytest.fixture
def editor(world: World) -> Person:
    """A user who may create jobs."""
    return world.people["editor"]


@pytest.fixture
def other(world: World) -> Person:
    """Another such user."""
    return world.people["other"]


@pytest.fixture
def viewer(world: World) -> Person:
    return world.people["viewer"]
