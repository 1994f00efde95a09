"""Jobs as they are looked at: one by one with their last and next runs, and in lists."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.jobs import READ_KEYS, add_category, day, store, store_execution
from cronjobs.testing.statements import counted
from cronjobs.testing.worlds import Person
from crossfade import clock


def test_a_job_is_read_with_its_last_run_and_its_next(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    job = store(session, settings, cron_expression="0 9 * * *")
    older, newer = clock.naive_utc() - timedelta(days=2), clock.naive_utc() - timedelta(days=1)
    store_execution(session, job, started_at=newer)
    store_execution(session, job, started_at=older)

    answer = api.get(f"/jobs/{job.id}", token=viewer.token)

    assert answer.status == 200
    assert answer.json.keys() == {"job"}
    shown = answer.json["job"]
    assert shown.keys() == READ_KEYS
    assert shown["last_execution_at"] == newer.isoformat(timespec="milliseconds") + "Z"
    assert shown["next_execution_at"].endswith("T09:00:00+09:00")


def test_a_job_that_never_ran_has_no_last_run(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings)

    assert api.get(f"/jobs/{job.id}", token=viewer.token).json["job"]["last_execution_at"] is None


@pytest.mark.parametrize(
    "columns",
    [
        {"is_active": False},
        {"end_date": -1},
        {"end_date": 1, "cron_expression": "0 0 29 2 *"},
        {"cron_expression": "no schedule"},
    ],
)
def test_a_job_that_will_not_run_has_no_next_run(
    api: Api, session: Session, settings: Settings, viewer: Person, columns: dict[str, Any]
) -> None:
    if "end_date" in columns:
        columns = columns | {"end_date": day(settings, columns["end_date"])}
    job = store(session, settings, **columns)

    assert api.get(f"/jobs/{job.id}", token=viewer.token).json["job"]["next_execution_at"] is None


def test_a_job_without_an_end_runs_on(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings, end_date=None, pic_team=None, created_by=None)

    shown = api.get(f"/jobs/{job.id}", token=viewer.token).json["job"]

    assert shown["next_execution_at"] is not None
    assert (shown["end_date"], shown["pic_team"], shown["created_by"]) == (None, None, None)


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ("[1, 2]", [1, 2]),
        ('"text"', "text"),
        ("null", None),
        ("no json", "no json"),
        ("", {}),
        ("NaN", None),
        ('{"a": "\\ud800"}', '{"a": "\\ud800"}'),
    ],
)
def test_stored_metadata_that_is_no_object_is_shown_as_it_is(
    api: Api, session: Session, settings: Settings, viewer: Person, column: str, shown: Any
) -> None:
    job = store(session, settings, job_metadata=column)

    answer = api.get(f"/jobs/{job.id}", token=viewer.token)

    assert answer.status == 200
    assert answer.json["job"]["metadata"] == shown


@pytest.mark.parametrize("job_id", ["nobody", "%00", "x" * 500, "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_job_is_not_found(api: Api, settings: Settings, admin: Person, job_id: str) -> None:
    for answer in (
        api.get(f"/jobs/{job_id}", token=admin.token),
        api.put(f"/jobs/{job_id}", token=admin.token, json={"name": "x"}),
        api.delete(f"/jobs/{job_id}", token=admin.token),
        api.post(f"/jobs/{job_id}/execute", token=admin.token),
    ):
        assert answer.status == 404
        assert answer.json["error"] in {"Job not found", "Not found"}


def test_all_jobs_are_listed_newest_first(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    now = clock.naive_utc()
    for age in (2, 0, 1):
        store(session, settings, name=f"{age} days old", created_at=now - timedelta(days=age))

    answer = api.get("/jobs", token=viewer.token, per_page=1)

    assert answer.status == 200
    assert answer.json.keys() == {"count", "jobs"}
    assert answer.json["count"] == 3
    assert [job["name"] for job in answer.json["jobs"]] == ["0 days old", "1 days old", "2 days old"]
    assert all(job.keys() == READ_KEYS for job in answer.json["jobs"])


def test_no_jobs_are_an_empty_list(api: Api, viewer: Person) -> None:
    assert api.get("/jobs", token=viewer.token).json == {"count": 0, "jobs": []}
    assert api.get("/jobs", token=viewer.token, page=1).json == {
        "count": 0,
        "jobs": [],
        "total": 0,
        "page": 1,
        "per_page": 20,
        "total_pages": 0,
    }


def test_jobs_are_listed_by_page(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    now = clock.naive_utc()
    for number in range(5):
        store(session, settings, name=f"{number}", created_at=now - timedelta(minutes=number))

    page = api.get("/jobs", token=viewer.token, page=2, per_page=2).json
    last = api.get("/jobs", token=viewer.token, page=3, per_page=2).json
    beyond = api.get("/jobs", token=viewer.token, page=4, per_page=2).json

    assert [job["name"] for job in page.pop("jobs")] == ["2", "3"]
    assert page == {"count": 2, "total": 5, "page": 2, "per_page": 2, "total_pages": 3}
    assert [job["name"] for job in last["jobs"]] == ["4"]
    assert (beyond["count"], beyond["total"]) == (0, 5)


@pytest.mark.parametrize(
    ("page", "per_page", "shown"),
    [
        ("junk", "junk", (1, 20)),
        ("0", "0", (1, 1)),
        ("-3", "-1", (1, 1)),
        ("1", "100000", (1, 100)),
        ("9" * 5000, "9" * 5000, (1_000_000, 100)),
        ("-" + "9" * 50, "1e3", (1, 20)),
        ("1.5", "", (1, 20)),
        ("٣", "\x00", (1, 20)),
    ],
)
def test_a_page_out_of_range_is_the_nearest_one(
    api: Api, viewer: Person, page: str, per_page: str, shown: tuple[int, int]
) -> None:
    answer = api.get("/jobs", token=viewer.token, page=page, per_page=per_page)

    assert answer.status == 200
    assert (answer.json["page"], answer.json["per_page"]) == shown


def test_jobs_are_searched_by_a_part_of_their_name_in_any_case(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    for name in ("100% done", "100 done", "under_score", "underscore", "back\\slash"):
        store(session, settings, name=name)

    def found(text: str) -> set[str]:
        return {job["name"] for job in api.get("/jobs", token=viewer.token, search=text).json["jobs"]}

    assert found("DONE") == {"100% done", "100 done"}
    assert found("0%") == {"100% done"}
    assert found("r_s") == {"under_score"}
    assert found("\\") == {"back\\slash"}
    assert found(" slash ") == {"back\\slash"}
    assert found("'; --") == set()
    assert len(found("")) == 5


def test_jobs_are_filtered(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    add_category(session, "night-shift", "Night/Shift", is_active=False)
    store(session, settings, name="a", category="night-shift", pic_team="platform", is_active=True)
    store(session, settings, name="b", category="general", pic_team="unlisted", is_active=False)

    def found(**query: Any) -> list[str]:
        return [job["name"] for job in api.get("/jobs", token=viewer.token, **query).json["jobs"]]

    assert found(category="night-shift") == ["a"]
    assert found(category="NIGHT/SHIFT") == ["a"]
    assert found(category="general") == ["b"]
    assert found(category="nothing") == []
    assert found(pic_team="Platform") == ["a"]
    assert found(pic_team="unlisted") == ["b"]
    assert found(is_active="true") == ["a"]
    assert found(is_active="0") == ["b"]
    assert len(found(is_active="perhaps")) == 2
    assert found(is_active="yes", category="general") == []
    assert api.get("/jobs", token=viewer.token, page=1, pic_team="unlisted").json["total"] == 1


@pytest.mark.parametrize("field", ["search", "category", "pic_team"])
def test_a_query_with_nul_is_refused(api: Api, viewer: Person, field: str) -> None:
    assert api.get("/jobs", token=viewer.token, **{field: "a\x00b"}).status == 400


def test_a_list_takes_as_many_statements_for_many_jobs_as_for_one(
    api: Api, session: Session, settings: Settings, viewer: Person
) -> None:
    store_execution(session, store(session, settings, name="first"))
    query = {"category": "general", "pic_team": "platform", "search": "r"}
    with counted() as all_of_one:
        api.get("/jobs", token=viewer.token, **query)
    with counted() as page_of_one:
        api.get("/jobs", token=viewer.token, page=1, **query)
    for number in range(20):
        store_execution(session, store(session, settings, name=f"further {number}"))

    with counted() as all_of_many:
        assert api.get("/jobs", token=viewer.token, **query).json["count"] == 21
    with counted() as page_of_many:
        assert api.get("/jobs", token=viewer.token, page=1, **query).json["count"] == 20

    assert len(all_of_many) == len(all_of_one)
    assert len(page_of_many) == len(page_of_one)
