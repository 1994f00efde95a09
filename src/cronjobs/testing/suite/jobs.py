"""Jobs: what they must be like, who may change them, how they are listed, and what a deletion takes along."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobCategory, JobExecution, Notification, PicTeam, User
from cronjobs.services import jobs
from cronjobs.services.drafts import Draft
from cronjobs.services.errors import InvalidError
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import create, day, store, store_execution, wanted, workflow
from cronjobs.testing.statements import counted
from cronjobs.testing.worlds import Person
from cronjobs.web.schemas.jobs import JobFields
from crossfade import clock
from crossfade.database.sessions import begin_write

WRITTEN_KEYS = {
    "id",
    "name",
    "cron_expression",
    "cron_dialect",
    "target_url",
    "github_owner",
    "github_repo",
    "github_workflow_name",
    "metadata",
    "category",
    "end_date",
    "pic_team",
    "enable_email_notifications",
    "notification_emails",
    "notify_on_success",
    "created_by",
    "is_active",
    "created_at",
    "updated_at",
}
READ_KEYS = WRITTEN_KEYS | {"last_execution_at", "next_execution_at"}


def stored(session: Session, job_id: str) -> Job:
    session.rollback()
    return session.get_one(Job, job_id, populate_existing=True)


def add_category(session: Session, slug: str, name: str, *, is_active: bool = True) -> None:
    session.merge(JobCategory(id=f"test-{slug}", slug=slug, name=name, is_active=is_active))
    session.commit()


def add_team(session: Session, slug: str, name: str, *, is_active: bool = True) -> None:
    session.add(PicTeam(slug=slug, name=name, is_active=is_active))
    session.commit()


# Creating


def test_a_job_is_created_with_its_defaults(api: Api, settings: Settings, editor: Person) -> None:
    answer = api.post("/jobs", token=editor.token, json=wanted(settings, name="  Nightly report  "))

    assert answer.status == 201
    assert answer.json.keys() == {"message", "job"}
    assert answer.json["message"] == "Job created successfully"
    job = answer.json["job"]
    assert job.keys() == WRITTEN_KEYS
    assert job["name"] == "Nightly report"
    assert job["cron_dialect"] == "standard"
    assert job["target_url"] == "https://example.com/hook"
    assert job["github_owner"] is None
    assert job["metadata"] == {}
    assert job["category"] == "general"
    assert job["end_date"] == day(settings, 30).isoformat()
    assert job["pic_team"] == "platform"
    assert job["enable_email_notifications"] is False
    assert job["notification_emails"] == []
    assert job["notify_on_success"] is False
    assert job["created_by"] == editor.id
    assert job["is_active"] is True
    assert job["created_at"].endswith("Z")


def test_a_new_job_is_planned(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    job = create(api, editor, wanted(settings))

    row = stored(session, job["id"])
    assert row.next_run_at is not None
    assert row.planned_at == row.updated_at


def test_a_paused_job_is_created_without_a_next_run(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    job = create(api, editor, wanted(settings, is_active=False))

    assert stored(session, job["id"]).next_run_at is None
    assert api.get(f"/jobs/{job['id']}", token=editor.token).json["job"]["next_execution_at"] is None


def test_a_github_job_is_created(api: Api, settings: Settings, admin: Person) -> None:
    job = create(api, admin, workflow(settings))

    assert job["target_url"] is None
    assert (job["github_owner"], job["github_repo"], job["github_workflow_name"]) == ("acme", "tools", "nightly.yml")


def test_a_repository_may_name_its_owner(api: Api, settings: Settings, admin: Person) -> None:
    job = create(api, admin, workflow(settings, github_owner=..., github_repo="acme/tools"))

    assert (job["github_owner"], job["github_repo"]) == ("acme", "tools")


def test_the_team_is_found_by_slug_or_name_in_any_case(
    api: Api, session: Session, settings: Settings, admin: Person
) -> None:
    add_team(session, "data-ärzte", "Die Datenärzte")
    written = ["platform", " PLATFORM ", "data-ÄRZTE", "die DATENÄRZTE"]

    found = [
        create(api, admin, wanted(settings, name=f"{number}", pic_team=team))["pic_team"]
        for number, team in enumerate(written)
    ]

    assert found == ["platform", "platform", "data-ärzte", "data-ärzte"]


@pytest.mark.parametrize("team", [..., None, ""])
def test_the_team_may_be_named_as_pic_team_slug(api: Api, settings: Settings, admin: Person, team: Any) -> None:
    job = create(api, admin, wanted(settings, pic_team=team, pic_team_slug="Platform"))

    assert job["pic_team"] == "platform"


def test_the_category_is_found_by_slug_or_name_in_any_case(
    api: Api, session: Session, settings: Settings, admin: Person
) -> None:
    add_category(session, "night-shift", "Night/Shift")
    written = ["night-shift", "NIGHT/shift", "General", "GENERAL", "", None]

    found = [
        create(api, admin, wanted(settings, name=f"{number}", category=category))["category"]
        for number, category in enumerate(written)
    ]

    assert found == ["night-shift", "night-shift", "general", "general", "general", "general"]


def test_the_general_category_is_there_even_where_nobody_seeded_it(
    api: Api, session: Session, settings: Settings, admin: Person
) -> None:
    session.execute(delete(JobCategory))
    session.commit()

    assert create(api, admin, wanted(settings, category="General"))["category"] == "general"


def test_of_two_teams_of_one_name_the_active_one_is_meant(
    api: Api, session: Session, settings: Settings, admin: Person
) -> None:
    add_team(session, "a-former", "Twins", is_active=False)
    add_team(session, "b-present", "Twins")

    assert create(api, admin, wanted(settings, pic_team="twins"))["pic_team"] == "b-present"


def test_addresses_are_kept_once_each_while_mails_are_wanted(api: Api, settings: Settings, admin: Person) -> None:
    emails = ["ops@example.com", " OPS@example.com ", "dev@intern.local"]
    job = create(api, admin, wanted(settings, enable_email_notifications=True, notification_emails=emails))

    assert job["notification_emails"] == ["ops@example.com", "dev@intern.local"]


def test_addresses_are_not_kept_while_mails_are_not_wanted(api: Api, settings: Settings, admin: Person) -> None:
    job = create(api, admin, wanted(settings, notification_emails=["ops@example.com"]))

    assert job["notification_emails"] == []


def test_metadata_comes_back_as_it_went_in(api: Api, settings: Settings, admin: Person) -> None:
    metadata = {"branchDetails": "main", "deep": {"list": [1, 2.5, None, True], "text": "日本 'quoted' \"both\""}}
    job = create(api, admin, wanted(settings, metadata=metadata))

    assert job["metadata"] == metadata
    assert api.get(f"/jobs/{job['id']}", token=admin.token).json["job"]["metadata"] == metadata


def test_a_job_may_be_given_the_other_dialect(api: Api, settings: Settings, admin: Person) -> None:
    job = create(api, admin, wanted(settings, cron_dialect="apscheduler"))

    assert job["cron_dialect"] == "apscheduler"


def test_a_job_may_end_today(api: Api, settings: Settings, admin: Person) -> None:
    create(api, admin, wanted(settings, end_date=day(settings, 0).isoformat()))


def test_values_as_long_as_their_columns_fit(api: Api, settings: Settings, admin: Person) -> None:
    url = "https://example.com/" + "x" * 480

    assert create(api, admin, wanted(settings, name="ü" * 255, target_url=url))["target_url"] == url


@pytest.mark.parametrize("blank", [..., None, "", "   "])
@pytest.mark.parametrize("field", ["name", "cron_expression", "end_date", "pic_team", "target_url"])
def test_a_missing_field_is_named(api: Api, settings: Settings, editor: Person, field: str, blank: Any) -> None:
    answer = api.post("/jobs", token=editor.token, json=wanted(settings, **{field: blank}))

    assert answer.status == 400
    assert answer.json["error"] == "Missing required fields"
    assert answer.json["missing_fields"] == [field]


def test_all_missing_fields_are_named_at_once(api: Api, editor: Person) -> None:
    answer = api.post("/jobs", token=editor.token, json={})

    assert answer.status == 400
    assert answer.json["missing_fields"] == ["name", "cron_expression", "end_date", "pic_team", "target_url"]


@pytest.mark.parametrize("field", ["github_owner", "github_repo", "github_workflow_name"])
def test_a_missing_part_of_a_workflow_is_named(api: Api, settings: Settings, editor: Person, field: str) -> None:
    answer = api.post("/jobs", token=editor.token, json=workflow(settings, **{field: ...}))

    assert answer.status == 400
    assert answer.json["missing_fields"] == [field]


INVALID: list[tuple[str, Any]] = [
    ("cron_expression", "* * * *"),
    ("cron_expression", "0 0 30 2 *"),
    ("cron_expression", "@daily"),
    ("cron_expression", "0 " * 60),
    ("cron_dialect", "quartz"),
    ("end_date", "tomorrow"),
    ("end_date", "2026-02-30"),
    ("end_date", "20991231"),
    ("end_date", "2001-01-01"),
    ("pic_team", "nobody"),
    ("category", "nothing"),
    ("name", "n" * 256),
    ("target_url", "https://example.com/" + "x" * 481),
    ("target_url", "ftp://example.com/"),
    ("target_url", "example.com/hook"),
    ("target_url", "https://"),
    ("target_url", "https:///hook"),
    ("target_url", "https://user:secret@example.com/"),
    ("target_url", "https://user@example.com/"),
    ("target_url", "https://exa mple.com/"),
    ("target_url", "https://example.com/\nHost: x"),
    ("target_url", "https://example.com:99999/"),
    ("target_url", "https://example.com\\@evil.com/"),
    ("target_url", "https://[::1/"),
    ("target_url", "javascript:alert(1)"),
    ("notification_emails", ["no address"]),
    ("notification_emails", ["a@example.com,b@example.com"]),
    ("metadata", {"number": "HUGE"}),
]
WRONG_TYPES: list[tuple[str, Any]] = [
    ("name", 1),
    ("cron_expression", ["0 3 * * *"]),
    ("cron_dialect", True),
    ("end_date", 20301231),
    ("pic_team", {}),
    ("category", 3),
    ("target_url", ["https://example.com"]),
    ("github_owner", 1),
    ("github_repo", False),
    ("github_workflow_name", 1.5),
    ("metadata", "text"),
    ("metadata", [1]),
    ("notification_emails", "ops@example.com"),
    ("notification_emails", [1]),
    ("enable_email_notifications", "true"),
    ("enable_email_notifications", None),
    ("notify_on_success", 1),
    ("is_active", "yes"),
]
INVALID_WORKFLOWS: list[tuple[str, Any]] = [
    ("github_owner", "ac/me"),
    ("github_owner", ".."),
    ("github_owner", "ac me"),
    ("github_owner", "o" * 256),
    ("github_repo", ".."),
    ("github_repo", "."),
    ("github_repo", "a..b"),
    ("github_repo", "other/tools"),
    ("github_repo", "acme/tools/more"),
    ("github_repo", "acme/"),
    ("github_repo", "tools\n"[:5] + "\x07"),
    ("github_repo", "r" * 256),
    ("github_repo", "https://github.com/acme/tools"),
    ("github_workflow_name", "nightly"),
    ("github_workflow_name", "nightly.txt"),
    ("github_workflow_name", ".github/workflows/nightly.yml"),
    ("github_workflow_name", "..\\nightly.yml"),
    ("github_workflow_name", "..yml"),
    ("github_workflow_name", "night\tly.yml"),
    ("github_workflow_name", "n" * 252 + ".yml"),
]


def raw(job: dict[str, Any]) -> bytes:
    """The JSON of a job, with a number in it that is too large for a float."""
    return json.dumps(job).replace('"HUGE"', "1e999").encode()


@pytest.mark.parametrize(("field", "value"), INVALID + WRONG_TYPES)
def test_a_field_that_is_against_the_rules_is_refused_and_named(
    api: Api, session: Session, settings: Settings, editor: Person, field: str, value: Any
) -> None:
    before = contents(session)

    answer = api.request("POST", "/jobs", token=editor.token, raw=raw(wanted(settings, **{field: value})))

    assert answer.status == 400
    said = answer.json["message"] + answer.json["error"]
    assert field in said or field == "cron_expression"
    assert "secret" not in answer.text
    assert contents(session) == before


@pytest.mark.parametrize(("field", "value"), INVALID_WORKFLOWS)
def test_a_part_of_a_workflow_that_is_against_the_rules_is_refused(
    api: Api, session: Session, settings: Settings, editor: Person, field: str, value: str
) -> None:
    before = contents(session)

    answer = api.post("/jobs", token=editor.token, json=workflow(settings, **{field: value}))

    assert answer.status == 400
    assert field in answer.json["message"]
    assert contents(session) == before


def test_a_job_has_one_target(api: Api, settings: Settings, editor: Person) -> None:
    answer = api.post("/jobs", token=editor.token, json=workflow(settings, target_url="https://example.com/"))

    assert answer.status == 400
    assert answer.json["error"] == "Invalid target"


def test_an_owner_alone_makes_no_github_job(api: Api, settings: Settings, editor: Person) -> None:
    job = create(api, editor, wanted(settings, github_owner="acme"))

    assert job["github_owner"] is None


def test_a_disabled_team_or_category_is_refused(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    add_team(session, "gone", "Gone", is_active=False)
    add_category(session, "gone", "Gone", is_active=False)

    for field in ("pic_team", "category"):
        answer = api.post("/jobs", token=admin.token, json=wanted(settings, **{field: "gone"}))
        assert answer.status == 400
        assert answer.json["error"] == f"Invalid {field}"


def test_a_taken_name_is_refused(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    create(api, admin, wanted(settings))
    before = contents(session)

    answer = api.post("/jobs", token=admin.token, json=wanted(settings, name=" Nightly report "))

    assert answer.status == 400
    assert answer.json["error"] == "Duplicate name"
    assert contents(session) == before


def test_a_body_that_is_no_object_is_refused(api: Api, editor: Person) -> None:
    for sent in (b"", b"[]", b"{", b'"job"'):
        assert api.request("POST", "/jobs", token=editor.token, raw=sent).status == 400


# Looking


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


# Listing


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


# Changing


def test_a_change_leaves_the_rest_as_it_was(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    job = create(
        api,
        editor,
        wanted(
            settings,
            metadata={"a": 1},
            enable_email_notifications=True,
            notification_emails=["a@example.com"],
            notify_on_success=True,
        ),
    )

    answer = api.put(f"/jobs/{job['id']}", token=editor.token, json={"name": " Renamed "})

    assert answer.status == 200
    assert answer.json.keys() == {"message", "job"}
    assert answer.json["message"] == "Job updated successfully"
    changed = answer.json["job"]
    assert changed.keys() == WRITTEN_KEYS
    assert changed["updated_at"] > job["updated_at"]
    same = WRITTEN_KEYS - {"name", "updated_at"}
    assert {key: changed[key] for key in same} == {key: job[key] for key in same}
    assert stored(session, job["id"]).name == "Renamed"


def test_all_fields_can_be_changed(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    add_team(session, "other-team", "Other team")
    add_category(session, "night-shift", "Night/Shift")
    job = create(api, editor, wanted(settings))
    changes = {
        "name": "Renamed",
        "cron_expression": "*/5 * * * *",
        "cron_dialect": "apscheduler",
        "end_date": day(settings, 60).isoformat(),
        "metadata": {"b": [2]},
        "enable_email_notifications": True,
        "notification_emails": ["b@example.com"],
        "notify_on_success": True,
        "is_active": False,
        "target_url": "http://example.com/other?x=1#y",
    }

    answer = api.put(
        f"/jobs/{job['id']}",
        token=editor.token,
        json=changes | {"pic_team": "Other Team", "category": "night/shift", "id": "mine", "created_by": "me"},
    )

    expected = changes | {"pic_team": "other-team", "category": "night-shift", "id": job["id"]}
    assert {key: answer.json["job"][key] for key in expected} == expected
    assert answer.json["job"]["created_by"] == editor.id


def test_an_empty_change_changes_nothing(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    job = create(api, editor, wanted(settings))
    before = contents(session)

    answer = api.put(f"/jobs/{job['id']}", token=editor.token, json={})

    assert answer.status == 200
    assert answer.json["job"] == job
    assert contents(session) == before


def test_a_new_target_replaces_the_old_one(api: Api, settings: Settings, editor: Person) -> None:
    job = create(api, editor, wanted(settings))
    path = f"/jobs/{job['id']}"

    parts = {"github_repo": "acme/tools", "github_workflow_name": "nightly.yaml"}
    now_github = api.put(path, token=editor.token, json=parts).json["job"]
    now_webhook = api.put(path, token=editor.token, json={"target_url": "https://example.com/"}).json["job"]

    fields = ("target_url", "github_owner", "github_repo", "github_workflow_name")
    assert [now_github[field] for field in fields] == [None, "acme", "tools", "nightly.yaml"]
    assert [now_webhook[field] for field in fields] == ["https://example.com/", None, None, None]


def test_a_part_of_a_workflow_can_be_changed(api: Api, settings: Settings, editor: Person) -> None:
    job = create(api, editor, workflow(settings))
    path = f"/jobs/{job['id']}"

    assert api.put(path, token=editor.token, json={"github_repo": "other"}).json["job"]["github_owner"] == "acme"
    assert api.put(path, token=editor.token, json={"github_owner": "me"}).json["job"]["github_owner"] == "me"
    moved = api.put(path, token=editor.token, json={"github_repo": "you/more"}).json["job"]
    assert (moved["github_owner"], moved["github_repo"]) == ("you", "more")


def test_a_target_can_not_be_taken_away(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    webhook = create(api, editor, wanted(settings, name="a"))
    github = create(api, editor, workflow(settings, name="b"))
    before = contents(session)

    for job, change, missing in (
        (webhook, {"target_url": None}, "target_url"),
        (webhook, {"target_url": " "}, "target_url"),
        (webhook, {"github_repo": "acme/tools"}, "github_workflow_name"),
        (github, {"github_repo": ""}, "github_repo"),
        (github, {"github_workflow_name": None}, "github_workflow_name"),
        (github, {"github_owner": ""}, "github_owner"),
        (github, {"github_repo": "", "github_workflow_name": ""}, "target_url"),
    ):
        answer = api.put(f"/jobs/{job['id']}", token=editor.token, json=change)
        assert answer.status == 400
        assert answer.json["missing_fields"] == [missing]
    assert contents(session) == before


def test_a_stored_target_is_not_judged_by_todays_rules(
    api: Api, session: Session, settings: Settings, admin: Person
) -> None:
    parts = {"github_owner": "acme", "github_repo": "tools", "github_workflow_name": "nightly"}
    both = store(session, settings, name="both", **parts)
    loose = store(session, settings, name="loose", target_url=None, **parts)

    assert api.put(f"/jobs/{both.id}", token=admin.token, json={"name": "still both"}).status == 200
    kept = stored(session, both.id)
    assert (kept.target_url, kept.github_workflow_name) == ("https://example.com/hook", "nightly")
    assert api.put(f"/jobs/{loose.id}", token=admin.token, json={"github_owner": "me"}).status == 200
    assert stored(session, loose.id).github_workflow_name == "nightly"
    assert api.put(f"/jobs/{both.id}", token=admin.token, json={"github_owner": "me"}).status == 200
    assert stored(session, both.id).github_owner == "acme"
    assert api.put(f"/jobs/{both.id}", token=admin.token, json={"target_url": ""}).status == 200
    assert stored(session, both.id).target_url is None


def test_the_unused_half_of_a_stored_target_can_be_cleared(
    api: Api, session: Session, settings: Settings, admin: Person
) -> None:
    both = store(session, settings, github_owner="acme", github_repo="tools", github_workflow_name="nightly.yml")

    blank = {"github_repo": "", "github_workflow_name": None}
    changed = api.put(f"/jobs/{both.id}", token=admin.token, json=blank).json["job"]

    fields = ("target_url", "github_owner", "github_repo", "github_workflow_name")
    assert [changed[field] for field in fields] == ["https://example.com/hook", None, None, None]


@pytest.mark.parametrize("field", ["name", "cron_expression", "end_date", "pic_team"])
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_what_a_job_needs_can_not_be_cleared(
    api: Api, session: Session, settings: Settings, editor: Person, field: str, blank: str | None
) -> None:
    job = create(api, editor, wanted(settings))
    before = contents(session)

    answer = api.put(f"/jobs/{job['id']}", token=editor.token, json={field: blank})

    assert answer.status == 400
    assert field in answer.json["message"]
    assert contents(session) == before


def test_metadata_and_category_can_be_cleared(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    add_category(session, "night-shift", "Night/Shift")
    job = create(api, editor, wanted(settings, metadata={"a": 1}, category="night-shift"))

    changed = api.put(f"/jobs/{job['id']}", token=editor.token, json={"metadata": None, "category": None}).json["job"]

    assert (changed["metadata"], changed["category"]) == ({}, "general")


def test_addresses_go_when_mails_are_not_wanted_any_more(api: Api, settings: Settings, editor: Person) -> None:
    mails = {"enable_email_notifications": True, "notification_emails": ["a@example.com"]}
    job = create(api, editor, wanted(settings, **mails))
    path = f"/jobs/{job['id']}"

    kept = api.put(path, token=editor.token, json={"enable_email_notifications": True}).json["job"]
    gone = api.put(path, token=editor.token, json={"enable_email_notifications": False}).json["job"]
    back = api.put(path, token=editor.token, json={"enable_email_notifications": True}).json["job"]

    assert [job["notification_emails"] for job in (kept, gone, back)] == [["a@example.com"], [], []]


@pytest.mark.parametrize(("field", "value"), INVALID + WRONG_TYPES)
def test_a_change_against_the_rules_changes_nothing(
    api: Api, session: Session, settings: Settings, editor: Person, field: str, value: Any
) -> None:
    job = create(api, editor, wanted(settings))
    before = contents(session)

    change = {"name": "Renamed", field: value}
    answer = api.request("PUT", f"/jobs/{job['id']}", token=editor.token, raw=raw(change))

    assert answer.status == 400
    assert contents(session) == before


def test_a_change_to_a_taken_name_is_refused(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    create(api, editor, wanted(settings, name="taken"))
    job = create(api, editor, wanted(settings, name="free"))
    before = contents(session)

    answer = api.put(f"/jobs/{job['id']}", token=editor.token, json={"name": " taken ", "cron_expression": "1 1 * * *"})

    assert answer.status == 400
    assert answer.json["error"] == "Duplicate name"
    assert contents(session) == before
    assert api.put(f"/jobs/{job['id']}", token=editor.token, json={"name": "free"}).status == 200


def test_an_expression_is_read_in_the_dialect_that_the_job_will_have(
    api: Api, settings: Settings, editor: Person
) -> None:
    job = create(api, editor, wanted(settings, cron_expression="0 9 * * 7"))

    refused = api.put(f"/jobs/{job['id']}", token=editor.token, json={"cron_dialect": "apscheduler"})
    allowed = api.put(
        f"/jobs/{job['id']}", token=editor.token, json={"cron_dialect": "apscheduler", "cron_expression": "0 9 * * 6"}
    )

    assert refused.status == 400
    assert refused.json["error"] == "Invalid cron expression"
    assert allowed.status == 200


def test_a_change_plans_the_next_run_anew(api: Api, session: Session, settings: Settings, editor: Person) -> None:
    job = create(api, editor, wanted(settings, cron_expression="0 3 * * *"))
    path = f"/jobs/{job['id']}"
    first = stored(session, job["id"]).next_run_at

    api.put(path, token=editor.token, json={"cron_expression": "30 4 * * *"})
    second = stored(session, job["id"])
    api.put(path, token=editor.token, json={"is_active": False})
    paused = stored(session, job["id"]).next_run_at
    api.put(path, token=editor.token, json={"is_active": True})
    enabled = stored(session, job["id"])

    assert first != second.next_run_at
    assert paused is None
    assert enabled.next_run_at is not None
    assert enabled.planned_at == enabled.updated_at


def test_a_job_that_has_ended_needs_a_new_end_to_be_enabled(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    job = store(session, settings, created_by=editor.id, end_date=day(settings, -1), is_active=False)
    path, before = f"/jobs/{job.id}", contents(session)

    refused = api.put(path, token=editor.token, json={"is_active": True, "name": "x"})

    assert refused.status == 400
    assert refused.json["error"] == "Job has ended"
    assert contents(session) == before
    assert api.put(path, token=editor.token, json={"name": "Renamed"}).status == 200
    allowed = api.put(path, token=editor.token, json={"is_active": True, "end_date": day(settings, 0).isoformat()})
    assert allowed.json["job"]["is_active"] is True


def test_a_legacy_job_without_end_or_team_can_be_changed(
    api: Api, session: Session, settings: Settings, admin: Person
) -> None:
    job = store(session, settings, end_date=None, pic_team=None, job_metadata="[1]", cron_expression="no schedule")

    answer = api.put(f"/jobs/{job.id}", token=admin.token, json={"name": "Renamed"})

    assert answer.status == 200
    assert answer.json["job"]["metadata"] == [1]


# Deleting


def test_a_deleted_job_takes_its_executions_along_and_leaves_its_notifications(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    job = store(session, settings, created_by=editor.id)
    execution = store_execution(session, job)
    kept = store_execution(session, store(session, settings, name="another"))
    session.add(
        Notification(
            user_id=editor.id,
            title="Failed",
            message="It failed",
            type="error",
            related_job_id=job.id,
            related_execution_id=execution.id,
        )
    )
    session.commit()

    answer = api.delete(f"/jobs/{job.id}", token=editor.token)

    assert answer.status == 200
    assert answer.json == {
        "message": "Job deleted successfully",
        "deleted_job": {"id": job.id, "name": "Stored"},
    }
    assert api.get(f"/jobs/{job.id}", token=editor.token).status == 404
    session.expire_all()
    assert session.scalars(select(JobExecution.id)).all() == [kept.id]
    notification = session.scalars(select(Notification)).one()
    assert (notification.related_job_id, notification.related_execution_id) == (None, None)


# Who may


def test_viewers_change_nothing(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings, created_by=viewer.id)
    before = contents(session)

    for answer in (
        api.post("/jobs", token=viewer.token, json=wanted(settings)),
        api.put(f"/jobs/{job.id}", token=viewer.token, json={"name": "x"}),
        api.delete(f"/jobs/{job.id}", token=viewer.token),
        api.post(f"/jobs/{job.id}/execute", token=viewer.token),
        api.post("/jobs/test-run", token=viewer.token, json={"target_url": "https://example.com/"}),
    ):
        assert answer.status == 403
        assert answer.json["error"] == "Forbidden"
    assert contents(session) == before


@pytest.mark.parametrize("owner", ["editor", "nobody"])
def test_another_user_changes_nothing(
    api: Api, session: Session, settings: Settings, editor: Person, other: Person, owner: str
) -> None:
    job = store(session, settings, created_by=editor.id if owner == "editor" else None)
    before = contents(session)

    for answer in (
        api.put(f"/jobs/{job.id}", token=other.token, json={"name": "x"}),
        api.delete(f"/jobs/{job.id}", token=other.token),
        api.post(f"/jobs/{job.id}/execute", token=other.token),
    ):
        assert answer.status == 403
    assert contents(session) == before
    assert api.get(f"/jobs/{job.id}", token=other.token).status == 200


@pytest.mark.parametrize("act", ["change", "delete"])
def test_an_admin_changes_anybodys_job(
    api: Api, session: Session, settings: Settings, admin: Person, editor: Person, act: str
) -> None:
    job = store(session, settings, created_by=editor.id)

    if act == "change":
        answer = api.put(f"/jobs/{job.id}", token=admin.token, json={"name": "x"})
        assert answer.json["job"]["created_by"] == editor.id
    else:
        answer = api.delete(f"/jobs/{job.id}", token=admin.token)

    assert answer.status == 200


def test_nothing_is_shown_or_changed_without_a_token(api: Api, session: Session, settings: Settings) -> None:
    job = store(session, settings)
    before = contents(session)
    requests: list[Callable[[], Any]] = [
        lambda: api.get("/jobs"),
        lambda: api.get(f"/jobs/{job.id}"),
        lambda: api.post("/jobs", json=wanted(settings)),
        lambda: api.put(f"/jobs/{job.id}", json={"name": "x"}),
        lambda: api.delete(f"/jobs/{job.id}"),
        lambda: api.post(f"/jobs/{job.id}/execute"),
        lambda: api.post("/jobs/test-run", json={"target_url": "https://example.com/"}),
        lambda: api.post("/jobs/validate-cron", json={"expression": "* * * * *"}),
        lambda: api.post("/jobs/cron-preview", json={"expression": "* * * * *"}),
    ]

    assert [send().status for send in requests] == [401] * len(requests)
    assert contents(session) == before


def test_the_role_is_asked_before_the_body_and_the_body_before_the_job(
    api: Api, viewer: Person, editor: Person
) -> None:
    assert api.request("PUT", "/jobs/nobody", token=viewer.token, raw=b"{").status == 403
    assert api.request("PUT", "/jobs/nobody", token=editor.token, raw=b"{").status == 400
    assert api.put("/jobs/nobody", token=editor.token, json={}).status == 404


# Two at once


def test_of_two_jobs_of_one_name_at_once_one_is_created(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    start = Barrier(4)

    def post(_: int) -> tuple[int, str | None]:
        start.wait(timeout=30)
        answer = api.post("/jobs", token=editor.token, json=wanted(settings))
        return answer.status, answer.json.get("error")

    with ThreadPoolExecutor(max_workers=4) as threads:
        answers = list(threads.map(post, range(4)))

    assert sorted(answers, key=str) == [(201, None), *[(400, "Duplicate name")] * 3]
    assert len(session.scalars(select(Job)).all()) == 1


def test_a_name_that_was_taken_behind_the_check_is_refused_all_the_same(
    session: Session, settings: Settings, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What PostgreSQL allows between check and flush: somebody else's commit.
    monkeypatch.setattr(jobs, "_refuse_taken", lambda *_args, **_kwargs: None)
    store(session, settings, name="Nightly report")
    caller = session.get_one(User, admin.id)

    with pytest.raises(InvalidError, match="already"):
        jobs.create(begin_write(session), caller, draft(settings), settings)


def test_what_collides_otherwise_is_not_called_a_taken_name(session: Session, settings: Settings) -> None:
    nobody = User(id="nobody", username="nobody", role="user")

    with pytest.raises(IntegrityError):
        jobs.create(begin_write(session), nobody, draft(settings), settings)


# Settings


def draft(settings: Settings, **changes: Any) -> Draft:
    """What the service is given for a job as a client writes it."""
    return JobFields.model_validate(wanted(settings, **changes)).draft()


def test_the_owner_of_repositories_and_the_dialect_may_be_settings(
    session: Session, settings: Settings, admin: Person
) -> None:
    ours = settings.replaced(source="test", default_github_owner="house", cron_dialect="apscheduler")
    caller = session.get_one(User, admin.id)
    parts = {"target_url": None, "github_repo": "tools", "github_workflow_name": "nightly.yml"}

    job = jobs.create(begin_write(session), caller, draft(settings, **parts), ours)

    assert (job.github_owner, job.cron_dialect) == ("house", "apscheduler")
    jobs.change(begin_write(session), caller, job.id, {"github_owner": "acme"}, ours)
    assert job.github_owner == "acme"
    jobs.change(begin_write(session), caller, job.id, {"github_owner": None}, ours)
    assert job.github_owner == "house"


def test_days_are_those_of_the_schedulers_zone(session: Session, settings: Settings, admin: Person) -> None:
    # 26 hours apart: it is never the same day in both.
    first = settings.replaced(source="test", scheduler_timezone="Pacific/Kiritimati")
    last = settings.replaced(source="test", scheduler_timezone="Etc/GMT+12")
    caller, ending = session.get_one(User, admin.id), day(last, 0).isoformat()

    job = jobs.create(begin_write(session), caller, draft(last, end_date=ending), last)

    assert not jobs.has_ended(job, last)
    assert jobs.has_ended(job, first)
    with pytest.raises(InvalidError, match="today or later"):
        jobs.create(begin_write(session), caller, draft(first, name="another", end_date=ending), first)
