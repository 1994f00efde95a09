"""The scheduler, as admins see it."""

import pytest
from sqlalchemy.orm import Session

from cronjobs.models import Job, SchedulerControl, SchedulerNode
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import store, store_execution
from cronjobs.testing.worlds import Person
from crossfade import clock


def test_a_scheduler_at_rest_is_shown(api: Api, admin: Person) -> None:
    answer = api.get("/scheduler/status", token=admin.token)

    assert answer.status == 200
    assert answer.json == {
        "owner": "both",
        "nodes": [],
        "counts": {"active_jobs": 0, "scheduled_jobs": 0, "due_jobs": 0, "running_executions": 0},
        "last_pass": None,
    }


def test_owner_nodes_and_counts_are_shown(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    now = clock.naive_utc()
    node = {"stack": "flask", "host": "here", "process": 42, "started_at": now, "heartbeat_at": now}
    session.add(SchedulerNode(**node, last_pass='{"at": "2026-11-21T07:00:00Z", "claimed": 1}'))
    session.add(SchedulerControl(id=1, owner="fastapi"))
    job = store(session, settings, next_run_at=now)
    store(session, settings, name="paused", is_active=False)
    store_execution(session, job, status="running")

    shown = api.get("/scheduler/status", token=admin.token).json

    assert shown["owner"] == "fastapi"
    heartbeat = now.isoformat(timespec="milliseconds") + "Z"
    assert shown["nodes"] == [{"stack": "flask", "host": "here", "process": 42, "heartbeat": heartbeat}]
    assert shown["counts"] == {"active_jobs": 1, "scheduled_jobs": 1, "due_jobs": 1, "running_executions": 1}
    assert shown["last_pass"] == {"at": "2026-11-21T07:00:00Z", "claimed": 1}


def test_a_resync_plans_what_nobody_planned(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    job = store(session, settings)

    answer = api.post("/scheduler/resync", token=admin.token)

    assert answer.status == 200
    assert answer.json.keys() == {"owner", "nodes", "counts", "last_pass"}
    assert answer.json["counts"]["scheduled_jobs"] == 1
    assert session.get_one(Job, job.id, populate_existing=True).next_run_at is not None


@pytest.mark.parametrize("role", ["editor", "viewer", "nobody"])
def test_only_admins_see_or_resync_it(
    api: Api, session: Session, settings: Settings, editor: Person, viewer: Person, role: str
) -> None:
    store(session, settings)
    before = contents(session)
    token = {"editor": editor.token, "viewer": viewer.token, "nobody": None}[role]

    answers = [api.get("/scheduler/status", token=token), api.post("/scheduler/resync", token=token)]

    assert [answer.status for answer in answers] == [401 if token is None else 403] * 2
    assert contents(session) == before
