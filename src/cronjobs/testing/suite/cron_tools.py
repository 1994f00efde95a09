"""The tools for cron expressions: whether one is a schedule, when it is due, and what the other dialect would do."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import day, store
from cronjobs.testing.worlds import Person

# Validating


@pytest.mark.parametrize("field", ["expression", "cron_expression"])
def test_a_schedule_is_valid_and_described(api: Api, viewer: Person, field: str) -> None:
    answer = api.post("/jobs/validate-cron", token=viewer.token, json={field: " 30 9 * * 1-5 "})

    assert answer.status == 200
    assert answer.json.keys() == {"valid", "message", "description", "cron_dialect"}
    assert answer.json["valid"] is True
    assert answer.json["message"] == "Valid cron expression"
    assert answer.json["cron_dialect"] == "standard"
    assert "09:30" in answer.json["description"]
    assert "Friday" in answer.json["description"]


def test_a_description_follows_the_dialect(api: Api, viewer: Person) -> None:
    def described(dialect: str) -> str:
        sent = {"expression": "0 9 * * 0", "cron_dialect": dialect}
        description: str = api.post("/jobs/validate-cron", token=viewer.token, json=sent).json["description"]
        return description

    assert "Sunday" in described("standard")
    assert "Monday" in described("apscheduler")


@pytest.mark.parametrize(
    "sent",
    [
        {"expression": "* * * *"},
        {"expression": "* * * * * *"},
        {"expression": "61 * * * *"},
        {"expression": "0 0 30 2 *"},
        {"expression": "@daily"},
        {"expression": "words words words words words"},
        {"expression": "0 9 * * 7", "cron_dialect": "apscheduler"},
        {"expression": "* " * 2000},
        {"expression": ""},
        {"expression": "  "},
        {"expression": None},
        {"expression": 5},
        {"expression": ["* * * * *"]},
        {"expression": {"a": 1}, "cron_expression": "* * * * *"},
        {"expression": "* * * * *", "cron_dialect": "quartz"},
        {"expression": "* * * * *", "cron_dialect": 7},
        {},
    ],
    ids=lambda sent: str(sent)[:60],
)
def test_what_is_no_schedule_is_told_why(api: Api, viewer: Person, sent: Any) -> None:
    answer = api.post("/jobs/validate-cron", token=viewer.token, json=sent)

    assert answer.status == 200
    assert answer.json.keys() == {"valid", "message", "error", "description", "cron_dialect"}
    assert answer.json["valid"] is False
    assert answer.json["message"] == "Invalid cron expression"
    assert answer.json["error"]
    assert answer.json["description"] is None


@pytest.mark.parametrize("path", ["/jobs/validate-cron", "/jobs/cron-preview"])
@pytest.mark.parametrize("raw", [b"{", b"[]", b""])
def test_a_body_that_is_no_object_is_refused(api: Api, viewer: Person, path: str, raw: bytes) -> None:
    answer = api.request("POST", path, token=viewer.token, raw=raw)

    assert answer.status == 400
    assert answer.json["error"] == "Invalid JSON"


# Previewing


@pytest.mark.parametrize("field", ["expression", "cron_expression"])
def test_the_next_runs_are_shown_in_the_schedulers_zone(
    api: Api, settings: Settings, viewer: Person, field: str
) -> None:
    answer = api.post("/jobs/cron-preview", token=viewer.token, json={field: "0 9 * * *"})

    assert answer.status == 200
    assert answer.json.keys() == {"timezone", "next_runs", "count", "cron_dialect", "other_dialect"}
    assert answer.json["timezone"] == settings.scheduler_timezone == "Asia/Tokyo"
    assert answer.json["count"] == 5
    runs = [datetime.fromisoformat(run) for run in answer.json["next_runs"]]
    assert [(run.hour, run.utcoffset()) for run in runs] == [(9, timedelta(hours=9))] * 5
    assert [later - sooner for sooner, later in pairwise(runs)] == [timedelta(days=1)] * 4


@pytest.mark.parametrize(
    ("count", "shown"),
    [(3, 3), ("4", 4), (0, 1), (-1, 1), (21, 20), (10**30, 20), ("junk", 5), (None, 5), (2.5, 5), ([], 5), (True, 5)],
)
def test_a_count_out_of_range_is_the_nearest_one(api: Api, viewer: Person, count: Any, shown: int) -> None:
    answer = api.post("/jobs/cron-preview", token=viewer.token, json={"expression": "* * * * *", "count": count})

    assert answer.status == 200
    assert answer.json["count"] == len(answer.json["next_runs"]) == shown


def test_the_other_dialect_is_shown_where_it_differs(api: Api, viewer: Person) -> None:
    shown = api.post("/jobs/cron-preview", token=viewer.token, json={"expression": "0 9 * * 0", "count": 2}).json

    other = shown["other_dialect"]
    assert other.keys() == {"name", "next_runs", "differs", "reason"}
    assert other["name"] == "apscheduler"
    assert other["differs"] is True
    assert other["reason"]
    weekdays = [datetime.fromisoformat(run).strftime("%A") for run in (shown["next_runs"][0], other["next_runs"][0])]
    assert weekdays == ["Sunday", "Monday"]
    assert len(other["next_runs"]) == 2


def test_the_other_dialect_does_the_same_where_nobody_could_tell(api: Api, viewer: Person) -> None:
    sent = {"expression": "0 9 1 * *", "cron_dialect": "apscheduler"}
    shown = api.post("/jobs/cron-preview", token=viewer.token, json=sent).json

    assert shown["cron_dialect"] == "apscheduler"
    assert shown["other_dialect"] == {
        "name": "standard",
        "next_runs": shown["next_runs"],
        "differs": False,
        "reason": None,
    }


def test_the_other_dialect_may_refuse(api: Api, viewer: Person) -> None:
    other = api.post("/jobs/cron-preview", token=viewer.token, json={"expression": "0 9 * * 7"}).json["other_dialect"]

    assert (other["next_runs"], other["differs"]) == ([], True)


def test_a_preview_of_no_schedule_is_refused(api: Api, viewer: Person) -> None:
    answer = api.post("/jobs/cron-preview", token=viewer.token, json={"expression": "0 0 30 2 *"})

    assert answer.status == 400
    assert answer.json["error"] == "Invalid cron expression"


@pytest.mark.parametrize("sent", [{}, {"expression": None}, {"expression": " "}, {"count": 3}])
def test_a_preview_of_nothing_is_refused(api: Api, viewer: Person, sent: Any) -> None:
    answer = api.post("/jobs/cron-preview", token=viewer.token, json=sent)

    assert answer.status == 400
    assert answer.json["missing_fields"] == ["expression"]


@pytest.mark.parametrize(
    "sent", [{"expression": 5}, {"expression": "* * * * *", "cron_dialect": "quartz"}, {"cron_expression": []}]
)
def test_a_preview_of_a_wrong_type_is_refused(api: Api, viewer: Person, sent: Any) -> None:
    assert api.post("/jobs/cron-preview", token=viewer.token, json=sent).status == 400


def test_the_tools_store_nothing(api: Api, session: Session, viewer: Person) -> None:
    before = contents(session)

    api.post("/jobs/validate-cron", token=viewer.token, json={"expression": "* * * * *"})
    api.post("/jobs/cron-preview", token=viewer.token, json={"expression": "* * * * *"})

    assert contents(session) == before


def test_a_preview_is_in_the_zone_and_from_the_day_that_are_asked_for(api: Api, viewer: Person) -> None:
    sent = {"expression": "30 2 * * *", "timezone": " Europe/Berlin ", "start_date": "2040-03-24", "count": 3}

    preview = api.post("/jobs/cron-preview", token=viewer.token, json=sent).json

    assert preview["timezone"] == "Europe/Berlin"
    assert preview["next_runs"] == [
        "2040-03-24T02:30:00+01:00",
        "2040-03-25T03:00:00+02:00",
        "2040-03-26T02:30:00+02:00",
    ]
    assert preview["other_dialect"]["next_runs"][0] == "2040-03-24T02:30:00+01:00"


@pytest.mark.parametrize(("field", "value"), [("timezone", "Mars/Olympus"), ("timezone", 1), ("start_date", "soon")])
def test_a_preview_of_an_unknown_zone_or_day_is_refused(api: Api, viewer: Person, field: str, value: Any) -> None:
    answer = api.post("/jobs/cron-preview", token=viewer.token, json={"expression": "0 9 * * *", field: value})

    assert answer.status == 400
    assert field in answer.json["error"] + answer.json["message"]


# The runs that a job has before it


def of_a_job(api: Api, person: Person, job_id: str, **query: Any) -> Any:
    answer = api.get(f"/jobs/{job_id}/next-runs", token=person.token, **query)
    assert answer.status == 200, answer.text
    return answer.json


def test_the_next_runs_of_a_job_are_told(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings, cron_expression="0 9 * * 0", end_date=None)

    told = of_a_job(api, viewer, job.id)

    assert told.keys() == {
        "job_id",
        "job_name",
        "timezone",
        "cron_dialect",
        "next_runs",
        "count",
        "other_dialect",
        "error",
    }
    assert (told["job_id"], told["job_name"], told["error"]) == (job.id, "Stored", None)
    assert (told["timezone"], told["cron_dialect"], told["count"]) == (settings.scheduler_timezone, "standard", 5)
    for run in told["next_runs"]:
        assert datetime.fromisoformat(run["local"]) == datetime.fromisoformat(run["at"])
        assert run["at"].endswith("Z")
    local = [datetime.fromisoformat(run["local"]) for run in told["next_runs"]]
    assert {(each.hour, each.isoweekday()) for each in local} == {(9, 7)}
    assert (
        told["next_runs"][0]["local"] == api.get(f"/jobs/{job.id}", token=viewer.token).json["job"]["next_execution_at"]
    )
    assert told["other_dialect"]["name"] == "apscheduler"
    assert told["other_dialect"]["differs"] is True
    assert {datetime.fromisoformat(each).isoweekday() for each in told["other_dialect"]["next_runs"]} == {1}


def test_runs_on_days_of_a_clock_change_are_marked(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    spring = {"start_date": date(2040, 3, 24), "cron_expression": "30 2 * * *"}
    autumn = {"start_date": date(2040, 10, 27), "cron_expression": "*/30 2 * * *"}
    jobs = [
        store(session, settings, name=name, timezone="Europe/Berlin", end_date=None, **columns)
        for name, columns in (("spring", spring), ("autumn", autumn))
    ]

    in_spring, in_autumn = (
        [(run["local"], run["clock_change"]) for run in of_a_job(api, viewer, job.id, count=6)["next_runs"]]
        for job in jobs
    )

    assert in_spring[:3] == [
        ("2040-03-24T02:30:00+01:00", None),
        ("2040-03-25T03:00:00+02:00", "gap"),
        ("2040-03-26T02:30:00+02:00", None),
    ]
    assert in_autumn[2] == ("2040-10-28T02:00:00+02:00", "repeat")
    assert {change for local, change in in_autumn if "-28T" not in local} == {None}


def test_next_runs_end_with_the_last_day(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings, end_date=day(settings, 2))

    assert 2 <= of_a_job(api, viewer, job.id, count=20)["count"] <= 3


@pytest.mark.parametrize(("count", "shown"), [("1", 1), ("20", 20), ("21", 20), ("0", 1), ("junk", 5), ("", 5)])
def test_so_many_next_runs_are_told_as_are_asked_for(
    api: Api, session: Session, settings: Settings, viewer: Person, count: str, shown: int
) -> None:
    job = store(session, settings, end_date=None)

    assert of_a_job(api, viewer, job.id, count=count)["count"] == shown


@pytest.mark.parametrize("columns", [{"is_active": False}, {"end_date": date(2020, 1, 1)}])
def test_a_job_that_does_not_run_has_no_next_runs(
    api: Api, session: Session, settings: Settings, viewer: Person, columns: dict[str, Any]
) -> None:
    told = of_a_job(api, viewer, store(session, settings, **columns).id)

    assert (told["next_runs"], told["other_dialect"]["next_runs"], told["error"]) == ([], [], None)


@pytest.mark.parametrize("columns", [{"cron_expression": "junk"}, {"timezone": "Mars/Olympus"}])
def test_why_a_job_has_no_next_runs_is_said(
    api: Api, session: Session, settings: Settings, viewer: Person, columns: dict[str, Any]
) -> None:
    told = of_a_job(api, viewer, store(session, settings, **columns).id)

    assert told["next_runs"] == []
    assert next(iter(columns.values())) in told["error"]


def test_next_runs_of_nothing_and_by_nobody(api: Api, viewer: Person) -> None:
    assert api.get("/jobs/nothing/next-runs", token=viewer.token).status == 404
    assert api.get("/jobs/nothing/next-runs").status == 401
