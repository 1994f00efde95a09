"""What is set on an engine and on each of its connections, for each kind of database.

SQLite: WAL, foreign keys, a busy timeout, and the transaction control of the old days said aloud, in which a read holds
no snapshot: it is the only one under which two stacks can interleave on one file. PostgreSQL: a name that an
administrator sees, a limit for a statement, UTC. Opening and keeping connections is left to `engines`.
"""

import sqlite3
import sys
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import NullPool, Pool

from crossfade import urls
from crossfade.routes import Route

BUSY_TIMEOUT = 30
"""Seconds that an SQLite connection waits for another one's write."""
CONNECT_TIMEOUT = 10
"""Seconds that PostgreSQL may take to answer a new connection."""
KEPT, MOST = 10, 15
"""Connections of an engine that stay open, and at most are: a server of 8 threads and a scheduler find all theirs."""


def engine_options(route: Route, *, pool: type[Pool]) -> dict[str, Any]:
    """What `create_engine` gets for a route."""
    # The pool is named, because SQLAlchemy would choose one of a single connection for memory databases.
    options: dict[str, Any] = {"poolclass": pool}
    if pool is not NullPool:
        options |= {"pool_size": KEPT, "max_overflow": MOST - KEPT}
    if route.url.drivername == "postgresql":
        options["pool_pre_ping"] = True
    return options


def connect_arguments(
    route: Route, arguments: list[Any], options: dict[str, Any], *, driver: str, name: str, statement_timeout: int
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of the driver's `connect`, from those that SQLAlchemy has read from the URL."""
    if route.url.drivername == "sqlite":
        return [_sqlite_name(route, str(arguments[0]))], _sqlite_options(options)
    if driver == "asyncpg":
        return arguments, _asyncpg_options(options, name=name, statement_timeout=statement_timeout)
    return arguments, _psycopg_options(options, name=name, statement_timeout=statement_timeout)


def set_up(connection: DBAPIConnection, route: Route) -> None:
    """What a new connection is told before anybody uses it. PostgreSQL is told while connecting."""
    if route.url.drivername != "sqlite":
        return
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA foreign_keys=ON")
        # A test's database needn't survive a power cut, and syncing is most of what a small write costs.
        cursor.execute(f"PRAGMA synchronous={'OFF' if route.disposable else 'FULL'}")
        if not route.in_memory:
            _write_ahead(cursor)
    finally:
        cursor.close()


def _write_ahead(cursor: Any) -> None:
    try:
        # A no-op on a file that is in this mode already, which is all of them but the newest.
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.fetchone()
    except sqlite3.OperationalError as error:
        # Somebody has the new file to himself, perhaps to switch it: the mode is the file's, and the next one tries.
        if "locked" not in str(error):
            raise


def _sqlite_name(route: Route, name: str) -> str:
    """The file as a URI that opens and never creates: a wrong path must not become a new, empty database."""
    if urls.in_memory(route.url):
        return name
    if not name.startswith("file:"):
        return f"file:{quote(name)}?mode=rw"
    return name if "mode=" in name else f"{name}{'&' if '?' in name else '?'}mode=rw"


def _sqlite_options(options: dict[str, Any]) -> dict[str, Any]:
    options = {"timeout": BUSY_TIMEOUT} | options | {"uri": True, "check_same_thread": False}
    if sys.version_info >= (3, 12):
        options["autocommit"] = sqlite3.LEGACY_TRANSACTION_CONTROL
    else:
        options["isolation_level"] = ""
    return options


def _psycopg_options(options: dict[str, Any], *, name: str, statement_timeout: int) -> dict[str, Any]:
    session = f"-c statement_timeout={statement_timeout * 1000} -c timezone=UTC"
    # Somebody's own options in the URL come last, so they win.
    options = {"connect_timeout": CONNECT_TIMEOUT, "application_name": name} | options
    return options | {"options": f"{session} {options.get('options', '')}".strip()}


def _asyncpg_options(options: dict[str, Any], *, name: str, statement_timeout: int) -> dict[str, Any]:
    """The same for asyncpg, which takes none of libpq's names."""
    options = dict(options)
    session = {"statement_timeout": str(statement_timeout * 1000), "timezone": "UTC"}
    session["application_name"] = options.pop("application_name", name)
    for setting in str(options.pop("options", "")).replace("-c ", "-c").split():
        key, _, value = setting.removeprefix("-c").partition("=")
        session[key] = value
    if "sslmode" in options:
        options["ssl"] = options.pop("sslmode")
    options["timeout"] = float(options.pop("connect_timeout", CONNECT_TIMEOUT))
    return options | {"server_settings": session | options.get("server_settings", {})}
