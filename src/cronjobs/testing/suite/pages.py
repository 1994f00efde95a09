"""Pages of lists: whichever end they are found from, put together they are the list, newest first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cronjobs.models import AuditEvent, Job, JobExecution, Notification
from cronjobs.testing.client import Api
from cronjobs.testing.worlds import Person
from crossfade import clock

ROWS = 11
NOON = clock.naive_utc(datetime(2026, 11, 21, 12, tzinfo=UTC))
Row = JobExecution | Notification | AuditEvent | Job


@dataclass(frozen=True)
class Listed:
    """A list, and how rows get into it."""

    path: str
    rows: str
    """The name of the rows in its answer."""
    size: str
    """The name of the parameter that says how many rows a page has."""
    row: Callable[[str, datetime, Person], Row]
    """Of an id, a time and whoever looks."""
    narrowed: dict[str, Any]
    """A query that all these rows answer to."""


def job(id_: str, at: datetime, owner: Person) -> Job:
    return Job(
        id=id_,
        name=f"Job {id_}",
        cron_expression="0 3 * * *",
        target_url="https://example.com/hook",
        created_by=owner.id,
        created_at=at,
    )


def execution(id_: str, at: datetime, _: Person) -> JobExecution:
    return JobExecution(
        id=id_, job_id="job", status="failed", trigger_type="manual", execution_type="webhook", started_at=at
    )


def notification(id_: str, at: datetime, owner: Person) -> Notification:
    return Notification(id=id_, user_id=owner.id, title="Job failed", message="500", type="error", created_at=at)


def event(id_: str, at: datetime, _: Person) -> AuditEvent:
    return AuditEvent(
        id=id_, kind="user", action="created", subject_id="1", subject_name="x", changes="{}", occurred_at=at
    )


LISTS = [
    Listed("/jobs", "jobs", "per_page", job, {"category": "general"}),
    Listed("/executions", "executions", "limit", execution, {"status": "failed,success", "trigger_type": "manual"}),
    Listed("/notifications", "notifications", "per_page", notification, {"unread_only": "true"}),
    Listed("/audit", "events", "per_page", event, {"kind": "user"}),
]


@pytest.fixture(params=LISTS, ids=lambda listed: listed.path)
def listed(request: pytest.FixtureRequest, session: Session, admin: Person) -> Listed:
    """A list with rows in it, most of them of the same two instants."""
    chosen: Listed = request.param
    if chosen.row is execution:
        session.add(job("job", NOON, admin))
        session.flush()
    for number in range(ROWS):
        session.add(chosen.row(f"row-{number:02}", NOON + timedelta(hours=number * 7 % 2 + number // 9), admin))
    session.commit()
    return chosen


def page(api: Api, person: Person, listed: Listed, number: int, size: int, **query: Any) -> list[tuple[str, str]]:
    """The times and ids on a page."""
    answer = api.get(listed.path, token=person.token, page=number, **{listed.size: size}, **query)
    assert answer.status == 200, answer.text
    assert (answer.json["total"], answer.json["total_pages"]) == (ROWS, -(-ROWS // size))
    time = next(name for name in ("started_at", "occurred_at", "created_at") if name in answer.json[listed.rows][0])
    return [(row[time], row["id"]) for row in answer.json[listed.rows]]


@pytest.mark.parametrize("size", [1, 3, 5, ROWS, 20])
def test_the_pages_put_together_are_the_list(api: Api, listed: Listed, admin: Person, size: int) -> None:
    pages = [page(api, admin, listed, number, size) for number in range(1, -(-ROWS // size) + 1)]
    narrowed = [page(api, admin, listed, number, size, **listed.narrowed) for number in range(1, len(pages) + 1)]

    found = [row for rows in pages for row in rows]
    assert found == sorted(found, reverse=True)
    assert {id_ for _, id_ in found} == {f"row-{number:02}" for number in range(ROWS)}
    assert [len(rows) for rows in pages[:-1]] == [size] * (len(pages) - 1)
    assert narrowed == pages


@pytest.mark.parametrize("number", [4, 5, 1_000_000, 9_999_999])
def test_beyond_the_last_page_there_is_nothing(api: Api, listed: Listed, admin: Person, number: int) -> None:
    answer = api.get(listed.path, token=admin.token, page=number, **{listed.size: 5})

    assert (answer.status, answer.json[listed.rows], answer.json["total"]) == (200, [], ROWS)
