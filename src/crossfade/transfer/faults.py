"""What a driver says when the target objects, or is gone, while rows are written.

Only what happens on an open connection: that one can't be opened is said by the engines.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from crossfade.errors import CopyError, CopyFailedError, CopyInterruptedError
from crossfade.transfer.ends import End

_LOCKED = "55P03"


def is_lost(connection: Any) -> bool:
    """Whether the server, or the way to it, is gone."""
    return not isinstance(connection, sqlite3.Connection) and bool(connection.closed)


def said(error: BaseException) -> str:
    """What a driver says, on one line."""
    diagnostics = getattr(error, "diag", None)
    detail = getattr(diagnostics, "message_detail", None)
    first = str(error).strip().split("\nDETAIL:")[0]
    return " ".join(f"{first}: {detail}".split() if detail else first.split())


@contextmanager
def explained(end: End, connection: Any, table: str, *, kind: type[CopyError] = CopyFailedError) -> Generator[None]:
    """Says of an error of the driver which table of which database it is about, and how to go on."""
    try:
        yield
    except connection.Error as error:
        raise _explained(error, end, connection, table, kind) from error


def _explained(error: BaseException, end: End, connection: Any, table: str, kind: type[CopyError]) -> CopyError:
    if is_lost(connection):
        return CopyInterruptedError(url=end.masked, reason=said(error))
    reason = said(error)
    if getattr(error, "sqlstate", None) == _LOCKED:
        reason = f"somebody else holds on to it, {reason}"
    return kind(table=table, url=end.masked, reason=reason)


@contextmanager
def explained_both(source: tuple[End, Any], target: tuple[End, Any], what: str) -> Generator[None]:
    """The same for work on both connections: it is about the one that is gone, else about the target."""
    try:
        yield
    except (source[1].Error, target[1].Error) as error:
        end, connection = source if is_lost(source[1]) else target
        raise _explained(error, end, connection, what, CopyFailedError) from error
