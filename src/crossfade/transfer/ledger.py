"""What a copy has done so far, kept in the target: written in the same transaction as the rows that it is about.

So a copy that was killed at any point left a ledger that is true, and the next call goes on from it. One copy at a time
is unfinished in a database. Which rows those are, and what is done about them, is left to `copying`.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from crossfade import clock
from crossfade.transfer.indexes import Definition
from crossfade.transfer.transactions import execute, scalar

State = Literal["waiting", "loading", "loaded"]

TABLES = {
    "crossfade_copy": "(id TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, selection TEXT NOT NULL,"
    " options TEXT NOT NULL, state TEXT NOT NULL, began TEXT NOT NULL, ended TEXT)",
    "crossfade_copy_table": "(copy TEXT NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL, state TEXT NOT NULL,"
    " position TEXT, copied BIGINT NOT NULL, PRIMARY KEY (copy, name))",
    "crossfade_copy_aside": "(copy TEXT NOT NULL, position BIGINT NOT NULL, table_name TEXT NOT NULL,"
    " place TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, creation TEXT NOT NULL, removal TEXT NOT NULL,"
    " state TEXT NOT NULL, PRIMARY KEY (copy, table_name, kind, name))",
}
"""The definitions of the ledger's tables, the same on both engines. Instants are ISO texts in UTC."""


@dataclass(frozen=True)
class Unfinished:
    """A copy that was begun and has not ended."""

    id: str
    source: str
    """The masked URL."""
    selection: str
    """The names of its tables."""
    began: str
    repairing: bool
    """Whether it was repairing what earlier calls had copied, so that its counts are not to be relied on."""


@dataclass(frozen=True)
class Progress:
    """How far a table has come."""

    place: str
    """The table as SQL names it."""
    state: State
    position: tuple[str, ...] | None
    """The key of the last row that was committed, in canonical text; None before the first, and without a key."""
    copied: int
    """How many rows this copy has put into the table, which was empty when it began."""


def create(connection: Any) -> None:
    """Makes the tables unless they are there."""
    for name, columns in TABLES.items():
        execute(connection, f"CREATE TABLE IF NOT EXISTS {name} {columns}")


def unfinished(connection: Any) -> Unfinished | None:
    """The copy that was begun here and has not ended; None if there is none, or no ledger."""
    if not _exists(connection):
        return None
    statement = "SELECT id, source, selection, began, state FROM crossfade_copy WHERE state IN ('running', 'repairing')"
    for copy, source, selection, began, state in execute(connection, statement):
        return Unfinished(copy, source, selection, began, repairing=state == "repairing")
    return None


def begin(connection: Any, *, source: str, target: str, selection: str, options: str, tables: Mapping[str, str]) -> str:
    """Enters a copy into these empty tables (by name: as SQL names it), and returns its id."""
    copy = str(uuid.uuid4())
    execute(
        connection,
        "INSERT INTO crossfade_copy VALUES (?, ?, ?, ?, ?, 'running', ?, NULL)",
        (copy, source, target, selection, options, _now()),
    )
    for named in tables.items():
        execute(connection, "INSERT INTO crossfade_copy_table VALUES (?, ?, ?, 'waiting', NULL, 0)", (copy, *named))
    return copy


def progress(connection: Any, copy: str) -> dict[str, Progress]:
    """How far each table of a copy has come."""
    statement = "SELECT name, place, state, position, copied FROM crossfade_copy_table WHERE copy = ?"
    return {
        name: Progress(place, state, None if position is None else tuple(json.loads(position)), copied)
        for name, place, state, position, copied in execute(connection, statement, (copy,))
    }


def advance(connection: Any, copy: str, table: str, *, position: Sequence[str], rows: int) -> None:
    """Notes so many more rows, up to this key."""
    execute(
        connection,
        "UPDATE crossfade_copy_table SET state = 'loading', position = ?, copied = copied + ?"
        " WHERE copy = ? AND name = ?",
        (json.dumps(list(position)), rows, copy, table),
    )


def add_last(connection: Any, copy: str, table: str, *, rows: int) -> None:
    """Notes the last rows of a table: all of it is there."""
    execute(
        connection,
        "UPDATE crossfade_copy_table SET state = 'loaded', copied = copied + ? WHERE copy = ? AND name = ?",
        (rows, copy, table),
    )


def correct(connection: Any, copy: str, table: str, *, rows: int) -> None:
    """Notes how many rows of this copy are in a table, after some were repaired."""
    execute(connection, "UPDATE crossfade_copy_table SET copied = ? WHERE copy = ? AND name = ?", (rows, copy, table))


def start_over(connection: Any, copy: str, table: str) -> None:
    """Notes that a table was emptied."""
    execute(
        connection,
        "UPDATE crossfade_copy_table SET state = 'waiting', position = NULL, copied = 0 WHERE copy = ? AND name = ?",
        (copy, table),
    )


def keep_aside(connection: Any, copy: str, definitions: Iterable[Definition]) -> None:
    """Notes definitions that are being removed, for as long as they aren't back."""
    place = scalar(connection, "SELECT coalesce(max(position), 0) FROM crossfade_copy_aside WHERE copy = ?", (copy,))
    for number, one in enumerate(definitions, place + 1):
        execute(
            connection,
            "DELETE FROM crossfade_copy_aside WHERE copy = ? AND table_name = ? AND kind = ? AND name = ?",
            (copy, one.table, one.kind, one.name),
        )
        execute(
            connection,
            "INSERT INTO crossfade_copy_aside VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'aside')",
            (copy, number, one.table, one.place, one.kind, one.name, one.creation, one.removal),
        )


def aside(connection: Any, copy: str) -> list[Definition]:
    """The definitions that are not back yet, in the order in which they were set aside."""
    rows = execute(
        connection,
        "SELECT table_name, place, kind, name, creation, removal FROM crossfade_copy_aside"
        " WHERE copy = ? AND state = 'aside' ORDER BY position",
        (copy,),
    )
    return [Definition(*row) for row in rows]


def back(connection: Any, copy: str, definition: Definition) -> None:
    """Notes that a definition is in place again."""
    execute(
        connection,
        "UPDATE crossfade_copy_aside SET state = 'back' WHERE copy = ? AND table_name = ? AND kind = ? AND name = ?",
        (copy, definition.table, definition.kind, definition.name),
    )


def repair(connection: Any, copy: str, *, going_on: bool) -> None:
    """Notes that rows of earlier calls are being repaired, or no more."""
    execute(
        connection, "UPDATE crossfade_copy SET state = ? WHERE id = ?", ("repairing" if going_on else "running", copy)
    )


def last_merge(connection: Any) -> tuple[str, Mapping[str, Any]] | None:
    """The source of the merge that came last, and what it was asked for; None if there was none."""
    if not _exists(connection):
        return None
    statement = "SELECT source, options FROM crossfade_copy WHERE state = 'ended' ORDER BY ended DESC"
    merges = ((source, json.loads(options)) for source, options in execute(connection, statement))
    return next(((source, options) for source, options in merges if "policy" in options), None)


def end(connection: Any, copy: str, *, state: Literal["ended", "given up"] = "ended") -> None:
    """Notes that a copy is over; nothing of it is aside any more."""
    # Which one came last is asked for: to the microsecond.
    ended = clock.now().isoformat()
    execute(connection, "UPDATE crossfade_copy SET state = ?, ended = ? WHERE id = ?", (state, ended, copy))


def _exists(connection: Any) -> bool:
    if isinstance(connection, sqlite3.Connection):
        statement = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'crossfade_copy'"
    else:
        statement = "SELECT count(to_regclass('crossfade_copy'))"
    return bool(scalar(connection, statement))


def _now() -> str:
    return clock.now().isoformat(timespec="seconds")
