"""Django's OPTIONS in the words of each driver, and Django's keeping of connections in the words of a pool.

Django speaks to psycopg and sqlite3 itself, so these get OPTIONS as they are, less what is Django's own; asyncpg has
other names for the same.
"""

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, QueuePool

from crossfade.errors import DjangoSettingsError

Driver = Literal["pysqlite", "aiosqlite", "psycopg", "psycopg_async", "asyncpg"]

_OF_DJANGO = frozenset(
    {"pool", "server_side_binding", "isolation_level", "assume_role", "cursor_factory", "client_encoding"}
)
_OF_THE_URL = frozenset({"service"})
_OF_SQLITES_SET_UP = frozenset({"init_command", "transaction_mode", "detect_types", "check_same_thread", "uri"})
_IN_ASYNCPG = {
    "sslmode": "ssl",
    "connect_timeout": "timeout",
    "passfile": "passfile",
    "target_session_attrs": "target_session_attrs",
}
_ISOLATION = {1: "READ UNCOMMITTED", 2: "READ COMMITTED", 3: "REPEATABLE READ", 4: "SERIALIZABLE"}
"""By the numbers of psycopg.IsolationLevel, which is what Django's setting holds."""


def told(options: Mapping[str, Any], *, driver: Driver, alias: str, server_side_cursors: bool) -> dict[str, Any]:
    """What OPTIONS say to `create_engine`: `connect_args`, and the isolation level if there is one.

    Raises DjangoSettingsError for an option that asyncpg has no counterpart of.
    """
    if driver in {"pysqlite", "aiosqlite"}:
        kept = {name: value for name, value in options.items() if name not in _OF_SQLITES_SET_UP}
        return {"connect_args": {"check_same_thread": False} | kept}
    kept = {name: value for name, value in options.items() if name not in _OF_DJANGO | _OF_THE_URL}
    arguments = _asyncpg(kept, alias) if driver == "asyncpg" else kept
    if not server_side_cursors:
        # A pooler gives each transaction another connection, which doesn't know what this one has prepared.
        arguments |= {"statement_cache_size": 0} if driver == "asyncpg" else {"prepare_threshold": None}
    level = options.get("isolation_level")
    return {"connect_args": arguments} | ({} if level is None else {"isolation_level": _isolation(level, alias)})


def keeping(*, max_age: int | None, health_checks: bool) -> dict[str, Any]:
    """How long a connection is kept. SQLAlchemy's pools don't test what they hold for a single use."""
    if max_age == 0:
        return {"poolclass": NullPool}
    return {"pool_recycle": -1 if max_age is None else max_age, "pool_pre_ping": health_checks}


def sharing(driver: Driver) -> dict[str, Any]:
    """The pool for a memory database that the process shares: SQLAlchemy would choose one of a single connection."""
    return {"poolclass": AsyncAdaptedQueuePool if driver == "aiosqlite" else QueuePool}


def quoted(name: str) -> str:
    """A name as PostgreSQL takes it whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _isolation(level: Any, alias: str) -> str:
    name = _ISOLATION.get(getattr(level, "value", level))
    if name is None:
        variable = f"DATABASES[{alias!r}]['OPTIONS']['isolation_level']"
        raise DjangoSettingsError(variable=variable, reason=f"{level!r} is no isolation level: 1 to 4")
    return name


def _asyncpg(options: Mapping[str, Any], alias: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    session: dict[str, str] = {}
    for name, value in options.items():
        if name == "application_name":
            session[name] = str(value)
        elif name == "options":
            session |= _session(str(value))
        elif name == "prepare_threshold":
            # psycopg's: after how many uses a statement is prepared. asyncpg prepares at once or, by None, never.
            arguments |= {"statement_cache_size": 0} if value is None else {}
        elif name in _IN_ASYNCPG:
            arguments[_IN_ASYNCPG[name]] = float(value) if name == "connect_timeout" else value
        else:
            variable = f"DATABASES[{alias!r}]['OPTIONS'][{name!r}]"
            raise DjangoSettingsError(variable=variable, reason="asyncpg has no such option; use psycopg for async too")
    return arguments | ({"server_settings": session} if session else {})


def _session(options: str) -> dict[str, str]:
    """`-c name=value -cname=value`, as libpq takes them."""
    words = options.replace("-c ", "-c").split()
    return dict(word.removeprefix("-c").partition("=")[::2] for word in words)
