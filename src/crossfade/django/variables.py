"""Django's DB_ENGINE, DB_NAME, DB_USER, DB_PASSWORD, DB_HOST and DB_PORT, read as a database URL.

No host is the local socket, a host that starts with / is its directory. Relative paths and drivers are left to `urls`.
"""

from sqlalchemy import URL

from crossfade.django import backends
from crossfade.errors import DjangoSettingsError
from crossfade.settings import Settings

_FIELDS = ("db_engine", "db_name", "db_user", "db_password", "db_host", "db_port")


def named(settings: Settings) -> tuple[str, ...]:
    """The DB_* fields that are set."""
    return tuple(field for field in _FIELDS if getattr(settings, field) is not None)


def url(settings: Settings) -> URL | None:
    """The database that DB_* name, None if DB_ENGINE is not set.

    Raises DriverNotSupportedError for a database that the router doesn't serve, DjangoSettingsError for an engine or
    a name that can't be read.
    """
    engine = settings.db_engine
    if engine is None:
        return None
    variable = settings.source_of("db_engine")
    return _sqlite(settings) if backends.backend(engine, variable=variable) == "sqlite" else _postgresql(settings)


def _sqlite(settings: Settings) -> URL:
    name = settings.db_name
    if name is None:
        raise DjangoSettingsError(variable="DB_NAME", reason="it must name the file when DB_ENGINE is SQLite")
    # URL.create takes the path as it is: spaces, ? and # stay part of it.
    if name.startswith("file:"):
        return backends.sqlite_url(name)
    return URL.create("sqlite", database=None if name == ":memory:" else name)


def _postgresql(settings: Settings) -> URL:
    if settings.db_name is None:
        # Django falls back to the database `postgres`; a router that guesses is the last thing wanted.
        raise DjangoSettingsError(variable="DB_NAME", reason="it must name the database when DB_ENGINE is PostgreSQL")
    host = settings.db_host
    socket = host is not None and host.startswith("/")
    password = settings.db_password
    return URL.create(
        "postgresql",
        username=settings.db_user,
        password=None if password is None else password.get_secret_value(),
        host=None if socket else host,
        port=settings.db_port,
        database=settings.db_name,
        query={"host": host} if socket and host is not None else {},
    )
