"""What a driver says when a database can't be reached or written, in words that name the cause and its place.

Every driver says it differently (a code, a sentence of libpq, an error of the operating system); one function reads
them all. Errors of statements are left as SQLAlchemy raises them, but for what the fence of a frozen database says.
"""

import os
import re
import socket

from crossfade.errors import (
    CrossfadeError,
    DatabaseMissingError,
    DatabaseUnwritableError,
    FileReplacedError,
    HostRefusedError,
    HostSilentError,
    HostUnknownError,
    LoginRefusedError,
    NotADatabaseError,
    UnreachableError,
    WritesFrozenError,
)
from crossfade.routes import Route

Inode = tuple[int, int]

FROZEN = "crossfade: writes are frozen"
"""What a frozen database answers to a write; SQLite gives its triggers no code of their own."""
FROZEN_STATE = "57FRZ"
"""The same as PostgreSQL's SQLSTATE: of the class of interventions by an operator, which drivers take for a passing
trouble and not for a fault of the statement."""

_UNKNOWN_HOST = re.compile(
    r"could not translate host name|failed to resolve host|name or service not known|nodename nor servname"
    r"|name resolution|no address associated",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"connection refused|no such file or directory|connection reset|network is unreachable|no route to host"
    r"|connect call failed",
    re.IGNORECASE,
)
_SILENT = re.compile(r"timeout expired|timed out", re.IGNORECASE)
_LOGIN = re.compile(
    r"password authentication failed|authentication failed|no password supplied|role .* does not exist"
    r"|no pg_hba\.conf entry",
    re.IGNORECASE,
)
_NO_DATABASE = re.compile(r"database .* does not exist", re.IGNORECASE)


def inode(route: Route) -> Inode | None:
    """Which file the route's path names now; None for a missing file, memory and servers."""
    if route.path is None:
        return None
    try:
        status = os.stat(route.path)  # noqa: PTH116  on each checkout: a Path costs more than the call
    except OSError:
        return None
    return status.st_dev, status.st_ino


def while_connecting(error: BaseException, route: Route) -> CrossfadeError:
    """The error to raise for what a driver raised when it was to connect."""
    return _sqlite(error, route) if route.url.drivername == "sqlite" else _postgresql(error, route)


def while_using(error: BaseException, route: Route, opened: Inode | None) -> CrossfadeError | None:
    """The error to raise for one on an open connection: of a frozen database, or about SQLite's file.

    None for all others, which are about a statement.
    """
    text = str(error).lower()
    if getattr(error, "sqlstate", None) == FROZEN_STATE or text == FROZEN:
        return WritesFrozenError(url=route.masked, source=route.source)
    if route.path is None or not any(word in text for word in ("readonly", "disk i/o", "unable to open")):
        return None
    if opened is not None and inode(route) != opened:
        return replaced_file(route)
    if "disk i/o" in text:
        return None
    return DatabaseUnwritableError(database=route.path, source=route.source, reason=str(error))


def missing_file(route: Route) -> DatabaseMissingError:
    """The error for an SQLite file that isn't there."""
    advice = "Run `crossfade init` to create it, or correct the path."
    return DatabaseMissingError(database=route.path, source=route.source, advice=advice)


def replaced_file(route: Route) -> FileReplacedError:
    """The error for an SQLite file that isn't the one that was opened."""
    return FileReplacedError(database=route.path, source=route.source)


def _sqlite(error: BaseException, route: Route) -> CrossfadeError:
    reason = str(error)
    path = route.path
    if path is None:
        return UnreachableError(url=route.masked, source=route.source, reason=reason)
    if path.is_dir():
        return NotADatabaseError(database=path, source=route.source, reason="it is a directory")
    if "not a database" in reason or "malformed" in reason:
        return NotADatabaseError(database=path, source=route.source, reason=reason)
    if "readonly" in reason or "unable to open" in reason or isinstance(error, PermissionError):
        return DatabaseUnwritableError(database=path, source=route.source, reason=reason)
    return UnreachableError(url=route.masked, source=route.source, reason=reason)


def _postgresql(error: BaseException, route: Route) -> CrossfadeError:
    url, source = route.masked, route.source
    reason = " ".join(str(error).split()) or type(error).__name__
    state = getattr(error, "sqlstate", None)
    if state == "3D000" or _NO_DATABASE.search(reason):
        advice = f"Create it on the server (createdb {route.url.database}), or correct the name in {url}."
        return DatabaseMissingError(database=route.url.database, source=source, advice=advice)
    if state in {"28P01", "28000"} or _LOGIN.search(reason):
        return LoginRefusedError(user=route.url.username or "the current user", url=url, source=source, reason=reason)
    if isinstance(error, socket.gaierror) or _UNKNOWN_HOST.search(reason):
        return HostUnknownError(host=_hosts(route), url=url, source=source)
    if isinstance(error, TimeoutError) or _SILENT.search(reason):
        return HostSilentError(host=_host(route), url=url, source=source)
    if isinstance(error, OSError) or _REFUSED.search(reason):
        return HostRefusedError(host=_host(route), url=url, source=source)
    return UnreachableError(url=url, source=source, reason=reason)


def _hosts(route: Route) -> str:
    hosts = route.url.host or route.url.query.get("host") or "the local socket"
    return hosts if isinstance(hosts, str) else ", ".join(hosts)


def _host(route: Route) -> str:
    name = _hosts(route)
    return name if name.startswith(("/", "the ")) else f"{name}:{route.url.port or 5432}"
