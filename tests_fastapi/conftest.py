"""The shared suite on FastAPI."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from cronjobs.testing.client import Sender, fastapi_sender
from cronjobs.testing.fixtures import *  # noqa: F403 - a conftest collects fixtures
from crossfade.router import Router


@pytest.fixture(scope="session")
def open_sender() -> Callable[[Router], AbstractContextManager[Sender]]:
    return fastapi_sender


@pytest.fixture(scope="session")
def prefix() -> str:
    return "/api/v2"
