"""Django's DB_ENGINE, DB_NAME, DB_USER, DB_PASSWORD, DB_HOST and DB_PORT, read as a database URL.

The rules are Django's own: no host is the local socket, a host that starts with / is its directory. Django itself is
not needed and never imported. Relative paths and drivers are left to `urls`.
"""

from sqlalchemy import URL

from crossfade.errors import DjangoSettingsError, DriverNotSupportedError
from crossfade.settings import Settings

_ENGINES = {
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
    # Whole names: a substring would take `sqlite_with_something.mysql` for SQLite.
    backend = _ENGINES.get(engine)
    if backend is None:
        if engine in _NOT_SERVED:
            raise DriverNotSupportedError(variable=variable, given=engine, supported=", ".join(sorted(_ENGINES)))
        known = ", ".join(sorted(_ENGINES))
        raise DjangoSettingsError(variable=variable, reason=f"{engine!r} is no engine that is known; known are {known}")
    return _sqlite(settings) if backend == "sqlite" else _postgresql(settings)


def _sqlite(settings: Settings) -> URL:
    name = settings.db_name
    if name is None:
        raise DjangoSettingsError(variable="DB_NAME", reason="it must name the file when DB_ENGINE is SQLite")
    if not name.startswith("file:"):
        # URL.create takes the path as it is: spaces, ? and # stay part of it.
        return URL.create("sqlite", database=None if name == ":memory:" else name)
    path, _, tail = name.partition("?")
    query = dict(part.partition("=")[::2] for part in tail.split("&") if part)
    return URL.create("sqlite", database=path, query=query | {"uri": "true"})


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
