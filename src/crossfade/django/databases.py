"""An alias of Django's settings.DATABASES as a URL, and as what SQLAlchemy is told beside it.

Read after Django has chosen: a test run renames its databases, so `effective` asks the connections and not the
settings file, and nothing is read at import. What each driver is told is left to `drivers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL

from crossfade.django import backends, drivers
from crossfade.django.backends import Backend
from crossfade.django.drivers import Driver
from crossfade.errors import DjangoSettingsError, PrivateMemoryError

_LONGEST = 63
"""Bytes of a name that PostgreSQL keeps; it cuts the rest without a word, and two databases become one."""


class Connections(Protocol):
    """Django's `django.db.connections`, as far as it is needed."""

    def __getitem__(self, alias: str) -> Any:
        """The connection of an alias: it has `settings_dict`."""

    def __iter__(self) -> Any:
        """The aliases."""


@dataclass(frozen=True)
class Database:
    """One alias of settings.DATABASES."""

    alias: str
    url: URL
    """Canonical: without a driver, SQLite paths absolute. Its password is the real one."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """OPTIONS, as Django has them."""
    max_age: int | None = 0
    """CONN_MAX_AGE: seconds that a connection is kept; 0 for one use, None for ever."""
    health_checks: bool = False
    """CONN_HEALTH_CHECKS: whether a connection is tried before it is used."""
    server_side_cursors: bool = True
    """Not DISABLE_SERVER_SIDE_CURSORS: False behind a pooler that gives each transaction another connection."""

    def engine_options(self, driver: Driver) -> dict[str, Any]:
        """The keywords for `create_engine` or `create_async_engine` with this driver.

        Raises DjangoSettingsError for an option that the driver has no counterpart of.
        """
        told = drivers.told(self.options, driver=driver, alias=self.alias, server_side_cursors=self.server_side_cursors)
        if self.url.drivername == "postgresql":
            return told | drivers.keeping(max_age=self.max_age, health_checks=self.health_checks)
        return told | (drivers.sharing(driver) if self.in_memory else {})

    def statements(self) -> tuple[str, ...]:
        """What each new connection is told, in this order: foreign keys and `init_command`, or `assume_role`."""
        if self.url.drivername == "postgresql":
            role = self.options.get("assume_role")
            return () if role is None else (f"SET ROLE {drivers.quoted(str(role))}",)
        commands = str(self.options.get("init_command") or "").split(";")
        return ("PRAGMA foreign_keys=ON", *(command.strip() for command in commands if command.strip()))

    def begin(self) -> str | None:
        """The statement that begins a transaction where `transaction_mode` asks for a kind of its own.

        For production: in tests two stacks interleave on one file, and only SQLite's own way of beginning allows it.
        """
        mode = self.options.get("transaction_mode")
        return None if mode is None or self.url.drivername != "sqlite" else f"BEGIN {str(mode).upper()}"

    @property
    def in_memory(self) -> bool:
        """Whether it is SQLite's shared memory: the usual database of a Django test run, for this process alone."""
        return self.url.query.get("mode") == "memory"


def effective(connections: Connections, alias: str = "default", **reading: Any) -> Database:
    """The database that Django uses now under an alias: in a test run the test's, and for a mirror the mirrored one.

    `connections` is `django.db.connections`; for the rest, and the errors, see `read`.
    """
    known = list(connections)
    if alias not in known:
        raise DjangoSettingsError(variable="DATABASES", reason=f"{alias!r} is no alias; there are {', '.join(known)}")
    settings: Mapping[str, Any] = connections[alias].settings_dict
    mirrored = (settings.get("TEST") or {}).get("MIRROR")
    return effective(connections, mirrored, **reading) if mirrored else read(settings, alias=alias, **reading)


def read(
    settings: Mapping[str, Any],
    *,
    alias: str = "default",
    directory: Path | None = None,
    engines: Mapping[str, Backend] | None = None,
) -> Database:
    """One entry of settings.DATABASES.

    A relative SQLite path is under `directory`, the working directory by default, as it is for Django. `engines` tells
    the kind of database behind engines that Django doesn't bring. Raises DjangoSettingsError for what can't be read,
    DriverNotSupportedError for a database that isn't served, PrivateMemoryError for a private `:memory:`.
    """
    place = f"DATABASES[{alias!r}]"
    engine = settings.get("ENGINE") or ""
    if engine in {"", "django.db.backends.dummy"}:
        raise DjangoSettingsError(variable=f"{place}['ENGINE']", reason=f"{engine!r} is no database")
    kind = backends.backend(engine, variable=f"{place}['ENGINE']", others=engines)
    url = _postgresql(settings, place) if kind == "postgresql" else _sqlite(settings, place, directory or Path.cwd())
    return Database(
        alias=alias,
        url=url,
        options=dict(settings.get("OPTIONS") or {}),
        max_age=settings.get("CONN_MAX_AGE", 0),
        health_checks=bool(settings.get("CONN_HEALTH_CHECKS", False)),
        server_side_cursors=not settings.get("DISABLE_SERVER_SIDE_CURSORS", False),
    )


def _postgresql(settings: Mapping[str, Any], place: str) -> URL:
    query: dict[str, str] = {}
    name = settings.get("NAME", "")
    service = (settings.get("OPTIONS") or {}).get("service")
    if name is None:
        name = "postgres"
    if name == "" and not service:
        raise DjangoSettingsError(variable=f"{place}['NAME']", reason="it must name the database, or OPTIONS a service")
    if len(name.encode()) > _LONGEST:
        reason = f"{name!r} is longer than the {_LONGEST} bytes that PostgreSQL keeps of a name"
        raise DjangoSettingsError(variable=f"{place}['NAME']", reason=reason)
    if service:
        query["service"] = service
    host = settings.get("HOST") or None
    # A directory is the local socket's; several hosts are libpq's to read.
    if host is not None and (host.startswith("/") or "," in host):
        query["host"], host = host, None
    return URL.create(
        "postgresql",
        username=settings.get("USER") or None,
        password=settings.get("PASSWORD") or None,
        host=host,
        port=_port(settings.get("PORT"), place),
        database=name or None,
        query=query,
    )


def _port(given: Any, place: str) -> int | None:
    if given in {None, ""}:
        return None
    try:
        port = int(given)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:  # noqa: PLR2004  the ports that there are
        raise DjangoSettingsError(variable=f"{place}['PORT']", reason=f"{given!r} is no port: 1 to 65535")
    return port


def _sqlite(settings: Mapping[str, Any], place: str, directory: Path) -> URL:
    variable = f"{place}['NAME']"
    name = str(settings.get("NAME") or "")
    if not name:
        raise DjangoSettingsError(variable=variable, reason="it must name the file when ENGINE is SQLite")
    if not name.startswith("file:"):
        if name == ":memory:":
            raise PrivateMemoryError(variable=variable, url=name)
        # URL.create takes the path as it is: spaces, ? and # stay part of it.
        return URL.create("sqlite", database=str(directory.absolute() / name))
    url = backends.sqlite_url(name)
    cache = url.query.get("cache", "private")
    if cache not in {"shared", "private"}:
        reason = f"SQLite has no cache {cache!r}: pytest-xdist's suffix has come behind the options of {name!r}. "
        raise DjangoSettingsError(variable=variable, reason=f"{reason}Name a file in TEST['NAME'], or nothing")
    memory = url.query.get("mode") == "memory" or url.database == "file::memory:"
    if memory and cache == "private" and url.query.get("vfs") != "memdb":
        raise PrivateMemoryError(variable=variable, url=name)
    return url
