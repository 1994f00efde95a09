"""The steps of a project's schema, in order, and how far a database has come.

Alembic does the work; its script directory is the package that `[tool.crossfade]` names, so no alembic.ini is needed.
Everything runs in the caller's transaction, which is a real one on SQLite too: all of it happens, or nothing. Which
databases, and when, is left to `installation`.
"""

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Dialect, MetaData, String, column, inspect, select, table
from sqlalchemy.exc import OperationalError

from crossfade import redaction
from crossfade.errors import RevisionsError, UnknownRevisionError
from crossfade.revisions.recording import ALONE, recorded

# One number for all projects: an advisory lock belongs to one database anyway.
_LOCK = int.from_bytes(b"xfade:up")
_WAIT_FOR_OTHER_INIT = "60s"
# A revision that waits for a table makes everybody else wait behind it: better give up and try again.
_WAIT_FOR_TABLE = "4s"
_LOCK_NOT_AVAILABLE = "55P03"

_VERSIONS = table("alembic_version", column("version_num", String))

_Work = Callable[[Any, MigrationContext], Iterable[RevisionStep | StampStep]]


@dataclass(frozen=True)
class Step:
    """One revision: its number, its file, and what it does."""

    revision: str
    file: str
    sentence: str


def current(connection: Connection) -> str | None:
    """The revision that a database is at; None if it has none."""
    # Asked without Alembic's context, which logs whenever it is made: a health check asks often.
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    found = connection.scalars(select(_VERSIONS.c.version_num).order_by(_VERSIONS.c.version_num))
    # More than one is nothing that a line of steps leads to; joined, no step answers to it.
    return ", ".join(found) or None


class Revisions:
    """The line of steps of one project."""

    def __init__(self, package: str) -> None:
        """`package` is the import path of the folder that has `versions/`; raises RevisionsError if it is no line."""
        self.package = package
        self._directory = _directory(package)
        self._scripts = ScriptDirectory(self._directory, version_locations=[self._directory / "versions"])
        try:
            self._line = tuple(reversed(list(self._scripts.walk_revisions())))
            bases, heads = self._scripts.get_bases(), self._scripts.get_heads()
        except CommandError as error:
            raise RevisionsError(reason=str(error)) from error
        except KeyError as error:
            # Alembic warns, and then stumbles over it.
            raise RevisionsError(reason=f"{package} refers to the revision {error}, which is not there") from error
        if len(bases) != 1 or len(heads) != 1:
            reason = f"{package} must have one first and one last revision, but has {bases or 'none'} and {heads}"
            raise RevisionsError(reason=reason)

    @property
    def head(self) -> str:
        """The newest revision."""
        return self._line[-1].revision

    @property
    def base(self) -> str:
        """The first revision: the schema from before there were revisions."""
        return self._line[0].revision

    @property
    def steps(self) -> tuple[Step, ...]:
        """All revisions, the oldest first."""
        return tuple(Step(one.revision, Path(one.path).name, one.doc.rstrip(".")) for one in self._line)

    def pending(self, connection: Connection) -> tuple[str, ...]:
        """The revisions that a database lacks, the oldest first. Raises UnknownRevisionError."""
        return self._after(connection, current(connection))

    def upgrade(self, connection: Connection, target: str = "head") -> tuple[str, ...]:
        """Brings a database to `target` (a revision) and returns the revisions that it lacked; the caller commits.

        One at a time: others that upgrade the same database wait. Raises UnknownRevisionError; an OperationalError
        for which `contention` has words means that somebody held on to a table for too long.
        """
        lock(connection)
        before = self.pending(connection)
        wanted = self.head if target == "head" else target
        if wanted not in before:
            return ()
        # Alembic's own commands call these two as well; there is no public name for them.
        self._run(connection, lambda found, _context: self._scripts._upgrade_revs(wanted, found))  # noqa: SLF001
        return before[: before.index(wanted) + 1]

    def stamp(self, connection: Connection, revision: str) -> None:
        """Says that a database is at `revision`, without running anything; the caller commits."""
        lock(connection)
        self._run(connection, lambda found, _context: self._scripts._stamp_revs(revision, found))  # noqa: SLF001

    def baseline(self, dialect: Dialect) -> MetaData:
        """The tables of the first revision, for databases of this dialect; none is opened."""
        return recorded(self._line[0], dialect)

    def _after(self, connection: Connection, revision: str | None) -> tuple[str, ...]:
        known = [one.revision for one in self._line]
        if revision is None:
            return tuple(known)
        if revision not in known:
            raise UnknownRevisionError(
                url=redaction.mask_url(connection.engine.url), source="its alembic_version", revision=revision
            )
        return tuple(known[known.index(revision) + 1 :])

    def _run(self, connection: Connection, work: _Work) -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(self._directory).replace("%", "%%"))
        with ALONE, EnvironmentContext(config, self._scripts, fn=work) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()


def lock(connection: Connection) -> None:
    """Waits for whoever upgrades this database, and keeps others out until the end of the transaction.

    On SQLite it begins the transaction for real: the driver would begin one before a write to a row only, so that
    each change of a table would stand alone. On PostgreSQL the limits of the session are set for this transaction.
    An OperationalError that says so (see `contention`) means that others were in the way for too long.
    """
    if connection.dialect.name == "sqlite":
        _begin(connection)
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_FOR_OTHER_INIT}'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_FOR_TABLE}'")


def contention(error: OperationalError) -> str | None:
    """What the database says if others are in the way; None for all other errors."""
    text = str(error.orig)
    blocked = getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE or "locked" in text
    return text if blocked else None


def _begin(connection: Connection) -> None:
    driver = connection.connection.driver_connection
    if driver is not None and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _directory(package: str) -> Path:
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError as error:
        raise RevisionsError(reason=f"there is no package {package}") from error
    places = list(found.submodule_search_locations or ()) if found else []
    if not places or not (Path(places[0]) / "versions").is_dir():
        raise RevisionsError(reason=f"{package} is no package with a folder `versions`")
    return Path(places[0])
