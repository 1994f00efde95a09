"""For each stack the database that it uses, and the reason.

- by default both stacks use the database of DATABASE_URL or DB_*, else `instance/cron_jobs.db`: **shared**;
- if FASTAPI_DATABASE_URL names another, FastAPI uses that one: **separate**;
- under TESTING Flask uses TEST_DATABASE_URL, else memory of this process, and FastAPI uses FASTAPI_TEST_DATABASE_URL,
  else TEST_DATABASE_URL, else `instance/fastapi_test.db`: **test**.

A test never falls back to DATABASE_URL or DB_*. TEST_DATABASE_URL alone serves both stacks, as DATABASE_URL does. The
default test file has pytest-xdist's worker in its name; a URL that somebody wrote is taken literally, because a
server that a worker starts inherits that variable. Resolving opens no database. What a URL means is left to `urls`.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from sqlalchemy import URL

from crossfade import django, redaction, urls
from crossfade.errors import (
    DjangoSettingsError,
    PrivateMemoryError,
    RelativePathError,
    SourcesDisagreeError,
)
from crossfade.settings import Settings

Stack = Literal["flask", "fastapi"]
Mode = Literal["shared", "separate", "test"]
Environment = Literal["development", "production", "test"]

STACKS: tuple[Stack, ...] = ("flask", "fastapi")
DEFAULT_URL = "sqlite:///instance/cron_jobs.db"


@dataclass(frozen=True)
class Route:
    """The database that a stack uses, and why."""

    stack: Stack
    mode: Mode
    url: URL
    """Canonical: without a driver, absolute."""
    source: str
    """Who said so: `DATABASE_URL (environment)`, `DATABASE_URL (/x/.env)`, `the default`."""
    environment: Environment
    """What the database's stamp must say."""
    async_driver: str | None = None
    """`asyncpg` if the URL asks for it."""

    @property
    def in_memory(self) -> bool:
        """Whether the database is gone with the process."""
        return urls.in_memory(self.url)

    @property
    def disposable(self) -> bool:
        """Whether tests may destroy what is in it; its stamp must say so too."""
        return self.mode == "test"

    @property
    def path(self) -> Path | None:
        """The SQLite file; None for memory and for servers."""
        return urls.path_of(self.url)

    @property
    def masked(self) -> str:
        """The URL as it may be shown."""
        return redaction.mask_url(self.url)


@dataclass(frozen=True)
class Routes:
    """Where both stacks go."""

    flask: Route
    fastapi: Route

    @property
    def mode(self) -> Mode:
        """Shared, separate or test: the same for both stacks."""
        return self.flask.mode

    @property
    def anchor(self) -> Route:
        """The database that holds claims, the scheduler's owner and the journal."""
        return self.flask

    def of(self, stack: Stack) -> Route:
        """The route of one stack."""
        match stack:
            case "flask":
                return self.flask
            case "fastapi":
                return self.fastapi
            case _:
                assert_never(stack)

    def distinct(self) -> tuple[Route, ...]:
        """A route for each database: one if both stacks share it, Flask's first."""
        return (self.flask,) if self.flask.url == self.fastapi.url else (self.flask, self.fastapi)


@dataclass(frozen=True)
class _Said:
    """A database as somebody wrote it, and its canonical URL."""

    url: URL
    source: str
    async_driver: str | None = None


def resolve(settings: Settings) -> Routes:
    """The routes that the settings ask for.

    Raises the errors of `urls` and `django`, SourcesDisagreeError, RelativePathError and PrivateMemoryError.
    """
    if settings.testing:
        flask = _field(settings, "test_database_url") or _said_memory(settings)
        fastapi = (
            _field(settings, "fastapi_test_database_url")
            or _field(settings, "test_database_url")
            or _said_test_file(settings)
        )
        return Routes(_route("flask", "test", flask, settings), _route("fastapi", "test", fastapi, settings))
    flask = _field(settings, "database_url", agrees_with_django=True) or _django(settings) or _default(settings)
    own = _field(settings, "fastapi_database_url")
    if own is None or urls.same(own.url, flask.url):
        mode: Mode = "shared"
        # The very URL of Flask's, so that one engine serves both; only the wish for asyncpg is FastAPI's own.
        source, driver = (flask.source, flask.async_driver) if own is None else (own.source, own.async_driver)
        fastapi = _Said(flask.url, source, driver)
    else:
        mode, fastapi = "separate", own
    for said in (flask, fastapi):
        if urls.private_memory(said.url):
            raise PrivateMemoryError(variable=said.source, url="sqlite://")
    return Routes(_route("flask", mode, flask, settings), _route("fastapi", mode, fastapi, settings))


def _route(stack: Stack, mode: Mode, said: _Said, settings: Settings) -> Route:
    url = said.url
    if urls.private_memory(url):
        # Each pooled connection would have a database of its own, so `:memory:` means one that the process shares.
        variable = "shared" if settings.fastapi_test_database_url is None else stack
        url = _memory(settings, variable)
    environment: Environment = "test" if mode == "test" else settings.app_env
    return Route(stack, mode, url, said.source, environment, said.async_driver)


def _field(settings: Settings, field: str, *, agrees_with_django: bool = False) -> _Said | None:
    text: str | None = getattr(settings, field)
    if text is None:
        return None
    variable = settings.source_of(field)
    url = urls.canonical(text, root=settings.root, variable=variable)
    other = _django(settings) if agrees_with_django else None
    if other is not None and not urls.same(url, other.url):
        raise SourcesDisagreeError(
            first=variable,
            first_url=redaction.mask_url(url),
            second=other.source,
            second_url=redaction.mask_url(other.url),
        )
    _refuse_another_file(text, url, settings, variable)
    return _Said(url, variable, urls.async_driver(text))


def _django(settings: Settings) -> _Said | None:
    fields = django.named(settings)
    url = django.url(settings)
    if url is None:
        if fields and settings.database_url is None:
            names = ", ".join(field.upper() for field in fields)
            raise DjangoSettingsError(variable=names, reason="set, but DB_ENGINE is not, so they name no database")
        return None
    source = ", ".join(settings.source_of(field) for field in fields)
    return _Said(urls.canonical(url, root=settings.root, variable=source), source)


def _default(settings: Settings) -> _Said:
    return _Said(urls.canonical(DEFAULT_URL, root=settings.root), "the default")


def _said_memory(settings: Settings) -> _Said:
    return _Said(_memory(settings, "flask"), "the default for tests")


def _said_test_file(settings: Settings) -> _Said:
    worker = settings.pytest_xdist_worker
    name = f"fastapi_test_{worker}.db" if worker else "fastapi_test.db"
    url = urls.canonical(f"sqlite:///instance/{name}", root=settings.root)
    return _Said(url, "the default for tests" + (f", worker {worker}" if worker else ""))


def _memory(settings: Settings, name: str) -> URL:
    """A memory database that every thread of this process sees, sync and async, and no other process does.

    `vfs=memdb` rather than a shared cache: it honours the busy timeout. The project is in the name, so that two
    projects in one process stay apart, and the leading slash is what makes it shared.
    """
    project = hashlib.sha256(str(settings.root).encode()).hexdigest()[:8]
    database = f"file:/crossfade-{os.getpid()}-{project}-{name}"
    return URL.create("sqlite", database=database, query={"vfs": "memdb", "uri": "true"})


def _refuse_another_file(text: str, url: URL, settings: Settings, variable: str) -> None:
    """A relative path whose file is missing where the router looks, but exists where somebody else would look."""
    found = urls.meanings(text, settings.root)
    used = [meaning for meaning in found if meaning.used]
    others = [meaning for meaning in found if not meaning.used and meaning.exists]
    if others and not any(meaning.exists for meaning in used):
        raise RelativePathError(
            variable=variable,
            url=text,
            chosen=redaction.mask_url(url).removeprefix("sqlite:///"),
            others=" and ".join(str(meaning.path) for meaning in others),
            instance=settings.root / "instance",
        )
