"""The shared suite on Flask, and the comparison of the two stacks."""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import pytest
from flask.testing import FlaskClient

from cronjobs.flask_app import create_app
from cronjobs.testing.client import Answer, Api, Sender, fastapi_sender
from cronjobs.testing.fixtures import *  # noqa: F403 - a conftest collects fixtures
from cronjobs.testing.worlds import World
from crossfade.router import Router
from crossfade.testing.databases import Database


class FlaskSender:
    """Sends to a Flask application in this process."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        response = self._client.open(path, method=method, headers=dict(headers), data=body)
        return Answer(response.status_code, response.headers, response.get_data())


@contextmanager
def flask_sender(router: Router) -> Generator[Sender]:
    yield FlaskSender(create_app(router=router).test_client())


@pytest.fixture(scope="session")
def open_sender() -> Callable[[Router], AbstractContextManager[Sender]]:
    return flask_sender


@pytest.fixture(scope="session")
def prefix() -> str:
    return "/api"


@pytest.fixture
def twin(world: World, crossfade_database: Database) -> Api:
    """The FastAPI stack on the same database."""
    return Api(crossfade_database.keep(fastapi_sender, partial(fastapi_sender, world.router)), "/api/v2")
