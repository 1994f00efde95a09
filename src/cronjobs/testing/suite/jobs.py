"""Jobs: made with what they are given and their defaults, and deleted with what is theirs."""

from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cronjobs.models import JobCategory, JobExecution, Notification
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.jobs import (
    WRITTEN_KEYS,
    add_category,
    add_team,
    create,
    day,
    store,
    store_execution,
    stored,
    wanted,
    workflow,
)
from cronjobs.testing.worlds import Person


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
