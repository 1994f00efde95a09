"""What a driver says when the target objects, or is gone, while rows are written.

Only what happens on an open connection: that one can't be opened is said by the engines.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import ResourceClosedError

from crossfade.errors import CopyError, CopyFailedError, CopyInterruptedError, CrossfadeError
from crossfade.transfer.ends import End

_LOCKED = "55P03"
_GONE = ("08", "57P")
"""The way to the server is lost; the server is ending, has crashed, or isn't up yet."""


def is_lost(connection: Any) -> bool:
    """Whether the server, or the way to it, is gone."""
    return not isinstance(connection, sqlite3.Connection) and bool(connection.closed)


def said(error: BaseException) -> str:
    """What a driver says, on one line."""
    diagnostics = getattr(error, "diag", None)
    detail = getattr(diagnostics, "message_detail", None)
    # What follows in the whole text is where in the server it happened.
    first = getattr(diagnostics, "message_primary", None) or str(error)
    return " ".join(f"{first}: {detail}".split() if detail else first.split())


@contextmanager
def explained(end: End, connection: Any, table: str, *, kind: type[CopyError] = CopyFailedError) -> Generator[None]:
    """Says of an error of the driver which table of which database it is about, and how to go on."""
    try:
        yield
    except connection.Error as error:
        raise _explained(error, end, connection, table, kind) from error


@contextmanager
def told(source: End, target: End) -> Generator[None]:
    """The last word on an error that came where nobody knows which of both databases it is about."""
    try:
        yield
    except CrossfadeError:
        raise
    except Exception as error:
        # A connection that breaks while SQLAlchemy gets to know the server is closed when it asks the next question.
        cause = error if isinstance(error, ResourceClosedError) else _of_driver(error)
        if cause is None:
            raise
        servers = [end.masked for end in (source, target) if end.engine == "postgresql"]
        if _is_gone(cause):
            raise CopyInterruptedError(url=" or ".join(servers), reason=said(cause)) from error
        raise CopyFailedError(table="the copy", url=target.masked, reason=said(cause)) from error


def _of_driver(error: BaseException | None) -> BaseException | None:
    """The driver's error behind an error. A driver is an optional dependency, so its errors are known by their name."""
    while error is not None and type(error).__module__.partition(".")[0] not in {"sqlite3", "psycopg"}:
        error = error.__cause__
    return error


def _is_gone(error: BaseException) -> bool:
    """Whether it says that the server, or the way to it, is gone."""
    if isinstance(error, ResourceClosedError):
        return True
    if isinstance(error, sqlite3.Error) or "OperationalError" not in {one.__name__ for one in type(error).__mro__}:
        return False
    state = getattr(error, "sqlstate", None)
    return state is None or state.startswith(_GONE)


def _explained(error: BaseException, end: End, connection: Any, table: str, kind: type[CopyError]) -> CopyError:
    if is_lost(connection) or _is_gone(error):
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
