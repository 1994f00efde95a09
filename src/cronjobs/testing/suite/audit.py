"""The audit log: every change of users, jobs, taxonomies and settings, by whom, without secrets; for admins alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import AuditEvent, Job
from cronjobs.scheduler.nodes import Node
from cronjobs.services import maintenance, runs
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.jobs import create, day, store, wanted
from cronjobs.testing.statements import counted
from cronjobs.testing.worlds import Person
from crossfade import clock
from crossfade.database.sessions import begin_write

PATH = "/audit"
KEYS = {
    "id",
    "occurred_at",
    "actor_id",
    "actor_name",
    "action",
    "kind",
    "subject_id",
    "subject_name",
    "changes",
}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def events(api: Api, admin: Person, **query: Any) -> list[Any]:
    answer = api.get(PATH, token=admin.token, **query)
    assert answer.status == 200, answer.text
    found: list[Any] = answer.json["events"]
    return found


def told(event: Any) -> tuple[Any, ...]:
    return event["kind"], event["action"], event["subject_name"], event["actor_name"]


def changed(event: Any) -> dict[str, tuple[Any, Any]]:
    return {name: (change["before"], change["after"]) for name, change in event["changes"].items()}


def test_what_is_done_to_users_is_recorded(api: Api, admin: Person, editor: Person) -> None:
    new = {"username": "new.one", "email": "new@cronjobs.test", "password": "not-to-be-seen"}
    user = api.post("/auth/register", token=admin.token, json=new).json["user"]
    api.put(f"/auth/users/{user['id']}", token=admin.token, json={"role": "user", "email": "else@cronjobs.test"})
    api.put(f"/auth/users/{editor.id}", token=editor.token, json={"password": "not-to-be-seen"})
    api.delete(f"/auth/users/{user['id']}", token=admin.token)

    answer = api.get(PATH, token=admin.token)
    gone, password, update, made = answer.json["events"]

    assert all(event.keys() == KEYS for event in answer.json["events"])
    assert told(made) == ("user", "created", "new.one", "admin")
    assert (made["subject_id"], made["actor_id"]) == (user["id"], admin.id)
    assert changed(made)["role"] == (None, "viewer")
    assert told(update) == ("user", "updated", "new.one", "admin")
    assert changed(update) == {
        "role": ("viewer", "user"),
        "email": ("new@cronjobs.test", "else@cronjobs.test"),
    }
    assert told(password) == ("user", "updated", "editor", "editor")
    assert changed(password) == {"password": ("***", "***")}
    assert told(gone) == ("user", "deleted", "new.one", "admin")
    assert changed(gone)["email"] == ("else@cronjobs.test", None)
    assert "not-to-be-seen" not in answer.text
    assert "argon2" not in answer.text


def test_what_is_done_to_jobs_is_recorded(api: Api, settings: Settings, admin: Person, editor: Person) -> None:
    job = create(api, editor, wanted(settings, metadata={"token": "not-to-be-seen", "a": [1]}))
    path = f"/jobs/{job['id']}"
    api.put(path, token=editor.token, json={"name": "Renamed", "is_active": False, "metadata": {"text": "x" * 5000}})
    api.put(path, token=editor.token, json={"name": "Renamed"})
    api.delete(path, token=admin.token)

    answer = api.get(PATH, token=admin.token, kind="job")
    gone, update, made = answer.json["events"]

    assert told(made) == ("job", "created", "Nightly report", "editor")
    assert changed(made)["metadata"] == (None, '{"token": "***", "a": [1]}')
    assert changed(made)["end_date"] == (None, job["end_date"])
    assert changed(made)["created_by"] == (None, editor.id)
    assert "github_repo" not in made["changes"]
    assert told(update) == ("job", "updated", "Renamed", "editor")
    assert update["changes"].keys() == {"name", "is_active", "metadata"}
    assert changed(update)["name"] == ("Nightly report", "Renamed")
    assert changed(update)["is_active"] == (True, False)
    assert len(changed(update)["metadata"][1]) < 1100
    assert told(gone) == ("job", "deleted", "Renamed", "admin")
    assert changed(gone)["is_active"] == (False, None)
    assert "not-to-be-seen" not in answer.text


def test_what_is_done_to_taxonomies_and_settings_is_recorded(api: Api, admin: Person) -> None:
    team = api.post("/pic-teams", token=admin.token, json={"name": "Crew", "slack_handle": "@crew"}).json["pic_team"]
    api.put(f"/pic-teams/{team['id']}", token=admin.token, json={"name": "Deck Crew"})
    api.delete(f"/pic-teams/{team['id']}", token=admin.token)
    api.delete(f"/pic-teams/{team['id']}", token=admin.token)
    api.post("/job-categories", token=admin.token, json={"name": "Kind"})
    webhook = "https://hooks.slack.com/not-to-be-seen"
    api.put("/settings/slack", token=admin.token, json={"webhook_url": webhook, "is_enabled": True})

    answer = api.get(PATH, token=admin.token)
    slack, category, disabled, renamed, made = answer.json["events"]

    assert told(made) == ("pic_team", "created", "Crew", "admin")
    assert told(renamed) == ("pic_team", "updated", "Deck Crew", "admin")
    assert changed(renamed) == {"name": ("Crew", "Deck Crew"), "slug": ("crew", "deck-crew")}
    assert told(disabled) == ("pic_team", "disabled", "Deck Crew", "admin")
    assert changed(disabled) == {"is_active": (True, False)}
    assert told(category) == ("job_category", "created", "Kind", "admin")
    assert told(slack) == ("slack_settings", "updated", "Slack", "admin")
    assert changed(slack) == {"is_enabled": (False, True), "webhook_url": (None, "***")}
    assert "not-to-be-seen" not in answer.text


def test_nobody_is_named_for_what_the_application_does_by_itself(
    api: Api, session: Session, settings: Settings, admin: Person, editor: Person
) -> None:
    due = clock.naive_utc() - timedelta(minutes=1)
    yesterday, node, zone = day(settings, -1), Node("flask").name, settings.zone
    store(session, settings, name="ended", end_date=yesterday, next_run_at=due, planned_at=due, updated_at=due)
    store(session, settings, name="junk", cron_expression="junk")
    store(session, settings, name="forgotten", end_date=yesterday, planned_at=due, updated_at=due)
    late = store(session, settings, name="late", end_date=yesterday, is_active=False, created_by=editor.id)

    writer = begin_write(session)
    runs.replan(writer, zone=zone)
    runs.claim_due(writer, node=node, stack="flask", zone=zone)
    monday = maintenance.due_at(clock.now() + timedelta(weeks=1), zone)
    assert maintenance.see_to_end_dates(writer, node=node, stack="flask", zone=zone, now=monday)
    late.is_active = True
    session.commit()
    # Here somebody does, if not on purpose.
    assert api.post(f"/jobs/{late.id}/execute", token=editor.token).status == 400

    by_rule, *by_itself = events(api, admin, kind="job", action="paused")
    assert told(by_rule) == ("job", "paused", "late", "editor")
    assert sorted(map(told, by_itself)) == [("job", "paused", name, None) for name in ("ended", "forgotten", "junk")]
    assert all(changed(event) == {"is_active": (True, False)} for event in (by_rule, *by_itself))
    assert {event["actor_id"] for event in by_itself} == {None}


def test_what_is_refused_leaves_no_event(
    api: Api, session: Session, settings: Settings, admin: Person, editor: Person
) -> None:
    job = store(session, settings)
    general = next(
        each["id"]
        for each in api.get("/job-categories", token=admin.token).json["categories"]
        if each["slug"] == "general"
    )

    refused = [
        api.put(f"/jobs/{job.id}", token=editor.token, json={"name": "Mine"}),
        api.put(f"/jobs/{job.id}", token=admin.token, json={"name": "Else", "category": "nothing"}),
        api.delete(f"/auth/users/{admin.id}", token=admin.token),
        api.put(f"/auth/users/{editor.id}", token=admin.token, json={"role": "user", "email": admin.email}),
        api.put(f"/job-categories/{general}", token=admin.token, json={"name": "Else"}),
        api.post("/pic-teams", token=admin.token, json={"name": "Platform"}),
        api.put("/settings/slack", token=admin.token, json={"channel": "#x", "is_enabled": True}),
    ]

    assert [answer.status for answer in refused] == [403, 400, 400, 409, 400, 409, 400]
    assert session.scalars(select(AuditEvent)).all() == []


def test_what_changes_nothing_leaves_no_event(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    job = store(session, settings)

    for path, body in (
        (f"/jobs/{job.id}", {"name": job.name, "is_active": True}),
        (f"/auth/users/{admin.id}", {"email": admin.email.upper(), "role": "admin"}),
        ("/settings/slack", {}),
    ):
        assert api.put(path, token=admin.token, json=body).status == 200

    assert session.scalars(select(AuditEvent)).all() == []


def test_the_history_of_what_was_deleted_stays(api: Api, settings: Settings, admin: Person, other: Person) -> None:
    job = create(api, other, wanted(settings))
    assert api.delete(f"/auth/users/{other.id}", token=admin.token).status == 200
    assert api.delete(f"/jobs/{job['id']}", token=admin.token).status == 200

    assert [told(event) for event in events(api, admin, actor="other")] == [
        ("job", "created", "Nightly report", "other")
    ]


@pytest.fixture
def history(session: Session, settings: Settings, admin: Person) -> Job:
    """Five events on five days, by two actors and by nobody."""
    job = store(session, settings)
    rows = (
        ("e1", "created", "job", admin.id, "admin"),
        ("e2", "updated", "job", "someone", "gone"),
        ("e3", "paused", "job", None, None),
        ("e4", "created", "user", admin.id, "admin"),
        ("e5", "updated", "pic_team", "someone", "gone"),
    )
    for number, (event_id, action, kind, actor_id, actor_name) in enumerate(rows):
        at = clock.naive_utc(NOON + timedelta(days=number))
        subject = {"subject_id": job.id, "subject_name": job.name, "changes": "{}"}
        actor = {"actor_id": actor_id, "actor_name": actor_name}
        session.add(AuditEvent(id=event_id, occurred_at=at, action=action, kind=kind, **subject, **actor))
    session.commit()
    return job


def test_it_is_narrowed_and_read_page_by_page(api: Api, history: Job, admin: Person) -> None:
    def ids(**query: Any) -> str:
        return " ".join(event["id"] for event in events(api, admin, **query))

    assert ids() == "e5 e4 e3 e2 e1"
    assert ids(actor=admin.id) == ids(actor="admin") == "e4 e1"
    assert ids(actor="gone") == "e5 e2"
    assert ids(actor="nobody") == ""
    assert ids(kind="job") == "e3 e2 e1"
    assert ids(kind=" JOB, user,") == "e4 e3 e2 e1"
    assert ids(kind="job", action="created,paused") == "e3 e1"
    assert ids(action="junk") == ""
    assert ids(**{"from": "2026-11-22", "to": "2026-11-23"}) == "e3 e2"
    assert ids(**{"from": "2026-11-22T12:00:00Z", "to": "2026-11-23T12:00:00Z"}) == "e2"
    assert ids(page=2, per_page=2) == "e3 e2"
    assert ids(page=9, per_page=2) == ""
    first = api.get(PATH, token=admin.token, page=0, per_page=1000, to="2026-11-24").json
    assert {name: first[name] for name in ("total", "page", "per_page", "total_pages", "range")} == {
        "total": 4,
        "page": 1,
        "per_page": 100,
        "total_pages": 1,
        "range": {"from": None, "to": "2026-11-25T00:00:00.000Z"},
    }
    assert first["events"][-1]["occurred_at"] == "2026-11-21T12:00:00.000Z"
    assert api.get(PATH, token=admin.token, per_page="junk").json["per_page"] == 20
    for query, error in (({"from": "junk"}, "Invalid date"), ({"from": "2026-2", "to": "2026-1"}, "Invalid date")):
        refused = api.get(PATH, token=admin.token, **query)
        assert (refused.status, refused.json["error"]) == (400, error)


def test_only_admins_read_it_and_nobody_writes_it(api: Api, editor: Person, viewer: Person, admin: Person) -> None:
    assert api.get(PATH).status == 401
    assert [api.get(PATH, token=person.token).status for person in (editor, viewer)] == [403, 403]
    assert api.post(PATH, token=admin.token, json={}).status == 405
    assert api.delete(PATH, token=admin.token).status == 405


def test_a_page_takes_as_many_statements_for_many_events_as_for_one(
    api: Api, session: Session, history: Job, admin: Person
) -> None:
    with counted() as few:
        events(api, admin)
    for number in range(30):
        subject = {"subject_id": history.id, "subject_name": history.name, "changes": "{}"}
        session.add(AuditEvent(id=f"x{number}", action="updated", kind="job", **subject))
    session.commit()

    with counted() as many:
        events(api, admin, per_page=100)

    assert len(many) == len(few)
