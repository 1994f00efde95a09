"""Lists and statistics over many rows: each is found by an index, with as many statements as over few."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, bindparam, delete, insert, text
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution, Notification, User
from cronjobs.models.executions import EXECUTION_TYPES, STATUSES, TRIGGER_TYPES
from cronjobs.testing.client import Api
from cronjobs.testing.statements import Sent, counted, read_in_full
from cronjobs.testing.worlds import Person
from crossfade import clock
from crossfade.router import Router

LARGE = {"job_executions", "notifications"}
PATIENCE = 30.0
"""Seconds."""
UNFINISHED = text(
    "SELECT count(*) FROM pg_class WHERE relname IN :large AND relallvisible < 0.9 * relpages"
).bindparams(bindparam("large", tuple(LARGE), expanding=True))
"""Large tables that an index can't speak for yet; a page with a row that was deleted is never far."""

DAY = (clock.now() - timedelta(days=3)).date().isoformat()
PERIODS: list[dict[str, Any]] = [{}, {"from": DAY}, {"to": DAY}, {"from": DAY, "to": DAY}]
KINDS: list[dict[str, Any]] = [
    *({"status": status} for status in (*STATUSES, "success,failed")),
    *({"trigger_type": trigger_type} for trigger_type in TRIGGER_TYPES),
    *({"execution_type": execution_type} for execution_type in EXECUTION_TYPES),
]
LISTS: dict[str, list[dict[str, Any]]] = {
    "/jobs": [{}, {"page": 1}, {"page": 1, "search": "nightly", "category": "general", "is_active": "true"}],
    "/jobs/{job}": [{}],
    "/jobs/{job}/executions": [*PERIODS, *KINDS],
    "/jobs/{job}/executions/stats": [{}],
    "/executions": [*PERIODS, *KINDS, {"job_id": "{job}"}, {"page": 3}, {"from": DAY, "status": "failed"}],
    "/executions/statistics": [*PERIODS, {"job_id": "{job}"}],
    "/notifications": [*PERIODS, {"unread_only": "true"}, {"unread_only": "true", "from": DAY}],
    "/notifications/unread-count": PERIODS,
    "/scheduler/status": [{}],
    "/health": [{}],
}
CHANGES = [("PUT", "/notifications/read-all"), ("DELETE", "/notifications/delete-read")]


def fill(connection: Connection, owners: list[str], *, jobs: int, executions: int, notifications: int) -> None:
    """Rows as a year of use leaves them: of each kind some, and texts that make a table larger than its indexes."""
    now = clock.naive_utc()
    ids = [f"job-{number}" for number in range(jobs)]
    connection.execute(
        insert(Job),
        [
            {
                "id": id_,
                "name": f"Nightly {number}",
                "cron_expression": "0 3 * * *",
                "target_url": "https://example.com/hook",
                "created_at": now - timedelta(hours=number),
            }
            for number, id_ in enumerate(ids)
        ],
    )
    connection.execute(
        insert(JobExecution),
        [
            {
                "id": f"execution-{number}",
                "job_id": ids[number % jobs],
                "status": ("running", "failed", "failed", *["success"] * 17)[number % 20],
                "trigger_type": "manual" if number % 9 == 0 else "scheduled",
                "execution_type": "webhook" if number % 4 else "github_actions",
                "started_at": now - timedelta(minutes=number),
                "duration_seconds": 1.5,
                "output": "a line of output\n" * 25,
            }
            for number in range(executions)
        ],
    )
    connection.execute(
        insert(Notification),
        [
            {
                "id": f"notification-{number}",
                "user_id": owners[number % len(owners)],
                "title": "Job failed",
                "message": "It answered 500. " * 25,
                "type": "error",
                "is_read": number % 3 > 0,
                "created_at": now - timedelta(minutes=number),
            }
            for number in range(notifications)
        ],
    )


def survey(engine: Engine) -> None:
    """Lets the database learn how its rows are spread, as PostgreSQL does by itself from time to time."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")
            return
        # A survey that PostgreSQL makes at the same moment keeps the vacuum from finishing: then once more.
        deadline = time.monotonic() + PATIENCE
        connection.exec_driver_sql("VACUUM ANALYZE")
        while connection.scalar(UNFINISHED):
            assert time.monotonic() < deadline, "another transaction is open, and keeps old rows alive"
            time.sleep(0.05)
            connection.exec_driver_sql("VACUUM ANALYZE")


@pytest.fixture
def owners(session: Session, admin: Person) -> list[str]:
    """Whose inboxes there are: the admin's, and those of as many others that no one of them is most of the table."""
    others = [
        User(username=f"reader{number}", email=f"reader{number}@cronjobs.test", password_hash="-")
        for number in range(19)
    ]
    session.add_all(others)
    session.commit()
    return [admin.id, *(user.id for user in others)]


@pytest.fixture
def asked(api: Api, admin: Person) -> Callable[[], dict[str, list[Sent]]]:
    """Asks for every list, in every way that narrows it: which statements each sends."""

    def ask() -> dict[str, list[Sent]]:
        sent_by = {}
        for path, queries in LISTS.items():
            for query in queries:
                named = {name: str(value).format(job="job-0") for name, value in query.items()}
                with counted() as sent:
                    answer = api.get(path.format(job="job-0"), token=admin.token, **named)
                assert answer.status == 200, answer.text
                sent_by[f"GET {path} {query}"] = sent
        for method, path in CHANGES:
            with counted() as sent:
                assert api.request(method, path, token=admin.token).status == 200
            sent_by[f"{method} {path}"] = sent
        return sent_by

    return ask


def test_no_list_reads_all_executions_or_notifications(
    router: Router, owners: list[str], asked: Callable[[], dict[str, list[Sent]]]
) -> None:
    engine = router.engine("flask")
    with engine.begin() as connection:
        fill(connection, owners, jobs=1, executions=1, notifications=1)
    over_few = {request: len(sent) for request, sent in asked().items()}
    with engine.begin() as connection:
        for table in (Notification, JobExecution, Job):
            connection.execute(delete(table))
        fill(connection, owners, jobs=2_000, executions=20_000, notifications=10_000)

    over_many = asked()

    assert {request: len(sent) for request, sent in over_many.items()} == over_few
    if engine.dialect.name == "sqlite":  # It surveys nothing unless it is told to: its plans have to be right without.
        assert scans(engine, over_many) == {}
    survey(engine)
    assert scans(engine, over_many) == {}


def scans(engine: Engine, requests: dict[str, list[Sent]]) -> dict[str, set[str]]:
    """Of each request that reads a large table in full, which."""
    with engine.connect() as connection:
        found = {
            request: LARGE & {table for each in sent for table in read_in_full(connection, each)}
            for request, sent in requests.items()
        }
    return {request: tables for request, tables in found.items() if tables}
