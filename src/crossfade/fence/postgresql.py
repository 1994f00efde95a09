"""The fence in PostgreSQL: a trigger for each table that calls one function, with the note as the function's comment.

To take a trigger away needs a lock that waits for readers, and lets none in meanwhile. So the function is made to let
everything pass first, which needs no lock of a table, and the triggers go when nobody reads.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from crossfade.database.faults import FROZEN, FROZEN_STATE

_NAME = "crossfade_fence"
_LOCK = 0x63726F737366656E
"""The advisory lock of whoever builds at the fence: any number that nobody else uses."""
_WAIT = "500ms"
"""Shorter than PostgreSQL lets two wait for each other before it ends one of them."""
_CONTENTION = frozenset({"55P03", "40P01"})

_REFUSE = f"""CREATE OR REPLACE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING ERRCODE = '{FROZEN_STATE}', MESSAGE = '{FROZEN}'; END $$"""
_LET_PASS = f"""CREATE OR REPLACE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RETURN NULL; END $$"""
_NOTE = f"SELECT obj_description(to_regprocedure('{_NAME}()'), 'pg_proc')"
_TRIGGERS = f"SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = to_regprocedure('{_NAME}()') ORDER BY 1"  # noqa: S608  a constant
_WRITERS = """
SELECT DISTINCT coalesce(nullif(application_name, ''), 'somebody') || ' (process ' || pid || ', ' || state || ')'
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'relation' AND granted AND pg_locks.database = (
    SELECT oid FROM pg_database WHERE datname = current_database()
) AND pid <> pg_backend_pid() AND (
    mode IN ('RowExclusiveLock', 'ShareLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock')
    OR relation IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'crossfade_fence')
) ORDER BY 1"""


def alone(connection: Connection) -> None:
    """Keeps others from building at the fence until the end of the transaction, and limits what is waited for."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT}'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def close(connection: Connection, tables: Iterable[Table], note: str) -> None:
    """Refuses writes to `tables`, and notes it on the fence."""
    preparer = connection.dialect.identifier_preparer
    named = [preparer.format_table(table) for table in tables]
    # Waits for those who have written and not committed yet, and lets no other begin.
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(named)} IN SHARE ROW EXCLUSIVE MODE")
    connection.exec_driver_sql(_REFUSE)
    has = {connection.exec_driver_sql("SELECT %s::regclass::text", (name,)).scalar_one(): name for name in named}
    for name in has.keys() - set(closed(connection)):
        connection.exec_driver_sql(
            f"CREATE TRIGGER {_NAME} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {name}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {_NAME}()"
        )
        # Also for whoever says that it only replays what was written elsewhere.
        connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {_NAME}")
    _set_note(connection, note)


def open_up(connection: Connection) -> bool:
    """Lets every write pass; whether there was a fence, or something left of one."""
    if connection.exec_driver_sql(f"SELECT to_regprocedure('{_NAME}()')").scalar_one() is None:
        return False
    connection.exec_driver_sql(_LET_PASS)
    _set_note(connection, None)
    return True


def clear(connection: Connection) -> None:
    """Takes away what is left of an open fence. Waits for readers, but not for long."""
    for name in closed(connection):
        connection.exec_driver_sql(f"DROP TRIGGER {_NAME} ON {name}")
    connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {_NAME}()")


def note(connection: Connection) -> str | None:
    """What is noted on the fence; None if it is open, or there is none."""
    found: str | None = connection.exec_driver_sql(_NOTE).scalar_one()
    return found


def closed(connection: Connection) -> Sequence[str]:
    """The tables that have a trigger of the fence, quoted where they need it."""
    return connection.exec_driver_sql(_TRIGGERS).scalars().all()


def is_contention(error: DBAPIError) -> bool:
    """Whether others are in the way."""
    return getattr(error.orig, "sqlstate", None) in _CONTENTION


def in_the_way(connection: Connection) -> list[str]:
    """Who has written to a table and not ended yet, or reads one that has a trigger."""
    return list(connection.exec_driver_sql(_WRITERS).scalars())


def _set_note(connection: Connection, note: str | None) -> None:
    # COMMENT takes no parameters.
    text = "NULL" if note is None else "'" + note.replace("'", "''") + "'"
    connection.exec_driver_sql(f"COMMENT ON FUNCTION {_NAME}() IS {text}", None, {"no_parameters": True})
