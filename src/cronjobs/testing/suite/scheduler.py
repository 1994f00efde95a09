"""The scheduler, as admins see it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import AuditEvent, Job, SchedulerControl, SchedulerNode
from cronjobs.models.executions import STATES, STATUS_OF
from cronjobs.services import runs
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import store, store_execution
from cronjobs.testing.worlds import Person
from cronjobs.web.schemas.answers import iso
from crossfade import clock


def test_a_scheduler_at_rest_is_shown(api: Api, admin: Person) -> None:
    answer = api.get("/scheduler/status", token=admin.token)

    assert answer.status == 200
    assert answer.json == {
        "owner": "both",
        "changed_by": None,
        "changed_at": None,
        "nodes": [],
        "counts": {"active_jobs": 0, "scheduled_jobs": 0, "due_jobs": 0, "running_executions": 0},
        "states": dict.fromkeys(STATES, 0),
        "overdue_seconds": 0.0,
        "last_pass": None,
    }


def test_owner_nodes_and_counts_are_shown(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    now, begun = clock.naive_utc(), clock.naive_utc() - timedelta(hours=1)
    node = {"stack": "flask", "host": "here", "process": 42, "started_at": begun, "heartbeat_at": now}
    session.add(SchedulerNode(**node, last_pass='{"at": "2026-11-21T07:00:00Z", "claimed": 1}'))
    session.add(SchedulerControl(id=1, owner="fastapi"))
    job = store(session, settings, next_run_at=now)
    store(session, settings, name="paused", is_active=False)
    store_execution(session, job, status="running")

    shown = api.get("/scheduler/status", token=admin.token).json

    assert shown["owner"] == "fastapi"
    assert 0 <= shown["nodes"][0].pop("heartbeat_age_seconds") < 60
    assert shown["nodes"] == [
        {"stack": "flask", "host": "here", "process": 42, "started_at": iso(begun), "heartbeat": iso(now)}
    ]
    assert shown["counts"] == {"active_jobs": 1, "scheduled_jobs": 1, "due_jobs": 1, "running_executions": 1}
    assert shown["last_pass"] == {"at": "2026-11-21T07:00:00Z", "claimed": 1}


def test_runs_are_counted_by_state(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    job, now = store(session, settings), clock.naive_utc()
    for state, status in STATUS_OF.items():
        store_execution(session, job, state=state, status=status)
        store_execution(session, job, state=state, status=status, started_at=now - timedelta(days=2))
    store_execution(session, job, status="failed")

    shown = api.get("/scheduler/status", token=admin.token).json

    assert shown["states"] == dict.fromkeys(STATES, 1) | {"due": 2, "running": 2, "failed": 2}


def test_a_run_that_nobody_takes_is_overdue(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    now = clock.naive_utc()
    waiting = store(session, settings, next_run_at=now + timedelta(hours=1))
    store_execution(session, waiting, status="running", state="due", due_at=now - timedelta(hours=2))

    assert_near(api.get("/scheduler/status", token=admin.token).json["overdue_seconds"], 7200)
    store_execution(session, waiting, status="running", state="running", lease_until=now + timedelta(minutes=1))
    assert api.get("/scheduler/status", token=admin.token).json["overdue_seconds"] == 0
    store(session, settings, name="late", next_run_at=now - timedelta(hours=1))
    assert_near(api.get("/scheduler/status", token=admin.token).json["overdue_seconds"], 3600)


def assert_near(seconds: float, expected: float) -> None:
    assert expected <= seconds < expected + 120


def test_the_switch_is_turned_and_says_who_did_it(api: Api, session: Session, admin: Person) -> None:
    for owner in ("flask", "off", "both", "fastapi"):
        answer = api.put("/scheduler/owner", token=admin.token, json={"owner": owner})

        assert answer.status == 200
        assert (answer.json["owner"], answer.json["changed_by"]) == (owner, admin.username)
        status = api.get("/scheduler/status", token=admin.token).json
        assert status | answer.json == status

    assert runs.may_fire(session, "fastapi")
    assert not runs.may_fire(session, "flask")


def test_to_turn_the_switch_is_recorded_once(api: Api, admin: Person, session: Session) -> None:
    first = api.put("/scheduler/owner", token=admin.token, json={"owner": "off"}).json
    again = api.put("/scheduler/owner", token=admin.token, json={"owner": "off"}).json

    assert first == again
    (event,) = session.scalars(select(AuditEvent)).all()
    assert (event.kind, event.action, event.subject_name, event.actor_name) == (
        "scheduler",
        "updated",
        "Scheduler",
        admin.username,
    )
    assert json.loads(event.changes)["owner"] == {"before": "both", "after": "off"}


@pytest.mark.parametrize("wanted", [{"owner": "nobody"}, {"owner": "Flask"}, {"owner": None}, {"owner": 1}, {}])
def test_only_an_owner_that_there_is_can_be_chosen(api: Api, session: Session, admin: Person, wanted: Any) -> None:
    before = contents(session)

    answer = api.put("/scheduler/owner", token=admin.token, json=wanted)

    assert answer.status == 400
    assert "owner" in answer.json["message"]
    assert contents(session) == before


def test_a_resync_plans_what_nobody_planned(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    job = store(session, settings)

    answer = api.post("/scheduler/resync", token=admin.token)

    assert answer.status == 200
    assert answer.json.keys() == api.get("/scheduler/status", token=admin.token).json.keys()
    assert answer.json["counts"]["scheduled_jobs"] == 1
    assert session.get_one(Job, job.id, populate_existing=True).next_run_at is not None


@pytest.mark.parametrize("role", ["editor", "viewer", "nobody"])
def test_only_admins_see_turn_or_resync_it(
    api: Api, session: Session, settings: Settings, editor: Person, viewer: Person, role: str
) -> None:
    store(session, settings)
    before = contents(session)
    token = {"editor": editor.token, "viewer": viewer.token, "nobody": None}[role]

    answers = [
        api.get("/scheduler/status", token=token),
        api.post("/scheduler/resync", token=token),
        api.put("/scheduler/owner", token=token, json={"owner": "off"}),
    ]

    assert [answer.status for answer in answers] == [401 if token is None else 403] * 3
    assert contents(session) == before
