"""Asks databases, not configurations: does it answer, and are two engines really on the same one?

Most reports that one side doesn't see the other's rows are two databases. The probe writes no rows: files are compared
by what the system calls them, memory by a mark that is taken back, PostgreSQL by a lock that the other side looks up.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade import redaction
from crossfade.errors import CrossfadeError, DifferentDatabasesError, UnreachableError


@dataclass(frozen=True)
class Reachability:
    """Whether a database answers, and if not, why."""

    error: CrossfadeError | None = None

    def __bool__(self) -> bool:
        """Whether it does."""
        return self.error is None


def reachable(engine: Engine) -> Reachability:
    """Connects and asks for nothing. Never raises for a database that doesn't answer."""
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except CrossfadeError as error:
        return Reachability(error)
    except DBAPIError as error:
        return Reachability(_unreachable(engine, error))
    return Reachability()


async def async_reachable(engine: AsyncEngine) -> Reachability:
    """The same for an async engine."""
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("SELECT 1")
    except CrossfadeError as error:
        return Reachability(error)
    except DBAPIError as error:
        return Reachability(_unreachable(engine.sync_engine, error))
    return Reachability()


async def same_database(engine: Engine, async_engine: AsyncEngine) -> bool:
    """Whether a sync and an async engine are on one database, found out by asking both.

    Raises what connecting raises. From sync code: `asyncio.run(same_database(...))`.
    """
    async with async_engine.connect() as there:
        with engine.connect() as here:
            return await there.run_sync(same, here)


def same(one: Connection, other: Connection) -> bool:
    """Whether two connections are to one database, found out through both."""
    if one.dialect.name != other.dialect.name:
        return False
    return _same_sqlite(one, other) if one.dialect.name == "sqlite" else _same_postgresql(one, other)


async def ensure_same(engine: Engine, async_engine: AsyncEngine, *, source: str, async_source: str) -> None:
    """Raises DifferentDatabasesError, naming both and where they came from."""
    if not await same_database(engine, async_engine):
        raise DifferentDatabasesError(
            sync_url=redaction.mask_url(engine.url),
            sync_source=source,
            async_url=redaction.mask_url(async_engine.url),
            async_source=async_source,
        )


def _same_sqlite(there: Connection, here: Connection) -> bool:
    files = _file(here), _file(there)
    if any(files):
        return files[0] == files[1]
    # Memory has no name that tells: what one side writes into the header, the other one must read.
    before = here.exec_driver_sql("PRAGMA user_version").scalar_one()
    mark = secrets.randbits(31)
    here.exec_driver_sql(f"PRAGMA user_version = {mark}")
    try:
        return bool(there.exec_driver_sql("PRAGMA user_version").scalar_one() == mark)
    finally:
        here.exec_driver_sql(f"PRAGMA user_version = {before}")


def _file(connection: Connection) -> tuple[int, int] | None:
    rows = connection.exec_driver_sql("PRAGMA database_list").all()
    name = next(row[2] for row in rows if row[1] == "main")
    # memdb has a name, but no file.
    status = Path(name).stat() if name and Path(name).exists() else None
    return None if status is None else (status.st_dev, status.st_ino)


def _same_postgresql(there: Connection, here: Connection) -> bool:
    """A lock with a random key, taken on one side: the other sees it in its own database, held by that backend."""
    key = secrets.randbits(31)
    backend = here.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    here.exec_driver_sql(f"SELECT pg_advisory_lock({key})")
    try:
        seen = there.exec_driver_sql(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0"  # noqa: S608  numbers of ours
            f" AND objid = {key} AND pid = {backend}"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).scalar_one()
    finally:
        here.exec_driver_sql(f"SELECT pg_advisory_unlock({key})")
    return bool(seen)


def _unreachable(engine: Engine, error: DBAPIError) -> UnreachableError:
    return UnreachableError(url=redaction.mask_url(engine.url), source="the engine's URL", reason=str(error.orig))
