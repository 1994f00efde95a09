"""The tools for cron expressions: whether one is a schedule, when it is due, and what the other dialect would do."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
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
