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
        if is_lost(connection):
            raise CopyInterruptedError(url=end.masked, reason=said(error)) from error
        reason = said(error)
        if getattr(error, "sqlstate", None) == _LOCKED:
            reason = f"somebody else holds on to it, {reason}"
        raise kind(table=table, url=end.masked, reason=reason) from error
