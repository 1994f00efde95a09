"""When a job runs where it is at home, and what becomes of its runs: said with it, checked, and shown."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from cronjobs.services import schedules
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.everything import POLICIES
from cronjobs.testing.jobs import create, day, store, stored, wanted
from cronjobs.testing.worlds import Person
from crossfade import clock

DEFAULTS: dict[str, Any] = {
    "timezone": None,
    "start_date": None,
    "misfire_policy": "run_once",
    "misfire_grace_seconds": None,
    "overlap_policy": "skip",
    "on_crash": "fail",
    "max_retries": 0,
    "retry_delay_seconds": 60,
    "timeout_seconds": None,
}
INVALID: list[tuple[str, Any, str]] = [
    ("timezone", "Mars/Olympus", "IANA"),
    ("timezone", "asia/tokyo", "IANA"),
    ("timezone", "../etc/passwd", "IANA"),
    ("timezone", "x" * 65, "IANA"),
    ("timezone", 9, "string"),
    ("start_date", "tomorrow", "2026-12-31"),
    ("start_date", 20300101, "date"),
    ("start_date", "9999-12-31", "last day"),
    ("misfire_policy", "sometimes", "'run_once', 'run_all' or 'skip'"),
    ("misfire_grace_seconds", 9, "10"),
    ("misfire_grace_seconds", 2_592_001, "2592000"),
    ("misfire_grace_seconds", "60", "integer"),
    ("overlap_policy", "", "'skip', 'queue' or 'allow'"),
    ("on_crash", "ignore", "'fail' or 'retry'"),
    ("max_retries", -1, "0"),
    ("max_retries", 11, "10"),
    ("max_retries", True, "integer"),
    ("retry_delay_seconds", 3601, "3600"),
    ("retry_delay_seconds", 1.5, "integer"),
    ("timeout_seconds", 0, "1"),
    ("timeout_seconds", 3601, "3600"),
    ("timeout_seconds", 10**400, "3600"),
]


def said(job: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {field: job[field] for field in fields}


def test_a_job_that_says_nothing_has_the_defaults(api: Api, settings: Settings, editor: Person) -> None:
    assert said(create(api, editor, wanted(settings)), DEFAULTS) == DEFAULTS


def test_what_a_job_says_is_kept_and_shown(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    made = create(api, editor, wanted(settings, **POLICIES))
    shown = api.get(f"/jobs/{made['id']}", token=editor.token).json["job"]
    row = stored(session, made["id"])

    assert said(made, POLICIES) == said(shown, POLICIES) == POLICIES
    assert (row.timezone, row.start_date, row.max_retries) == ("America/New_York", date(2027, 1, 1), 3)


def test_null_is_the_default_and_what_is_not_mentioned_stays(api: Api, settings: Settings, editor: Person) -> None:
    path = f"/jobs/{create(api, editor, wanted(settings, **POLICIES))['id']}"

    untouched = api.put(path, token=editor.token, json={"name": "Renamed"}).json["job"]
    cleared = api.put(path, token=editor.token, json=dict.fromkeys(DEFAULTS)).json["job"]

    assert said(untouched, POLICIES) == POLICIES
    assert said(cleared, DEFAULTS) == DEFAULTS


def test_a_row_of_code_that_knows_no_policies_is_shown_with_the_defaults(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    job = store(session, settings)

    assert said(api.get(f"/jobs/{job.id}", token=editor.token).json["job"], DEFAULTS) == DEFAULTS


@pytest.mark.parametrize(("field", "value", "allowed"), INVALID)
def test_what_is_not_allowed_is_refused_with_the_field_and_what_is(
    api: Api, session: Session, settings: Settings, editor: Person, field: str, value: Any, allowed: str
) -> None:
    path = f"/jobs/{create(api, editor, wanted(settings))['id']}"
    before = contents(session)

    new = wanted(settings, name="Another", **{field: value})
    answers = [
        api.post("/jobs", token=editor.token, json=new),
        api.put(path, token=editor.token, json={field: value}),
    ]

    for answer in answers:
        assert answer.status == 400
        assert field in answer.json["error"] + answer.json["message"]
        assert allowed in answer.json["message"]
    assert contents(session) == before


def test_a_first_day_is_not_after_the_last(api: Api, settings: Settings, editor: Person) -> None:
    today, tomorrow = (day(settings, ahead).isoformat() for ahead in (0, 1))
    path = f"/jobs/{create(api, editor, wanted(settings, start_date=today, end_date=today))['id']}"

    late = api.put(path, token=editor.token, json={"start_date": tomorrow})
    both = api.put(path, token=editor.token, json={"start_date": tomorrow, "end_date": tomorrow})
    early = api.put(path, token=editor.token, json={"end_date": today})

    assert [late.status, both.status, early.status] == [400, 200, 400]
    assert late.json["error"] == early.json["error"] == "Invalid start_date"


def test_the_next_run_is_told_in_the_zone_of_the_job(api: Api, settings: Settings, editor: Person) -> None:
    job = create(api, editor, wanted(settings, timezone="Asia/Kathmandu"))
    told = datetime.fromisoformat(api.get(f"/jobs/{job['id']}", token=editor.token).json["job"]["next_execution_at"])

    assert told.utcoffset() == timedelta(hours=5, minutes=45)
    assert (told.hour, told.minute) == (3, 0)


def test_the_next_run_waits_for_the_first_day(api: Api, settings: Settings, editor: Person) -> None:
    first = day(settings, 20)
    job = create(api, editor, wanted(settings, start_date=first.isoformat()))
    told = datetime.fromisoformat(api.get(f"/jobs/{job['id']}", token=editor.token).json["job"]["next_execution_at"])

    assert told == datetime(first.year, first.month, first.day, 3, tzinfo=settings.zone)


@pytest.mark.parametrize(
    "change", [{"timezone": "America/New_York"}, {"start_date": "+9"}, {"cron_expression": "5 4 * * *"}]
)
def test_a_change_of_when_plans_anew(
    api: Api, session: Session, settings: Settings, editor: Person, change: dict[str, str]
) -> None:
    job = create(api, editor, wanted(settings))
    change = {field: day(settings, 9).isoformat() if value == "+9" else value for field, value in change.items()}

    api.put(f"/jobs/{job['id']}", token=editor.token, json=change)

    row = stored(session, job["id"])
    expected = schedules.of(row, zone=settings.zone).next_run(after=clock.now())
    assert expected is not None
    assert row.next_run_at == expected.astimezone(UTC).replace(tzinfo=None)


def test_the_last_day_is_one_where_the_job_is_at_home(api: Api, settings: Settings, editor: Person) -> None:
    # At any time it is two different days in these two zones.
    ahead, behind = "Pacific/Kiritimati", "Pacific/Niue"
    today_behind = clock.now().astimezone(ZoneInfo(behind)).date().isoformat()

    over = api.post("/jobs", token=editor.token, json=wanted(settings, end_date=today_behind, timezone=ahead))
    today = api.post("/jobs", token=editor.token, json=wanted(settings, end_date=today_behind, timezone=behind))

    assert (over.status, over.json["error"]) == (400, "Invalid end_date")
    assert today.status == 201


def test_a_job_in_a_zone_that_nobody_knows_is_shown_without_a_next_run(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    lost = store(session, settings, timezone="Mars/Olympus")

    answer = api.get("/jobs", token=editor.token)

    assert answer.status == 200
    (shown,) = answer.json["jobs"]
    assert (shown["id"], shown["timezone"], shown["next_execution_at"]) == (lost.id, "Mars/Olympus", None)
