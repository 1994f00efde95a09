"""A database as years of use leave it: a million rows, made by the database itself in seconds.

Every second run is one job's, every second notification the owner's; the rest is spread evenly. Each row is a minute
older than the one before it.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from cronjobs.models import metadata
from crossfade import clock

LARGE = frozenset({"job_executions", "notifications"})
READERS = 20
"""Inboxes besides the owner's."""


@dataclass(frozen=True)
class Size:
    """How many rows there are."""

    jobs: int
    executions: int
    notifications: int


@dataclass(frozen=True)
class _Dialect:
    """What the databases say differently."""

    digits: str
    """A number as 32 digits."""
    at: str
    """So many minutes ago as the row's number `n` says."""


_DIALECTS = {
    "sqlite": _Dialect("printf('%032d', {})", "strftime('%Y-%m-%d %H:%M:%S.000000', :now - n * 60, 'unixepoch')"),
    "postgresql": _Dialect(
        "lpad(CAST({} AS text), 32, '0')", "to_timestamp(:now) AT TIME ZONE 'UTC' - n * interval '1 minute'"
    ),
}

# With texts of the length that they have in life: planners compare a table with its indexes.
_ROWS = {
    "users": "{user}, 'reader' || n, 'reader' || n || '@cronjobs.test', '-', 'viewer', true",
    "jobs": (
        "{job}, 'Nightly ' || n, '0 3 * * *', 'https://example.com/hook', 'general', false, false, true, "
        "{at}, {at}, {at}"
    ),
    "job_executions": (
        "{run}, {job_of_run}, CASE WHEN n % 10000 = 0 THEN 'running' WHEN n % 10 = 1 THEN 'failed' ELSE 'success' END, "
        "CASE WHEN n % 9 = 0 THEN 'manual' ELSE 'scheduled' END, {at}, {at}, 1.5, "
        "CASE WHEN n % 4 = 0 THEN 'github_actions' ELSE 'webhook' END, 'https://example.com/hook', 200, "
        "'It took note of the call, says the target of the webhook, and here is what it made of it, line by line: "
        "first it looked whether the queue was empty, then it sent 1,250 letters, of which 3 came back, and at last it "
        "wrote a report, which is at https://reports.example.com/2026/11/21', {at}, "
        "CASE WHEN n % 1000 = 1 THEN 'missed' WHEN n % 1000 = 11 THEN 'unknown' WHEN n % 20 = 0 THEN NULL "
        "WHEN n % 10 = 1 THEN 'failed' ELSE 'success' END"
    ),
    "notifications": (
        "{note}, CASE WHEN n % 2 = 0 THEN :owner ELSE {reader} END, 'Job failed: Nightly', "
        "'The job Nightly failed: https://example.com/hook answered 500, and that is what the inbox says of it.', "
        "'error', n % 3 > 0, {at}, {job_of_run}, {run}"
    ),
}
_COLUMNS = {
    "users": "id, username, email, password_hash, role, is_active",
    "jobs": (
        "id, name, cron_expression, target_url, category, enable_email_notifications, notify_on_success, is_active, "
        "created_at, updated_at, planned_at"
    ),
    "job_executions": (
        "id, job_id, status, trigger_type, started_at, completed_at, duration_seconds, execution_type, target, "
        "response_status, output, scheduled_for, state"
    ),
    "notifications": "id, user_id, title, message, type, is_read, created_at, related_job_id, related_execution_id",
}
_NUMBERED = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)"


def id_of(kind: str, number: int) -> str:
    """The id of the row with that number, from 0, the newest: `kind` is job, run, note or user."""
    return f"{kind[:3]}-{number:032}"


def fill(connection: Connection, size: Size, *, owner: str) -> None:
    """Adds so many rows, and readers, to a database that has no jobs; `owner` is the id of a user."""
    values = {"now": int(clock.now().timestamp()), "owner": owner, "jobs": size.jobs}
    counts = {
        "users": READERS,
        "jobs": size.jobs,
        "job_executions": size.executions,
        "notifications": size.notifications,
    }
    for table, count in counts.items():
        row = _row(_DIALECTS[connection.dialect.name], table)
        statement = f"INSERT INTO {table} ({_COLUMNS[table]}) {_NUMBERED} SELECT {row} FROM numbers"
        named = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(text(statement), named | {"count": count})


@contextmanager
def in_bulk(engine: Engine) -> Generator[Connection]:
    """One transaction for very many rows: no guards and no log, and the indexes are made when the rows are in.

    Nobody else may be using the database.
    """
    if engine.dialect.name == "sqlite":
        # A connection of its own, that leaves the write-ahead log, through which each page would go twice.
        engine.dispose()
        used = create_engine(engine.url, poolclass=NullPool)
        hasty = ["PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000"]
    else:
        used = engine
        hasty = ["SET LOCAL session_replication_role = replica", "SET LOCAL maintenance_work_mem = '256MB'"]
        # In this order: a table with a log can't refer to one without.
        hasty += [f"ALTER TABLE {table} SET UNLOGGED" for table in ("notifications", "job_executions")]
    indexes = [index for table in LARGE for index in metadata.tables[table].indexes]
    with used.begin() as connection:
        if engine.dialect.name == "sqlite":
            # A snapshot may watch the file: then the log stays, and it takes longer.
            with suppress(OperationalError):
                connection.exec_driver_sql("PRAGMA journal_mode = OFF")
        for statement in hasty:
            connection.exec_driver_sql(statement)
        for index in indexes:
            index.drop(connection)
        yield connection
        for index in indexes:
            index.create(connection)


def survey(engine: Engine) -> None:
    """Lets the database learn how its rows are spread, as PostgreSQL does by itself from time to time."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE")


def _row(dialect: _Dialect, table: str) -> str:
    def id_(kind: str, number: str = "n") -> str:
        return f"'{kind[:3]}-' || {dialect.digits.format(number)}"

    return _ROWS[table].format(
        at=dialect.at,
        user=id_("user"),
        job=id_("job"),
        run=id_("run"),
        note=id_("note"),
        job_of_run=id_("job", "CASE WHEN n % 2 = 0 THEN 0 ELSE n % :jobs END"),
        reader=id_("user", f"n / 2 % {READERS}"),
    )
