"""A fence inside a database: once it is closed, every write is refused until it is opened again. Reading goes on.

It is made of triggers, so it also stops writers that have never heard of the router: old code, SQL by hand, another
process with an engine of its own. `freeze` and `thaw` are a transaction: whoever is killed on the way leaves the
database as it was. When `freeze` returns, no write that began before it is still under way, and none begins.

There is no table of its own: what is known of a freeze (since when, why) is written on the fence itself, and goes with
it. What a refusal means is said by `database.faults`; who is told what over HTTP is left to the applications.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, MetaData, Table, inspect
from sqlalchemy.exc import DBAPIError

from crossfade import clock, redaction
from crossfade.errors import FreezeImpossibleError, WritersBusyError, WritesFrozenError
from crossfade.fence import postgresql, sqlite
from crossfade.routes import Route

STAYS_WRITABLE: Final = "crossfade_stays_writable"
"""In `Table.info`, true for a table whose rows nobody misses: heartbeats, counts of the last minute."""
PATIENCE: Final = 30.0
"""Seconds that writers which are at work get to end."""
_BREATH: Final = 0.1
"""Seconds between two tries, in which those who waited behind the last one get on."""

T = TypeVar("T")


@dataclass(frozen=True)
class Freeze:
    """What is known of a freeze."""

    since: datetime
    """Aware, in UTC."""
    reason: str | None
    tables: tuple[str, ...]
    """Those that refuse writes."""


def fenced(metadata: MetaData) -> list[Table]:
    """The tables of an application that a freeze is about: all but those that are marked `STAYS_WRITABLE`."""
    return [table for table in metadata.sorted_tables if not table.info.get(STAYS_WRITABLE)]


def freeze(engine: Engine, tables: Iterable[Table], *, reason: str | None = None, patience: float = PATIENCE) -> Freeze:
    """Refuses every write to `tables` from now on, once those that are under way have ended.

    Tables that the database doesn't have are passed over. A database that is frozen stays frozen since when it was;
    tables that were not are added, and a new `reason` replaces the old one. Raises WritersBusyError if writers have not
    ended within `patience` seconds, FreezeImpossibleError if the database has none of the tables; nothing is changed.
    """
    wanted = list(tables)

    def close(connection: Connection) -> Freeze:
        side = _side(connection)
        side.alone(connection)
        here = [table for table in wanted if _exists(connection, table)]
        if not here:
            raise FreezeImpossibleError(url=redaction.mask_url(engine.url))
        before = frozen(connection)
        since = clock.now() if before is None else before.since
        said = before.reason if reason is None and before is not None else reason
        side.close(connection, here, json.dumps({"since": since.isoformat(), "reason": said}))
        return Freeze(since, said, tuple(side.closed(connection)))

    return _patiently(engine, close, patience)


def thaw(engine: Engine, *, patience: float = PATIENCE) -> bool:
    """Lets writers in again, at once; True if there was a fence. Nothing is left of it.

    Raises WritersBusyError where readers of PostgreSQL keep what is left from being cleared away for `patience`
    seconds: by then everybody can write, and what is left does nothing. Another call clears it away.
    """

    def open_up(connection: Connection) -> bool:
        side = _side(connection)
        side.alone(connection)
        return bool(side.open_up(connection))

    def clear(connection: Connection) -> None:
        side = _side(connection)
        side.alone(connection)
        # Somebody may have closed it anew in between.
        if frozen(connection) is None:
            side.clear(connection)

    found = _patiently(engine, open_up, patience)
    _patiently(engine, clear, patience)
    return found


def frozen(connection: Connection) -> Freeze | None:
    """What is known of the freeze; None while everybody may write. One look that waits for nobody."""
    side = _side(connection)
    note: str | None = side.note(connection)
    if note is None:
        return None
    known = json.loads(note)
    return Freeze(datetime.fromisoformat(known["since"]), known["reason"], tuple(side.closed(connection)))


def refuse_frozen(connection: Connection, route: Route) -> None:
    """Raises WritesFrozenError while the database of `route`, which `connection` is to, is frozen."""
    if frozen(connection) is not None:
        raise WritesFrozenError(url=route.masked, source=route.source)


def _side(connection: Connection) -> ModuleType:
    return sqlite if connection.dialect.name == "sqlite" else postgresql


def _exists(connection: Connection, table: Table) -> bool:
    schema = None if connection.dialect.name == "sqlite" else table.schema
    return inspect(connection).has_table(table.name, schema=schema)


def _patiently(engine: Engine, work: Callable[[Connection], T], patience: float) -> T:
    """What `work` returns, in a transaction of its own; tried anew while others are in the way.

    A try waits for a moment only. Whoever waits for a table holds up all who come after, and two who wait for each
    other would be told apart by PostgreSQL, which ends one of them: it must not be the application.
    """
    latest = time.monotonic() + patience
    while True:
        try:
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            side = sqlite if engine.dialect.name == "sqlite" else postgresql
            if not side.is_contention(error):
                raise
            if time.monotonic() > latest:
                reason = _in_the_way(engine, side) or str(error.orig)
                raise WritersBusyError(url=redaction.mask_url(engine.url), seconds=patience, reason=reason) from error
        time.sleep(_BREATH)


def _in_the_way(engine: Engine, side: ModuleType) -> str:
    with engine.connect() as connection:
        return "; ".join(side.in_the_way(connection))
