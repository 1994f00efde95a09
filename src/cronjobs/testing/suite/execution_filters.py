"""Executions narrowed: by what they are, and to a period."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from cronjobs.models.executions import STATES, STATUS_OF, STATUSES
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.jobs import store, store_execution
from cronjobs.testing.suite.executions import NOON, found
from cronjobs.testing.worlds import Person


def test_executions_are_filtered(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job, another = store(session, settings), store(session, settings, name="another")
    kinds = {
        "a": (job, "success", "scheduled", "webhook"),
        "b": (job, "failed", "manual", "webhook"),
        "c": (another, "running", "manual", "github_actions"),
    }
    for id_, (owner, status, trigger_type, execution_type) in kinds.items():
        columns = {"status": status, "trigger_type": trigger_type, "execution_type": execution_type}
        store_execution(session, owner, id=id_, started_at=NOON, **columns)

    def ids(**query: str) -> set[str]:
        return set(found(api, viewer, **query))

    assert ids(status="success") == {"a"}
    assert ids(status="SUCCESS, failed,") == {"a", "b"}
    assert ids(status="nonsense") == set()
    assert ids(status="") == {"a", "b", "c"}
    assert ids(trigger_type="manual") == {"b", "c"}
    assert ids(execution_type="github_actions") == {"c"}
    assert ids(job_id=job.id) == {"a", "b"}
    assert ids(job_id="nobody") == set()
    assert ids(job_id=job.id, trigger_type="manual", status="failed,running") == {"b"}
    assert set(found(api, viewer, f"/jobs/{job.id}/executions", status="failed,running")) == {"b"}
    assert set(found(api, viewer, f"/jobs/{job.id}/executions", trigger_type="scheduled")) == {"a"}


def test_executions_are_filtered_by_state(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings)
    for state, status in STATUS_OF.items():
        store_execution(session, job, id=state, state=state, status=status)
    for status in STATUSES:  # rows of code that doesn't know states
        store_execution(session, job, id=f"legacy {status}", status=status)

    def ids(state: str, **query: str) -> set[str]:
        of_all = set(found(api, viewer, state=state, **query))
        of_job = api.get(f"/jobs/{job.id}/executions", token=viewer.token, state=state, **query).json
        assert of_all == {execution["id"] for execution in of_job["executions"]}
        assert len(of_all) == of_job["total_executions"]
        return of_all

    for state in STATES:
        assert ids(state) == {state} | ({f"legacy {state}"} if state in STATUSES else set())
    assert ids("MISSED, skipped,") == {"missed", "skipped"}
    assert ids("failed,unknown") == {"failed", "legacy failed", "unknown"}
    assert ids("due,running") == {"due", "running", "legacy running"}
    assert ids("failed,missed,skipped,unknown") == {"failed", "legacy failed", "missed", "skipped", "unknown"}
    assert ids("missed,success") == {"missed", "success", "legacy success"}
    assert ids("nonsense") == set()
    assert ids("nonsense,due") == {"due"}
    assert ids("failed,success", status="failed") == {"failed", "legacy failed"}
    assert ids("missed", status="success") == set()


@pytest.mark.parametrize("field", ["status", "state", "trigger_type", "execution_type", "job_id"])
def test_a_query_with_nul_is_refused(api: Api, viewer: Person, field: str) -> None:
    assert api.get("/executions", token=viewer.token, **{field: "a\x00"}).status == 400


SPANS: list[tuple[dict[str, str], str]] = [
    ({}, "before midnight noon last next"),
    ({"from": "2026-11-21"}, "midnight noon last next"),
    ({"to": "2026-11-21"}, "before midnight noon last"),
    ({"from": "2026-11-21", "to": "2026-11-21"}, "midnight noon last"),
    ({"from": "2026-11-21T12:00:00Z"}, "noon last next"),
    ({"from": "2026-11-21T12:00:00"}, "noon last next"),
    ({"from": "2026-11-21T21:00:00+09:00"}, "noon last next"),
    ({"from": "2026-11-21 12:00:00.000001"}, "last next"),
    ({"to": "2026-11-21T12:00:00Z"}, "before midnight"),
    ({"to": "2026-11-21t12:00:01z"}, "before midnight noon"),
    ({"from": " 2026-11-21 ", "to": ""}, "midnight noon last next"),
    ({"to": "9999-12-31"}, "before midnight noon last next"),
    ({"from": "0001-01-01", "to": "0001-01-01"}, ""),
]


@pytest.mark.parametrize(("span", "expected"), SPANS, ids=str)
def test_executions_are_narrowed_to_a_period(
    api: Api, session: Session, settings: Settings, viewer: Person, span: dict[str, str], expected: str
) -> None:
    job = store(session, settings)
    midnight = NOON - timedelta(hours=12)
    day, tick = timedelta(days=1), timedelta(microseconds=1)
    starts = {
        "before": midnight - tick,
        "midnight": midnight,
        "noon": NOON,
        "last": midnight + day - tick,
        "next": midnight + day,
    }
    for id_, started_at in starts.items():
        store_execution(session, job, id=id_, started_at=started_at)

    assert set(found(api, viewer, **span)) == set(expected.split())
    assert set(found(api, viewer, f"/jobs/{job.id}/executions", **span)) == set(expected.split())
    total = api.get("/executions/statistics", token=viewer.token, **span).json["total_executions"]
    assert total == len(expected.split())


JUNK = ["junk", "2026-13-01", "2026-02-30", "20261121", "2026-W47-6", "1763683200", "2026-11-21T25:00", "\x00"]
PERIOD_PATHS: list[Callable[[str], str]] = [
    lambda _: "/executions",
    lambda _: "/executions/statistics",
    lambda job_id: f"/jobs/{job_id}/executions",
]


@pytest.mark.parametrize("written", [*JUNK, "0001-01-01T00:00:00+09:00", "2026-11-21T12:00:00 09:00"])
@pytest.mark.parametrize("side", ["from", "to"])
def test_a_junk_date_is_refused(
    api: Api, session: Session, settings: Settings, viewer: Person, side: str, written: str
) -> None:
    job = store(session, settings)

    for path in PERIOD_PATHS:
        answer = api.get(path(job.id), token=viewer.token, **{side: written})
        assert (answer.status, answer.json["error"]) == (400, "Invalid date")
        assert side in answer.json["message"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-22", "2026-11-21"),
        ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"),
        ("2026-11-21T12:00:00Z", "2026-11-21T20:00:00+09:00"),
    ],
)
def test_a_period_that_ends_before_it_begins_is_refused(
    api: Api, session: Session, settings: Settings, viewer: Person, start: str, end: str
) -> None:
    job = store(session, settings)

    for path in PERIOD_PATHS:
        answer = api.get(path(job.id), token=viewer.token, **{"from": start, "to": end})
        assert (answer.status, answer.json["error"]) == (400, "Invalid date range")
