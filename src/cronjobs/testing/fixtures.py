"""Fixtures of the shared suite. A stack's conftest imports them all and adds its own `open_sender` and `prefix`:

from cronjobs.testing.fixtures import *

@pytest.fixture(scope="session")
def open_sender():
    return my_sender  # a context manager: Router -> Sender
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import URL
from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing import hashing, worlds
from cronjobs.testing.client import Api, Sender
from cronjobs.testing.targets import target, unused_port
from cronjobs.testing.worlds import Person, World
from crossfade.project import Project
from crossfade.router import Router
from crossfade.testing import postgres

__all__ = [
    "admin",
    "all_worlds",
    "api",
    "cheap_passwords",
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

DATABASES = ("sqlite", "postgresql")


class Worlds:
    """A world for each database, and a stack on each, made when a test first asks."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._root = Project.find().root
        self._worlds: dict[str, World] = {}
        self._senders: dict[tuple[str, object], Sender] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def world(self, database: str) -> World:
        """The world in that kind of database."""
        if database not in self._worlds:
            self._worlds[database] = self._stack.enter_context(worlds.world(self._url(database), self._root))
        return self._worlds[database]

    def sender(self, world: World, open_sender: Callable[[Router], AbstractContextManager[Sender]]) -> Sender:
        """A stack on that world."""
        key = (world.router.route("flask").masked, open_sender)
        if key not in self._senders:
            self._senders[key] = self._stack.enter_context(open_sender(world.router))
        return self._senders[key]

    def _url(self, database: str) -> str | URL:
        if database == "sqlite":
            return f"sqlite:///{self._place / 'cronjobs_test.db'}"
        return self._stack.enter_context(postgres.embedded()).database("cronjobs_test")


@pytest.fixture(autouse=True)
def cheap_passwords() -> Generator[None]:
    """What a hash costs is none of a test's business, and hundreds of tests sign in."""
    with hashing.cheap():
        yield


@pytest.fixture(scope="session")
def all_worlds(tmp_path_factory: pytest.TempPathFactory) -> Generator[Worlds]:
    with Worlds(tmp_path_factory.mktemp("worlds")) as every:
        yield every


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, all_worlds: Worlds) -> Generator[World]:
    """The database and the people; put back after the test."""
    chosen = all_worlds.world(request.param)
    yield chosen
    chosen.restore()


@pytest.fixture
def settings(world: World) -> Settings:
    return world.settings


@pytest.fixture
def router(world: World) -> Router:
    return world.router


@pytest.fixture
def api(
    world: World,
    all_worlds: Worlds,
    open_sender: Callable[[Router], AbstractContextManager[Sender]],
    prefix: str,
) -> Api:
    """The stack under test."""
    return Api(all_worlds.sender(world, open_sender), prefix)


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
