"""The stamp inside a database that says what it is for: development, production or test.

Nothing destroys a database on the strength of its name alone: a test needs a stamp that `init` wrote when the database
was empty. A stamp only ever becomes stricter (test, development, production). Who writes it and when is left to `init`.
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import URL, Column, Connection, MetaData, String, Table, inspect, select
from sqlalchemy.engine.interfaces import DBAPIConnection

from crossfade import clock
from crossfade.errors import NotDisposableError
from crossfade.routes import Environment, Route

metadata = MetaData()
table = Table(
    "crossfade_stamp",
    metadata,
    Column("key", String(100), primary_key=True),
    Column("value", String(200), nullable=False),
)

_STRICTNESS: tuple[Environment, ...] = ("test", "development", "production")
# `test` as a word: test.db, x_test, test_x, fastapi_test_gw0, tests; not latest, contest.
_TEST = re.compile(r"(?<![a-z])tests?(?![a-z])", re.IGNORECASE)

_SQLITE_TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
_POSTGRESQL_TABLES = (
    "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
)
_STAMP = "SELECT value FROM crossfade_stamp WHERE key = 'environment'"


def write(connection: Connection, environment: Environment) -> Environment:
    """Stamps a database, in the caller's transaction, and returns what the stamp says now.

    A stamp that is stricter already stays; a database of production or development can't become one for tests.
    """
    table.create(connection, checkfirst=True)
    found = read(connection)
    current = next((known for known in _STRICTNESS if known == found.get("environment")), None)
    if current is None:
        values = {"environment": environment, "created_at": clock.now().isoformat(timespec="seconds")}
        for key in values.keys() - found.keys():
            connection.execute(table.insert().values(key=key, value=values[key]))
        return environment
    if environment == "test" and current != "test":
        raise NotDisposableError(url=connection.engine.url, source="its stamp", reason=f"its stamp says {current}")
    strictest = max(environment, current, key=_STRICTNESS.index)
    connection.execute(table.update().where(table.c.key == "environment").values(value=strictest))
    return strictest


def read(connection: Connection) -> dict[str, str]:
    """What the stamp says; empty if there is none."""
    if not inspect(connection).has_table(table.name):
        return {}
    return {row.key: row.value for row in connection.execute(select(table))}


def ensure_named(route: Route, *, made_here: bool = False, hosts: Collection[str] = ()) -> None:
    """Raises NotDisposableError unless the database may be destroyed as far as can be told without connecting to it.

    All of: the route is one for tests; its name has `test` as a word, or `made_here` says that the harness made the
    file; it is on this machine, or on one of `hosts`.
    """
    if not route.disposable:
        raise _refusal(route, "its route isn't one for tests")
    if not (made_here or route.in_memory or named_for_tests(route.url)):
        raise _refusal(route, "its name doesn't have the word `test` in it")
    if not local(route.url, hosts=hosts):
        raise _refusal(route, "it is on another machine")


def ensure_disposable(
    connection: Connection, route: Route, *, made_here: bool = False, hosts: Collection[str] = ()
) -> None:
    """Raises NotDisposableError unless everything in the database may be destroyed.

    Besides what `ensure_named` asks, its stamp says test, or it is empty.
    """
    ensure_named(route, made_here=made_here, hosts=hosts)
    environment = read(connection).get("environment")
    if environment != "test" and (environment is not None or _has_tables(connection)):
        raise _refusal(route, f"its stamp says {environment}" if environment else "it has tables, but no stamp")


def refuse_foreign(connection: DBAPIConnection, route: Route) -> None:
    """On a new connection of a test: NotDisposableError for a database that isn't empty and isn't stamped for tests."""
    tables = _POSTGRESQL_TABLES if route.url.drivername == "postgresql" else _SQLITE_TABLES
    name = f"'{table.name}'"
    stamped = tables + (f" AND tablename = {name}" if "pg_tables" in tables else f" AND name = {name}")
    cursor = connection.cursor()
    try:
        count = _one(cursor, tables)
        environment = _one(cursor, _STAMP) if _one(cursor, stamped) else None
    finally:
        cursor.close()
        connection.rollback()
    if count and environment != "test":
        raise _refusal(route, f"its stamp says {environment}" if environment else "it has tables, but no stamp")


def named_for_tests(url: URL) -> bool:
    """Whether the name of a database, or of its file, has `test` in it as a word."""
    return _TEST.search((url.database or "").rpartition("/")[2]) is not None


def local(url: URL, *, hosts: Collection[str] = ()) -> bool:
    """Whether a database is on this machine: a file, memory, a socket, a loopback address; or on one of `hosts`."""
    asked = url.query.get("host", ())
    named = [url.host] if url.host else []
    return all(_is_local(host, hosts) for host in (*named, *((asked,) if isinstance(asked, str) else asked)))


def _is_local(host: str, hosts: Collection[str]) -> bool:
    name = host.partition(":")[0] if host.count(":") == 1 else host
    if name.startswith(("/", "@")) or name.lower() in {"", "localhost", *map(str.lower, hosts)}:
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _has_tables(connection: Connection) -> bool:
    sqlite = connection.dialect.name == "sqlite"
    others = connection.exec_driver_sql(_SQLITE_TABLES if sqlite else _POSTGRESQL_TABLES).scalar_one()
    return bool(others)


def _one(cursor: Any, statement: str) -> Any:
    cursor.execute(statement)
    row = cursor.fetchone()
    return None if row is None else row[0]


def _refusal(route: Route, reason: str) -> NotDisposableError:
    return NotDisposableError(url=route.masked, source=route.source, reason=reason)
