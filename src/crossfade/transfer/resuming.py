"""What an unfinished copy of an earlier call allows: to go on with it, or to give it up.

Rows are touched only in tables that were empty when that copy began, and only while they hold as many rows as it put
there: whatever else is in them is somebody else's.
"""

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from crossfade.errors import CopyUnfinishedError, TargetChangedError
from crossfade.transfer import ledger
from crossfade.transfer.ends import End
from crossfade.transfer.indexes import Definition
from crossfade.transfer.ledger import Unfinished
from crossfade.transfer.plan import Plan
from crossfade.transfer.shapes import located, quoted
from crossfade.transfer.transactions import execute, scalar, transaction


def ensure_same(unfinished: Unfinished, *, source: End, target: End, plan: Plan) -> None:
    """Raises CopyUnfinishedError unless this call is about the source and the tables of the unfinished copy."""
    if (unfinished.source, unfinished.selection) != (source.masked, plan.selection):
        raise CopyUnfinishedError(
            url=target.masked,
            tables=unfinished.selection.replace(",", ", "),
            source=unfinished.source,
            began=unfinished.began,
        )


def ensure_untouched(connection: Any, unfinished: Unfinished, target: End) -> None:
    """Raises TargetChangedError for a table that has more or fewer rows than the copy put there.

    One that somebody has emptied since is filled from its beginning.
    """
    for name, progress in ledger.progress(connection, unfinished.id).items():
        found = scalar(connection, f"SELECT count(*) FROM {progress.place}")
        if found == progress.copied or unfinished.repairing:
            continue
        if found:
            raise TargetChangedError(
                table=name, url=target.masked, found=found, copied=progress.copied, began=unfinished.began
            )
        with transaction(connection):
            ledger.start_over(connection, unfinished.id, name)


def give_up(connection: Any, unfinished: Unfinished, *, target: End, plan: Plan) -> list[Definition]:
    """Takes out, in the caller's transaction, the rows that the copy put in; returns what it still has aside.

    Raises TargetChangedError if rows of other tables refer to them by now.
    """
    copied = ledger.progress(connection, unfinished.id)
    empty(connection, list(copied), unfinished, target=target, plan=plan)
    ledger.end(connection, unfinished.id, state="given up")
    return ledger.aside(connection, unfinished.id)


def empty(connection: Any, tables: Collection[str], unfinished: Unfinished, *, target: End, plan: Plan) -> None:
    """Takes the rows of the copy out of these tables of its own, in the caller's transaction.

    Raises TargetChangedError if rows of tables that it isn't about refer to them by now.
    """
    copied = ledger.progress(connection, unfinished.id)
    for name in tables:
        _ensure_nobody_refers(connection, name, copied.keys(), unfinished=unfinished, target=target, plan=plan)
    _empty(connection, [copied[name].place for name in tables])


def _ensure_nobody_refers(
    connection: Any, name: str, copied: Collection[str], *, unfinished: Unfinished, target: End, plan: Plan
) -> None:
    """Deleting a row takes along, or changes, those that refer to it where the reference says so."""
    for table, reference in plan.referring(name):
        if table.fullname in copied:
            continue
        filled = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in reference.columns)
        found = scalar(
            connection,
            f"SELECT count(*) FROM {located(table.schema, table.name, target.engine)} WHERE {filled}",
        )
        if found:
            raise TargetChangedError(
                table=f"{table.fullname}, which refers to {name},",
                url=target.masked,
                found=found,
                copied=0,
                began=unfinished.began,
            )


def _empty(connection: Any, places: Sequence[str]) -> None:
    if not isinstance(connection, sqlite3.Connection):
        # Quicker, and leaves no dead rows; refused where references of other tables stand on these.
        with suppress(connection.Error), connection.transaction():
            execute(connection, f"TRUNCATE {', '.join(places)}")
            return
    for place in places:
        execute(connection, f"DELETE FROM {place}")
