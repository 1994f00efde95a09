"""Puts a database back in place between tests: the same URL, engines, pools and other processes go on.

What a test committed is seen by both stacks, by threads and by servers in other processes; afterwards the rows are
those of the snapshot again, and ids go on where they went on then. A test that wrote nothing costs a question. SQLite's
schema comes back with the rows; a change of PostgreSQL's is an error that names what there is and was.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Protocol, cast

from sqlalchemy import Engine, MetaData, Table

from crossfade.errors import ConfigurationError, RouterError

PATIENCE = 5.0
"""Seconds that a restore waits for a transaction that a test left open."""

# The greatest id of a seed that brought its own is not what its sequence knows.
_SEQUENCES = """
SELECT quote_ident(sn.nspname) || '.' || quote_ident(s.relname), quote_ident(t.relname), quote_ident(a.attname)
FROM pg_class s JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND t.relname = ANY(%s) AND pg_table_is_visible(t.oid)
"""
_HOLDERS = """
SELECT coalesce(nullif(application_name, ''), 'somebody'), state, pid, left(query, 200) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL ORDER BY xact_start
"""
# A restore, transaction N, asks last whether it is alone. It is if it sees `N:N:`: every lower number has ended, and no
# higher one has. Then `N+1:N+1:` is seen after it until another transaction ends that has a number, as each has that
# wrote. One with a lower number that still goes on may write later, and its end might change nothing there: the restore
# is not alone, remembers nothing, and the next one puts back whatever there is.
_REMEMBER = """
SELECT set_config('crossfade.untouched', CASE seen WHEN concat(n, ':', n, ':') THEN concat(n + 1, ':', n + 1, ':') END,
    false)
FROM (SELECT pg_current_xact_id()::text::bigint AS n, pg_current_snapshot()::text AS seen) AS this
"""
# By name: who drops all tables and makes them again has changed nothing. What has a lower number is PostgreSQL's own.
_NAMES = """
SELECT concat(n.nspname, '.', c.relname, ' (columns: ', c.relnatts, ')')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|_stash_)'
"""
# Another one where something was made, or a column added to a table of ours; sometimes also where nothing has changed
# after all. To compare all names each time would add a sixth to what a restore takes, and this adds next to nothing.
_HINT = """
SELECT concat((SELECT max(oid) FROM pg_class), ' ', sum(relnatts)) FROM pg_class WHERE oid = ANY('{{{tables}}}'::oid[])
"""
_WRITTEN = """
SELECT written, CASE WHEN written THEN ({hint}) END
FROM (
    SELECT pg_current_snapshot()::text <> current_setting('crossfade.untouched') OR EXISTS (
        SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL
    ) AS written OFFSET 0
) AS this
"""
"""Whether somebody has written since, or is at it; and if so, the hint."""
_SCHEMA = "42"
"""The class of PostgreSQL's errors about tables and columns that aren't there, or aren't as they were."""
_LOCKED = "55P03"
"""PostgreSQL's lock_not_available."""


class Snapshot(Protocol):
    """The rows of a database at one moment."""

    def restore(self) -> None:
        """Makes these the rows of the database again.

        Raises TimeoutError when somebody holds it, and says who; RouterError when the schema is another one.
        """

    def close(self) -> None:
        """Lets go of what the snapshot holds; it can't be restored any more."""


def take(engine: Engine, metadata: MetaData) -> Snapshot:
    """A snapshot of the tables of `metadata` in the engine's database: SQLite files and PostgreSQL.

    Raises ConfigurationError for PostgreSQL tables that refer to each other in a circle.
    """
    if engine.dialect.name == "sqlite":
        return _SqliteSnapshot(Path(engine.url.database or ""))
    return _PostgresqlSnapshot(engine, _ordered(metadata))


def advance(engine: Engine, metadata: MetaData) -> None:
    """Sets PostgreSQL's sequences behind the ids that are there: rows that brought their own have not told them."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            names = [table.name for table in metadata.tables.values()]
            for found in connection.exec_driver_sql(_SEQUENCES, (names,)).all():
                connection.exec_driver_sql(_behind(found))


class _SqliteSnapshot:
    """A copy in memory, written back page by page with SQLite's backup API: 0.1 ms for a small database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copy = sqlite3.connect(":memory:", check_same_thread=False)
        self._open()
        self._live.backup(self._copy)
        self._version = self._data_version()

    def restore(self) -> None:
        if _inode(self._path) != self._inode:
            # A test has put another file there: this one's connection would write where nobody looks any more.
            self._live.close()
            self._open()
        elif self._untouched():
            return
        deadline = time.monotonic() + PATIENCE

        def hurry(status: int, remaining: int, total: int) -> None:
            # CPython retries for ever while the target is locked.
            if time.monotonic() > deadline:
                raise self._held()

        self._copy.backup(self._live, progress=hurry)
        self._version = self._data_version()

    def close(self) -> None:
        self._copy.close()
        self._live.close()

    def _open(self) -> None:
        # The one connection stays: opening it is most of the cost, and its data_version changes when others write.
        self._live = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        self._live.execute("PRAGMA synchronous = OFF")
        self._inode = _inode(self._path)

    def _untouched(self) -> bool:
        """Whether nobody has written, and nobody is about to: a transaction that is open would be committed later."""
        try:
            self._live.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise self._held() from error
        try:
            return self._data_version() == self._version
        finally:
            self._live.execute("ROLLBACK")

    def _held(self) -> TimeoutError:
        return TimeoutError(
            f"{self._path} can't be put back: a transaction is open, and was for {PATIENCE:.0f} seconds"
        )

    def _data_version(self) -> int:
        with closing(self._live.execute("PRAGMA data_version")) as cursor:
            version: int = cursor.fetchone()[0]
        return version


class _PostgresqlSnapshot:
    """A schema beside the tables that holds their rows; put back in one round trip, in the order of the keys."""

    def __init__(self, engine: Engine, tables: Sequence[Table]) -> None:
        quote = engine.dialect.identifier_preparer.quote
        arguments, options = engine.dialect.create_connect_args(engine.url)
        # Not of the pool: it is nobody else's, and no test's transaction is ever on it.
        self._connection = cast("Any", engine.dialect.connect(*arguments, **options))
        self._connection.autocommit = True
        try:
            self._script = self._stash(tables, quote)
            self._tables = [quote(table.name) for table in tables]
            self._names = self._relations()
            self._look()
            # Once now: a seed that brought ids of its own has not told the sequences.
            self._put_back()
        except BaseException:
            self._connection.close()
            raise

    def _stash(self, tables: Sequence[Table], quote: Callable[[str], str]) -> str:
        """Copies the rows; the statements that put them back."""
        execute = self._connection.execute
        # Its own: another snapshot of the same database is to leave it as it is.
        stash = f"_stash_{secrets.token_hex(6)}"
        execute(f"CREATE SCHEMA {stash}")
        names = [quote(table.name) for table in tables]
        for name in names:
            execute(f"CREATE TABLE {stash}.{name} AS TABLE {name}")
        lines = [f"BEGIN; SET LOCAL lock_timeout = '{PATIENCE:.0f}s'"]
        if names:
            # What somebody has inserted and not committed stands in no row's way, and would come after us.
            lines.append(f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE")
        lines += [f"DELETE FROM {name}" for name in reversed(names)]
        lines += [_insertion(table, stash, quote) for table in tables]
        lines += map(_behind, execute(_SEQUENCES, [[table.name for table in tables]]).fetchall())
        # One trip to the server: on a busy machine trips are what a restore costs.
        return "; ".join([*lines, _REMEMBER, "COMMIT"])

    def restore(self) -> None:
        # To plan it takes ten times as long as to answer it.
        written, hint = self._connection.execute(self._written, prepare=True).fetchone()
        if not written:
            return
        if hint != self._hint:
            self._refuse_changes()
            self._look()
        self._put_back()

    def close(self) -> None:
        """The schema of stashed rows stays: the database is a test's, and goes with it."""
        self._connection.close()

    def _relations(self) -> set[str]:
        return {name for (name,) in self._connection.execute(_NAMES).fetchall()}

    def _look(self) -> None:
        """Remembers what tells that the schema may have changed."""
        numbers = self._connection.execute("SELECT unnest(%s::regclass[])::oid", [self._tables]).fetchall()
        hint = _HINT.format(tables=",".join(str(number) for (number,) in numbers))
        (self._hint,) = self._connection.execute(hint).fetchone()
        self._written = _WRITTEN.format(hint=hint)

    def _refuse_changes(self) -> None:
        now = self._relations()
        told = (("there is now", now - self._names), ("there was before", self._names - now))
        changes = "; ".join(f"{when} {', '.join(sorted(names))}" for when, names in told if names)
        if changes:
            raise RouterError(reason=f"the schema has changed: {changes}")

    def _put_back(self) -> None:
        try:
            # Many statements, and only one could be prepared.
            self._connection.execute(self._script, prepare=False)
        except Exception as error:
            self._connection.rollback()
            state = getattr(error, "sqlstate", None) or ""
            if state.startswith(_SCHEMA):
                raise RouterError(reason=f"the schema has changed: {str(error).splitlines()[0]}") from error
            if state != _LOCKED:
                raise
            held = "; ".join(
                f"{name} (pid {pid}) is {state}, last: {query}"
                for name, state, pid, query in self._connection.execute(_HOLDERS).fetchall()
            )
            raise TimeoutError(f"the database can't be put back: {held or 'somebody'} holds a lock on it") from error


def _behind(found: Sequence[Any]) -> str:
    """The statement that sets a sequence behind the column that it is for."""
    sequence, table, column = found
    return f"SELECT setval('{sequence}', coalesce((SELECT max({column}) FROM {table}), 0) + 1, false)"


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _ordered(metadata: MetaData) -> Sequence[Table]:
    """Referred tables first. A circle has no order in which its rows can be put back."""
    referred = {
        table: {constraint.referred_table for constraint in table.foreign_key_constraints} - {table}
        for table in metadata.tables.values()
    }
    try:
        return list(TopologicalSorter(referred).static_order())
    except CycleError as error:
        names = " -> ".join(table.name for table in error.args[1])
        raise ConfigurationError(
            reason=f"tables refer to each other in a circle ({names}), so their rows can't be put back one table after"
            " the other: write crossfade_isolation = clone"
        ) from None


def _insertion(table: Table, stash: str, quote: Callable[[str], str]) -> str:
    # What the database computes can't be given, and what it would number is to have its old number.
    columns = ", ".join(quote(column.name) for column in table.columns if column.computed is None)
    name = quote(table.name)
    return f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {stash}.{name}"
