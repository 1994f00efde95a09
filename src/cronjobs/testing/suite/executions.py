"""Executions: of one job and of all, paged and counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

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
