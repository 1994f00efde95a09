"""What a job must be like: what is missing, malformed, taken or over is refused and named, and changes nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cronjobs.models import Job, User
from cronjobs.services import jobs
from cronjobs.services.drafts import Draft
from cronjobs.services.errors import InvalidError
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import add_category, add_team, create, day, store, wanted, workflow
from cronjobs.testing.worlds import Person
from cronjobs.web.schemas.jobs import JobFields
from crossfade.database.sessions import begin_write


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


def draft(settings: Settings, **changes: Any) -> Draft:
    """What the service is given for a job as a client writes it."""
    return JobFields.model_validate(wanted(settings, **changes)).draft()


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
