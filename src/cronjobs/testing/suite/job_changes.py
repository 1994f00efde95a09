"""Changing a job: what isn't mentioned stays, what is stored is not judged by today's rules, and the plan follows."""

import pytest
from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import WRITTEN_KEYS, add_category, add_team, create, day, store, stored, wanted, workflow
from cronjobs.testing.worlds import Person


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
