"""Django's names for kinds of databases, and which of them the router serves.

Whole names: a substring would take `sqlite_with_something.mysql` for SQLite.
"""

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import URL

from crossfade.errors import DjangoSettingsError, DriverNotSupportedError

Backend = Literal["postgresql", "sqlite"]

SERVED: Mapping[str, Backend] = {
    "django.db.backends.postgresql": "postgresql",
    "django.db.backends.postgresql_psycopg2": "postgresql",
    "django.contrib.gis.db.backends.postgis": "postgresql",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "django.db.backends.sqlite3": "sqlite",
    "django.contrib.gis.db.backends.spatialite": "sqlite",
    "sqlite3": "sqlite",
    "sqlite": "sqlite",
}
"""Django's own engines, and the bare words that people write in DB_ENGINE."""

_NOT_SERVED = frozenset(
    {
        "django.db.backends.mysql",
        "django.contrib.gis.db.backends.mysql",
        "mysql",
        "django.db.backends.oracle",
        "django.contrib.gis.db.backends.oracle",
        "oracle",
    }
)


def backend(engine: str, *, variable: str, others: Mapping[str, Backend] | None = None) -> Backend:
    """The kind of database behind the name of an engine; `others` tells it for engines that Django doesn't bring.

    Raises DriverNotSupportedError for a kind that the router doesn't serve, DjangoSettingsError for any other name.
    """
    known: dict[str, Backend] = {**SERVED, **(others or {})}
    found = known.get(engine)
    if found is not None:
        return found
    if engine in _NOT_SERVED:
        raise DriverNotSupportedError(variable=variable, given=engine, supported=", ".join(sorted(known)))
    names = ", ".join(sorted(known))
    raise DjangoSettingsError(variable=variable, reason=f"{engine!r} is no engine that is known; known are {names}")


def sqlite_url(uri: str) -> URL:
    """The URL of an SQLite database that is named by a `file:` URI, with its options."""
    path, _, tail = uri.partition("?")
    query = dict(part.partition("=")[::2] for part in tail.split("&") if part)
    return URL.create("sqlite", database=path, query=query | {"uri": "true"})
