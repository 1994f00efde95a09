"""Changing a job: what isn't mentioned stays, what is stored is not judged by today's rules, and the plan follows."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution, Notification
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import WRITTEN_KEYS, add_category, add_team, create, day, store, stored, wanted, workflow
from cronjobs.testing.worlds import Person
from crossfade import clock


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


def _owing(session: Session, settings: Settings, owner: Person, **fields: Any) -> tuple[Job, datetime]:
    """A job of each minute of which nobody has claimed the last four ticks, and the latest of these."""
    now = clock.naive_utc()
    latest = now.replace(second=0, microsecond=0)
    due = latest - timedelta(minutes=3)
    stamps = {"next_run_at": due, "updated_at": due, "planned_at": due}
    return store(session, settings, created_by=owner.id, cron_expression="* * * * *", **stamps, **fields), latest


def _left(session: Session, job: Job) -> list[tuple[str | None, datetime | None, datetime | None, int | None]]:
    session.rollback()
    rows = session.scalars(select(JobExecution).where(JobExecution.job_id == job.id))
    return [(row.state, row.missed_from, row.scheduled_for, row.missed_count) for row in rows]


def test_ticks_that_nobody_claimed_leave_a_row_when_their_job_is_paused_and_nobody_is_told(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    job, latest = _owing(session, settings, editor)

    answer = api.put(f"/jobs/{job.id}", token=editor.token, json={"is_active": False})

    assert answer.status == 200
    ((state, first, last, count),) = _left(session, job)
    # A minute may have passed meanwhile.
    assert state == "missed"
    assert (first, last) in {(latest - timedelta(minutes=3), latest + timedelta(minutes=late)) for late in (0, 1)}
    assert count in {4, 5}
    listed = api.get(f"/jobs/{job.id}/executions", token=editor.token).json["executions"]
    assert "not made when the job was paused" in listed[0]["error_message"]
    assert session.scalars(select(Notification.id)).all() == []
    assert api.put(f"/jobs/{job.id}", token=editor.token, json={"is_active": True}).status == 200
    enabled = stored(session, job.id).next_run_at
    assert enabled is not None
    assert enabled > latest


def test_ticks_that_nobody_claimed_leave_a_row_when_their_schedule_is_changed_but_for_the_latest_which_is_run(
    api: Api, session: Session, settings: Settings, editor: Person
) -> None:
    job, latest = _owing(session, settings, editor, name="changed")
    renamed, _ = _owing(session, settings, editor, name="renamed")

    api.put(f"/jobs/{job.id}", token=editor.token, json={"cron_expression": "0 0 1 1 *"})
    api.put(f"/jobs/{renamed.id}", token=editor.token, json={"name": "another name"})

    ((state, first, last, count),) = _left(session, job)
    due = stored(session, job.id).next_run_at
    assert due is not None
    assert due in {latest, latest + timedelta(minutes=1)}
    assert (state, first) == ("missed", latest - timedelta(minutes=3))
    assert (last, count) == (due - timedelta(minutes=1), (due - latest) / timedelta(minutes=1) + 3)
    # Its claim answers for all of them.
    assert _left(session, renamed) == []
    assert stored(session, renamed.id).next_run_at == latest - timedelta(minutes=3)


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
