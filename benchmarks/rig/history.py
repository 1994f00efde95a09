"""A database shaped like one of years of use: users, jobs, many executions, notifications; keys are random UUIDs.

`python -m rig.history FILE ROWS` fills one.
"""

import sqlite3
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

TEXT = "HTTP 200: It took note of the call, and here is what it made of it, line by line: the queue was empty, then "
"""Half of an output: as long as outputs are in life."""

_KEY = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'"
    " || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)
_AT = "strftime('%Y-%m-%d %H:%M:%S', 1700000000 + n * 37, 'unixepoch') || printf('.%06d', n * 7919 % 1000000)"
_NUMBERED = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)"

_USER = "(SELECT id FROM users WHERE rowid = n % (SELECT count(*) FROM users) + 1)"
_JOB = "(SELECT id FROM jobs WHERE rowid = n % (SELECT count(*) FROM jobs) + 1)"

_VALUES = {
    "users": {
        "id": _KEY,
        "username": "'user' || n",
        "email": "'user' || n || '@example.com'",
        "password_hash": "'not a hash'",
        "role": "'user'",
        "is_active": "1",
        "created_at": _AT,
        "updated_at": _AT,
    },
    "jobs": {
        "id": _KEY,
        "name": "'Nightly ' || n",
        "cron_expression": "'0 3 * * *'",
        "target_url": "'https://example.com/hook'",
        "category": "'general'",
        "enable_email_notifications": "0",
        "notify_on_success": "0",
        "created_by": _USER,
        "is_active": "0",
        "created_at": _AT,
        "updated_at": _AT,
    },
    "job_executions": {
        "id": _KEY,
        "job_id": _JOB,
        "status": "CASE n % 17 WHEN 0 THEN 'failed' ELSE 'success' END",
        "trigger_type": "'scheduled'",
        "started_at": _AT,
        "completed_at": _AT,
        "duration_seconds": "n % 100003 / 977.0",
        "execution_type": "'webhook'",
        "target": "'https://example.com/hook'",
        "response_status": "200",
        "output": f"'{TEXT}' || n || '{TEXT}'",
        "scheduled_for": _AT,
    },
    "notifications": {
        "id": _KEY,
        "user_id": _USER,
        "title": "'Job failed'",
        "message": "'Nightly ' || n || ' failed'",
        "type": "'error'",
        "is_read": "n % 3 > 0",
        "created_at": _AT,
    },
}
_SHARES = {"users": 0.001, "jobs": 0.01, "job_executions": 0.9, "notifications": 0.089}
TABLES = tuple(_VALUES)


def fill(file: Path, rows: int) -> None:
    """Fills an initialised SQLite file that has none of these rows with so many of them."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        # Random keys go everywhere: what of their index isn't in memory is read and written again for each row.
        connection.execute("PRAGMA cache_size = -1000000")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        with _indexes_afterwards(connection):
            for table, values in _VALUES.items():
                statement = f"INSERT INTO {table} ({', '.join(values)}) {_NUMBERED} SELECT {', '.join(values.values())}"
                connection.execute(f"{statement} FROM numbers", (max(1, round(rows * _SHARES[table])),))
        connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _indexes_afterwards(connection: sqlite3.Connection) -> Generator[None]:
    tables = ", ".join(f"'{table}'" for table in TABLES)
    found = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN"
    indexes = connection.execute(f"{found} ({tables})").fetchall()
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"')
    yield
    for _, definition in indexes:
        connection.execute(definition)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
