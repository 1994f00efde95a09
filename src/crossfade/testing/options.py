"""What a test run asks of the plugin: which databases, whose PostgreSQL, which isolation.

Whatever can't be meant is one ConfigurationError that names the value, where it stands and what may stand there. What
the choice leads to is left to `databases` and `fixtures`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pytest
from sqlalchemy import URL

from crossfade import redaction, urls
from crossfade.database import stamps
from crossfade.errors import ConfigurationError, NotDisposableError
from crossfade.routes import Route

Isolation = Literal["restore", "joint", "clone"]
Kind = Literal["sqlite", "postgresql"]
Provider = Literal["embedded", "testcontainers"]

ISOLATIONS: tuple[Isolation, ...] = get_args(Isolation)
KINDS: tuple[Kind, ...] = get_args(Kind)
PROVIDERS: tuple[Provider, ...] = get_args(Provider)

_KIND_NAMES: dict[str, tuple[Kind, ...]] = {
    "sqlite": ("sqlite",),
    "postgres": ("postgresql",),
    "postgresql": ("postgresql",),
    "both": KINDS,
}
_DB, _POSTGRES, _ISOLATION, _HOSTS = "--crossfade-db", "--crossfade-postgres", "crossfade_isolation", "crossfade_hosts"


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    kinds: tuple[Kind, ...] = ("sqlite",)
    """Each test that uses the fixtures is passed on each of these."""
    url: URL | None = None
    """The database that somebody named; canonical. None: the plugin makes one."""
    source: str = "the default"
    """Who said which database."""
    postgres: Provider | URL = "embedded"
    """Where a PostgreSQL server comes from when there is none in `url`."""
    isolation: Isolation = "restore"
    """For tests without a mark of their own."""
    hosts: tuple[str, ...] = ()
    """Machines besides this one whose databases are for tests."""
    said: bool = False
    """Whether the run names one database: then it is the environment's before anything is collected."""


def add(parser: pytest.Parser) -> None:
    """The plugin's part of the command line and of the ini file."""
    group = parser.getgroup("crossfade", "one database under two stacks")
    group.addoption(_DB, metavar="sqlite|postgres|both|URL", help="the database of the tests (default: sqlite)")
    group.addoption(
        _POSTGRES,
        metavar="embedded|testcontainers|URL",
        help="where a PostgreSQL server comes from (default: embedded, the one of a wheel)",
    )
    parser.addini("crossfade_db", "sqlite, postgres, both or a URL: as --crossfade-db", default="")
    parser.addini("crossfade_postgres", "embedded, testcontainers or a URL: as --crossfade-postgres", default="")
    parser.addini(_ISOLATION, f"{_listed(ISOLATIONS)}, for tests without a mark of their own", default="restore")
    parser.addini(_HOSTS, "machines besides this one whose databases are for tests", type="args", default=[])


def read(config: pytest.Config, *, root: Path, environment: tuple[str, str] | None) -> Options:
    """What this run asks for; `environment` is TEST_DATABASE_URL and its source, which an option overrides.

    Raises ConfigurationError and its kin, and NotDisposableError for a database that doesn't look like a test's.
    """
    database, source = _said(config, _DB, "crossfade_db")
    said = bool(database)
    if not said and environment is not None:
        # Memory is fine for tests without our fixtures; with them, a file of ours stands in for it.
        database, source = environment if not urls.in_memory(_canonical(environment, root)) else ("", "")
    url = _url(database, root, source, hosts(config)) if "://" in database else None
    return Options(
        kinds=_kinds(database or "sqlite", url, source),
        url=url,
        source=source if database else "the default",
        postgres=_postgres(*_said(config, _POSTGRES, "crossfade_postgres"), root=root, hosts=hosts(config)),
        isolation=isolation(str(config.getini(_ISOLATION)), f"{_ISOLATION} ({config.inipath})"),
        hosts=hosts(config),
        said=said and database != "both",
    )


def hosts(config: pytest.Config) -> tuple[str, ...]:
    """The machines besides this one whose databases are for tests, as the ini file lists them."""
    return tuple(config.getini(_HOSTS))


def given(config: pytest.Config) -> str | None:
    """The first option or line of the ini file that asks this plugin for something; None if there is none."""
    asked = (_said(config, option, ini) for option, ini in ((_DB, "crossfade_db"), (_POSTGRES, "crossfade_postgres")))
    return next((f"{source} is {redaction.mask(value)!r}" for value, source in asked if value), None)


def isolation(word: object, source: str) -> Isolation:
    """The isolation of that name. Raises ConfigurationError."""
    for known in ISOLATIONS:
        if word == known:
            return known
    raise ConfigurationError(reason=f"{source}: {word!r} is not an isolation: write {_listed(ISOLATIONS)}")


def marked(item: pytest.Item, default: Isolation) -> Isolation:
    """The isolation of a test: that of the closest mark. Raises ConfigurationError for a mark that can't be meant."""
    mark = item.get_closest_marker("crossfade")
    if mark is None:
        return default
    source = f"@pytest.mark.crossfade of {item.nodeid}"
    unknown = mark.kwargs.keys() - {"isolation", "elsewhere"}
    if mark.args or unknown:
        given = ", ".join([*map(repr, mark.args), *sorted(unknown)])
        known = _listed(tuple(f'isolation="{each}"' for each in ISOLATIONS))
        raise ConfigurationError(reason=f"{source}: {given} is not understood: write {known}; or elsewhere=True")
    if not isinstance(mark.kwargs.get("elsewhere", False), bool):
        raise ConfigurationError(reason=f"{source}: elsewhere is {mark.kwargs['elsewhere']!r}: write True or False")
    return isolation(mark.kwargs.get("isolation", default), source)


def elsewhere(item: pytest.Item) -> bool:
    """Whether a test says that it has engines on other databases, and means it."""
    return any(mark.kwargs.get("elsewhere", False) for mark in item.iter_markers("crossfade"))


def _said(config: pytest.Config, option: str, ini: str) -> tuple[str, str]:
    said = str(config.getoption(option) or "").strip()
    return (said, option) if said else (str(config.getini(ini)).strip(), f"{ini} ({config.inipath})")


def _kinds(database: str, url: URL | None, source: str) -> tuple[Kind, ...]:
    if url is not None:
        return ("postgresql",) if url.drivername == "postgresql" else ("sqlite",)
    if database not in _KIND_NAMES:
        raise ConfigurationError(reason=f"{source}: {database!r} is no database: write sqlite, postgres, both or a URL")
    return _KIND_NAMES[database]


def _url(text: str, root: Path, source: str, hosts: tuple[str, ...]) -> URL:
    """One that may be destroyed, as far as its name tells; the plugin looks into it before it does anything."""
    url = urls.canonical(text, root=root, variable=source)
    if urls.in_memory(url):
        masked = redaction.mask_url(url)
        raise ConfigurationError(
            reason=f"{source}: {masked} is in the memory of one process, and tests are of several: write sqlite"
        )
    stamps.ensure_named(Route("flask", "test", url, source, "test"), hosts=hosts)
    return url


def _canonical(said: tuple[str, str], root: Path) -> URL:
    return urls.canonical(said[0], root=root, variable=said[1])


def _postgres(said: str, source: str, *, root: Path, hosts: tuple[str, ...]) -> Provider | URL:
    for known in PROVIDERS:
        if (said or "embedded") == known:
            return known
    if "://" not in said:
        raise ConfigurationError(
            reason=f"{source}: {said!r} is no PostgreSQL: write {_listed(PROVIDERS)}, or the URL of a server"
        )
    url = urls.canonical(said, root=root, variable=source)
    if url.drivername != "postgresql":
        raise ConfigurationError(reason=f"{source}: {redaction.mask_url(url)} is not a PostgreSQL server")
    if not stamps.local(url, hosts=hosts):
        raise NotDisposableError(url=redaction.mask_url(url), source=source, reason="it is on another machine")
    return url


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
