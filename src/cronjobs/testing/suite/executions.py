"""Executions: of one job and of all, narrowed, paged and counted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cronjobs.models.executions import STATES, STATUS_OF, STATUSES
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.jobs import store, store_execution
from cronjobs.testing.statements import counted
from cronjobs.testing.worlds import Person
from crossfade import clock

EXECUTION_KEYS = {
    "id",
    "job_id",
    "status",
    "trigger_type",
    "started_at",
    "completed_at",
    "duration_seconds",
    "execution_type",
    "target",
    "response_status",
    "error_message",
    "output",
    "state",
    "attempt",
    "scheduled_for",
    "missed_from",
    "missed_count",
}
NOON = clock.naive_utc(datetime(2026, 11, 21, 12, tzinfo=UTC))
"""Naive UTC, as stored."""


def found(api: Api, person: Person, path: str = "/executions", **query: Any) -> list[str]:
    """The ids of the executions that a list shows."""
    answer = api.get(path, token=person.token, **query)
    assert answer.status == 200, answer.text
    return [execution["id"] for execution in answer.json["executions"]]


# Of one job


def test_the_executions_of_a_job_are_listed_newest_first(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    job = store(session, settings)
    first, third, second = (
        store_execution(session, job, started_at=NOON + timedelta(minutes=minutes)) for minutes in (0, 2, 1)
    )
    store_execution(session, store(session, settings, name="another"))

    answer = api.get(f"/jobs/{job.id}/executions", token=viewer.token)

    assert answer.status == 200
    assert answer.json.keys() == {"job_id", "job_name", "total_executions", "executions"}
    assert (answer.json["job_id"], answer.json["job_name"]) == (job.id, "Stored")
    assert answer.json["total_executions"] == 3
    assert [each["id"] for each in answer.json["executions"]] == [third.id, second.id, first.id]


def test_an_execution_shows_its_columns(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings)
    execution = store_execution(session, job, started_at=NOON, status="failed", error_message="It broke", output=None)

    answer = api.get(f"/executions/{execution.id}", token=viewer.token)

    assert answer.status == 200
    assert answer.json == {
        "execution": {
            "id": execution.id,
            "job_id": job.id,
            "status": "failed",
            "trigger_type": "scheduled",
            "started_at": "2026-11-21T12:00:00.000Z",
            "completed_at": "2026-11-21T12:00:02.000Z",
            "duration_seconds": 2.0,
            "execution_type": "webhook",
            "target": "https://example.com/hook",
            "response_status": 200,
            "error_message": "It broke",
            "output": None,
            "state": "failed",
            "attempt": 1,
            "scheduled_for": None,
            "missed_from": None,
            "missed_count": None,
        }
    }


def test_a_missed_row_shows_what_it_stands_for(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    missed = {"state": "missed", "status": "failed", "missed_from": NOON - timedelta(hours=2), "missed_count": 121}
    execution = store_execution(session, store(session, settings), scheduled_for=NOON, attempt=2, **missed)

    shown = api.get(f"/executions/{execution.id}", token=viewer.token).json["execution"]

    assert (shown["status"], shown["state"], shown["attempt"]) == ("failed", "missed", 2)
    assert shown["scheduled_for"] == "2026-11-21T12:00:00.000Z"
    assert (shown["missed_from"], shown["missed_count"]) == ("2026-11-21T10:00:00.000Z", 121)


def test_an_execution_is_shown_with_its_job(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings)
    execution = store_execution(session, job)

    answer = api.get(f"/jobs/{job.id}/executions/{execution.id}", token=viewer.token)

    assert answer.status == 200
    assert answer.json.keys() == {"job", "execution"}
    assert answer.json["job"] == {"id": job.id, "name": "Stored"}
    assert answer.json["execution"].keys() == EXECUTION_KEYS


def test_a_running_execution_has_no_end(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    running = {"status": "running", "completed_at": None, "duration_seconds": None, "response_status": None}
    execution = store_execution(session, store(session, settings), **running)

    shown = api.get(f"/executions/{execution.id}", token=viewer.token).json["execution"]

    assert {key: shown[key] for key in running} == running


def test_the_total_counts_what_the_limit_leaves_out(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    job = store(session, settings)
    for minute in range(3):
        store_execution(session, job, started_at=NOON + timedelta(minutes=minute))

    answer = api.get(f"/jobs/{job.id}/executions", token=viewer.token, limit=2)

    assert len(answer.json["executions"]) == 2
    assert answer.json["total_executions"] == 3


@pytest.mark.parametrize(
    ("limit", "shown"), [("junk", 50), ("", 50), ("0", 1), ("-7", 1), ("999", 200), ("9" * 99, 200), ("2.0", 50)]
)
def test_a_limit_out_of_range_is_the_nearest_one(api: Api, viewer: Person, limit: str, shown: int) -> None:
    answer = api.get("/executions", token=viewer.token, limit=limit)

    assert answer.json["limit"] == (20 if shown == 50 else shown)


def test_a_jobs_executions_are_limited_to_fifty_unless_asked_otherwise(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    job = store(session, settings)
    for minute in range(51):
        store_execution(session, job, started_at=NOON + timedelta(minutes=minute))

    assert len(found(api, viewer, f"/jobs/{job.id}/executions")) == 50
    assert len(found(api, viewer, f"/jobs/{job.id}/executions", limit="junk")) == 50
    assert len(found(api, viewer, f"/jobs/{job.id}/executions", limit=1000)) == 51


def test_a_job_that_never_ran_has_no_executions(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings)

    assert found(api, viewer, f"/jobs/{job.id}/executions") == []
    statistics = api.get(f"/jobs/{job.id}/executions/stats", token=viewer.token).json
    assert statistics["latest_execution"] is None
    assert statistics["statistics"] == {
        "total_executions": 0,
        "success_count": 0,
        "failed_count": 0,
        "running_count": 0,
        "success_rate": 0.0,
        "average_duration_seconds": None,
    }


def test_the_statistics_of_a_job_are_counted(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings)
    for seconds in (1.0, 2.0, 2.0):
        store_execution(session, job, duration_seconds=seconds, started_at=NOON)
    store_execution(session, job, status="failed", duration_seconds=100.0, started_at=NOON)
    store_execution(session, job, status="failed", duration_seconds=100.0, started_at=NOON)
    latest = store_execution(session, job, status="running", started_at=NOON + timedelta(hours=1))
    store_execution(session, job, status="failed", started_at=NOON)
    store_execution(session, store(session, settings, name="another"))

    answer = api.get(f"/jobs/{job.id}/executions/stats", token=viewer.token)

    assert answer.status == 200
    assert answer.json.keys() == {"job_id", "job_name", "statistics", "latest_execution"}
    assert answer.json["statistics"] == {
        "total_executions": 7,
        "success_count": 3,
        "failed_count": 3,
        "running_count": 1,
        "success_rate": 42.86,
        "average_duration_seconds": 1.67,
    }
    assert answer.json["latest_execution"].keys() == EXECUTION_KEYS
    assert answer.json["latest_execution"]["id"] == latest.id


def test_an_unknown_job_or_execution_is_not_found(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    job, another = store(session, settings), store(session, settings, name="another")
    execution = store_execution(session, another)

    for path, error in (
        ("/jobs/nobody/executions", "Job not found"),
        ("/jobs/nobody/executions/stats", "Job not found"),
        (f"/jobs/nobody/executions/{execution.id}", "Job not found"),
        (f"/jobs/{job.id}/executions/nothing", "Execution not found"),
        (f"/jobs/{job.id}/executions/{execution.id}", "Execution not found"),
        ("/executions/nothing", "Execution not found"),
    ):
        answer = api.get(path, token=viewer.token)
        assert (answer.status, answer.json["error"]) == (404, error)


@pytest.mark.parametrize("path", ["/executions/a%00b", "/jobs/a%00b/executions"])
def test_an_id_with_nul_is_not_found(api: Api, viewer: Person, path: str) -> None:
    assert api.get(path, token=viewer.token).status == 404


# Of all


def test_all_executions_are_listed_with_their_jobs(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    webhook = store(session, settings, name="hook")
    github = store(session, settings, name="flow", target_url=None, github_owner="acme", github_repo="tools")
    store_execution(session, webhook, started_at=NOON)
    store_execution(session, github, started_at=NOON + timedelta(minutes=1), execution_type="github_actions")

    answer = api.get("/executions", token=viewer.token)

    assert answer.status == 200
    page = answer.json
    shown = page.pop("executions")
    assert page == {"total": 2, "page": 1, "limit": 20, "total_pages": 1}
    assert all(execution.keys() == EXECUTION_KEYS | {"job_name", "github_repo"} for execution in shown)
    assert [(each["job_name"], each["github_repo"]) for each in shown] == [("flow", "tools"), ("hook", None)]


def test_executions_are_listed_by_page(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings)
    ids = [store_execution(session, job, started_at=NOON - timedelta(minutes=age)).id for age in range(5)]

    assert found(api, viewer, page=2, limit=2) == ids[2:4]
    assert found(api, viewer, page=3, limit=2) == ids[4:]
    assert found(api, viewer, page=9, limit=2) == []
    assert found(api, viewer, page="junk", limit=2) == ids[:2]
    assert found(api, viewer, page="9" * 40) == []
    assert api.get("/executions", token=viewer.token, limit=2).json["total_pages"] == 3


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


def test_statistics_count_what_is_wanted(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job, another = store(session, settings), store(session, settings, name="another")
    store_execution(session, job, started_at=NOON, duration_seconds=1.234)
    store_execution(session, job, started_at=NOON, status="failed", duration_seconds=99.0)
    store_execution(session, another, started_at=NOON, status="running", duration_seconds=None)
    store_execution(session, job, started_at=NOON - timedelta(days=1))

    query = {"from": "2026-11-21", "to": "2026-11-21"}
    of_all = api.get("/executions/statistics", token=viewer.token, **query)
    of_one = api.get("/executions/statistics", token=viewer.token, job_id=job.id, **query)

    assert of_all.status == 200
    assert of_all.json == {
        "total_executions": 3,
        "successful_executions": 1,
        "failed_executions": 1,
        "running_executions": 1,
        "success_rate": 33.33,
        "average_duration_seconds": 1.23,
        "range": {"from": "2026-11-21T00:00:00.000Z", "to": "2026-11-22T00:00:00.000Z"},
    }
    assert of_one.json["total_executions"] == 2
    assert of_one.json["success_rate"] == 50.0


def test_statistics_of_nothing_are_zero(api: Api, viewer: Person) -> None:
    assert api.get("/executions/statistics", token=viewer.token).json == {
        "total_executions": 0,
        "successful_executions": 0,
        "failed_executions": 0,
        "running_executions": 0,
        "success_rate": 0.0,
        "average_duration_seconds": None,
        "range": {"from": None, "to": None},
    }


def test_a_list_takes_as_many_statements_for_many_executions_as_for_one(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    job = store(session, settings)
    store_execution(session, job)
    paths = ["/executions", f"/jobs/{job.id}/executions", f"/jobs/{job.id}/executions/stats", "/executions/statistics"]

    def statements() -> list[int]:
        numbers = []
        for path in paths:
            with counted() as sent:
                assert api.get(path, token=viewer.token).status == 200
            numbers.append(len(sent))
        return numbers

    for_one = statements()
    for number in range(15):
        store_execution(session, store(session, settings, name=f"{number}"))
        store_execution(session, job)

    assert statements() == for_one


def test_nothing_is_shown_without_a_token(api: Api, session: Session, settings: Settings) -> None:
    job = store(session, settings)
    execution = store_execution(session, job)

    for path in (
        f"/jobs/{job.id}/executions",
        f"/jobs/{job.id}/executions/{execution.id}",
        f"/jobs/{job.id}/executions/stats",
        "/executions",
        f"/executions/{execution.id}",
        "/executions/statistics",
    ):
        assert api.get(path).status == 401
