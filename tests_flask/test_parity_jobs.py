"""Jobs and executions on the two stacks: reads are equal to the letter, writes but for ids and instants."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.settings import Settings
from cronjobs.testing.client import UNSENT, Api
from cronjobs.testing.jobs import create, store, store_execution, wanted, workflow
from cronjobs.testing.parity.normal import Normal
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import Person, World
from crossfade import clock

NOON = clock.naive_utc(datetime(2026, 11, 21, 12, tzinfo=UTC))

# {odd} and {github} in a path are jobs, {failed} an execution.
READS = [
    "/jobs",
    "/jobs/",
    "/jobs?page=1",
    "/jobs?page=2&per_page=2",
    "/jobs?page=0&per_page=junk",
    "/jobs?page=1&page=2&per_page=1",
    "/jobs?search=O%25",
    "/jobs?search=%E6%97%A5",
    "/jobs?search=%ff",
    "/jobs?search=a+b&category=GENERAL&pic_team=Platform&is_active=off",
    "/jobs?category=%00",
    "/jobs?is_active=perhaps&unknown=1",
    "/jobs/{odd}",
    "/jobs/{github}",
    "/jobs/{github}/",
    "/jobs/nobody",
    "/jobs/%00",
    "/jobs/a%2Fb",
    "/jobs/{odd}/executions",
    "/jobs/{odd}/executions?limit=1",
    "/jobs/{odd}/executions?status=failed,success&trigger_type=manual",
    "/jobs/{odd}/executions?from=2026-11-21&to=2026-11-21",
    "/jobs/{odd}/executions?from=2026-11-21T21:00:00%2B09:00",
    "/jobs/{odd}/executions?from=2026-11-21T21:00:00+09:00",
    "/jobs/{odd}/executions?from=junk",
    "/jobs/{odd}/executions?from=2026-11-22&to=2026-11-21",
    "/jobs/{odd}/executions/stats",
    "/jobs/{odd}/executions/{failed}",
    "/jobs/{github}/executions/{failed}",
    "/jobs/{github}/executions/stats",
    "/jobs/nobody/executions",
    "/executions",
    "/executions?page=2&limit=1",
    "/executions?page=99999999999999999999",
    "/executions?job_id={odd}&execution_type=webhook",
    "/executions?status=%00",
    "/executions?to=0001-01-01T00:00:00%2B09:00",
    "/executions/statistics",
    "/executions/statistics?job_id={odd}&from=2026-11-21&to=9999-12-31",
    "/executions/{failed}",
    "/executions/nothing",
    "/scheduler/status",
]


@pytest.fixture
def known(session: Session, settings: Settings, editor: Person) -> dict[str, str]:
    """Jobs and executions of all kinds, legacy oddities among them."""
    odd = store(session, settings, name="Odd 100% 日本", end_date=None, pic_team=None, job_metadata='[1, "é", 2.50]')
    store(session, settings, name="paused", is_active=False, created_by=editor.id, notification_emails="a@b.c, d@e.f,")
    store(session, settings, name="junk", cron_expression="junk", job_metadata="{junk", cron_dialect="apscheduler")
    parts = {"github_owner": "acme", "github_repo": "tools", "github_workflow_name": "nightly.yml"}
    github = store(session, settings, name="github", target_url=None, cron_expression="*/7 2-4 1,15 * 1-5", **parts)
    store_execution(session, odd, started_at=NOON, duration_seconds=1 / 3)
    store_execution(session, odd, started_at=NOON - timedelta(days=1), duration_seconds=2 / 3)
    failed = {"status": "failed", "error_message": "It broke", "output": None, "trigger_type": "manual"}
    broken = store_execution(session, odd, started_at=NOON + timedelta(microseconds=1), **failed)
    return {"odd": odd.id, "github": github.id, "failed": broken.id}


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("who", ["admin", "viewer", None])
def test_what_is_read_is_equal(
    api: Api, twin: Api, world: World, known: dict[str, str], path: str, who: str | None
) -> None:
    token = world.people[who].token if who else None
    path = path.format(**known)

    flask, fastapi = (stack.request("GET", path, token=token) for stack in (api, twin))

    assert (flask.status, flask.json) == (fastapi.status, fastapi.json)
    assert flask.headers["Content-Type"] == fastapi.headers["Content-Type"]


def steps(settings: Settings, target: Target) -> list[tuple[str, str, str | None, Any]]:
    """Method, path, who asks, body; {job} and {github} are created on the way."""
    webhook = wanted(settings, target_url=target.url, metadata={"b": 1, "a": [None, 1.5, "é"]}, category="General")
    return [
        ("POST", "/jobs", None, webhook),
        ("POST", "/jobs", "viewer", webhook),
        ("POST", "/jobs", "editor", {}),
        ("POST", "/jobs", "editor", UNSENT),
        ("POST", "/jobs", "editor", []),
        ("POST", "/jobs", "editor", b'{"metadata": {"a": 1e999}}'),
        ("POST", "/jobs", "editor", {"name": 1, "end_date": "x", "metadata": [], "is_active": 1}),
        ("POST", "/jobs", "editor", webhook | {"cron_expression": "0 9 * * 8"}),
        ("POST", "/jobs", "editor", webhook | {"name": "x\x00"}),
        ("POST", "/jobs", "editor", webhook | {"github_repo": "a/b"}),
        ("POST", "/jobs", "editor", webhook | {"pic_team": "nobody"}),
        ("POST", "/jobs", "editor", webhook),
        ("POST", "/jobs/", "editor", webhook),
        ("POST", "/jobs", "admin", workflow(settings, name="flow", cron_dialect="apscheduler")),
        ("GET", "/jobs", "viewer", UNSENT),
        ("PUT", "/jobs/{job}", "viewer", {"name": "x"}),
        ("PUT", "/jobs/{job}", "other", {"name": "x"}),
        ("PUT", "/jobs/{job}", "editor", {}),
        ("PUT", "/jobs/{job}", "editor", {"name": "flow"}),
        ("PUT", "/jobs/{job}", "editor", {"name": None}),
        ("PUT", "/jobs/{job}", "editor", {"target_url": ""}),
        ("PUT", "/jobs/{job}", "editor", {"name": "Renamed", "notify_on_success": True}),
        ("PUT", "/jobs/nobody", "editor", {"name": "x"}),
        ("PATCH", "/jobs/{job}", "editor", {"name": "x"}),
        ("POST", "/jobs/{job}", "editor", {}),
        ("POST", "/jobs/{job}/execute", "other", UNSENT),
        ("POST", "/jobs/{job}/execute", "editor", {"metadata": 1}),
        ("POST", "/jobs/{job}/execute", "editor", {"github_repo": "a/b"}),
        ("POST", "/jobs/{job}/execute", "editor", UNSENT),
        ("POST", "/jobs/{job}/execute", "admin", {"metadata": {"once": True}, "target_url": target.url + "/once"}),
        ("GET", "/jobs/{job}/execute", "editor", UNSENT),
        ("GET", "/jobs/{job}/executions", "viewer", UNSENT),
        ("GET", "/executions", "viewer", UNSENT),
        ("POST", "/jobs/{github}/execute", "editor", UNSENT),
        ("POST", "/jobs/{github}/execute", "admin", UNSENT),
        ("POST", "/jobs/validate-cron", "viewer", {"expression": "0 9 * * 0"}),
        ("POST", "/jobs/validate-cron", "viewer", {"expression": 5}),
        ("POST", "/jobs/validate-cron", "viewer", b"{"),
        ("GET", "/jobs/validate-cron", "viewer", UNSENT),
        ("POST", "/jobs/cron-preview", "viewer", {"expression": "0 9 * * 0", "count": "3"}),
        ("POST", "/jobs/cron-preview", "viewer", {"cron_expression": "junk"}),
        ("POST", "/jobs/cron-preview", "viewer", {}),
        ("POST", "/jobs/test-run", "viewer", {"target_url": target.url}),
        ("POST", "/jobs/test-run", "editor", {"target_url": target.url}),
        ("POST", "/jobs/test-run", "editor", {"target_url": target.url, "timeout_seconds": 99}),
        ("POST", "/jobs/test-run", "editor", {}),
        ("POST", "/scheduler/resync", "editor", UNSENT),
        ("POST", "/scheduler/resync", "admin", UNSENT),
        ("DELETE", "/jobs/{job}", "other", UNSENT),
        ("DELETE", "/jobs/{job}", "editor", UNSENT),
        ("DELETE", "/jobs/{job}", "editor", UNSENT),
        ("DELETE", "/jobs/{github}", "admin", UNSENT),
    ]


def play(api: Api, world: World, script: list[tuple[str, str, str | None, Any]]) -> list[Any]:
    """The answers to a script, without what must differ."""
    normal, ids, answers = Normal(), dict[str, str](), []
    for method, path, who, body in script:
        token = world.people[who].token if who else None
        sent = {"raw": body} if isinstance(body, bytes) else {"json_body": body}
        answer = api.request(method, path.format(**ids), token=token, **sent)
        if answer.status == 201:
            ids["github" if answer.json["job"]["github_repo"] else "job"] = answer.json["job"]["id"]
        answers.append((method, path, who, *normal.answer(answer)))
    return answers


def test_what_is_written_is_equal(api: Api, twin: Api, world: World, settings: Settings, target: Target) -> None:
    script = steps(settings, target)

    flask = play(api, world, script)
    flask_asked = [(asked.method, asked.path, asked.body) for asked in target.asked]
    world.restore()
    target.asked.clear()
    fastapi = play(twin, world, script)
    fastapi_asked = [(asked.method, asked.path, asked.body) for asked in target.asked]

    assert flask == fastapi
    assert flask_asked == fastapi_asked
    assert len(flask_asked) == 3
    assert {200, 201, 400, 401, 403, 404, 405} == {answer[3] for answer in flask}


def test_what_one_stack_writes_the_other_reads(
    api: Api, twin: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    for here, there, name in ((api, twin, "from Flask"), (twin, api, "from FastAPI")):
        job = create(here, editor, wanted(settings, name=name, target_url=target.url))
        ran = there.post(f"/jobs/{job['id']}/execute", token=editor.token).json

        assert ran["status"] == "success"
        execution = here.get(f"/executions/{ran['execution_id']}", token=editor.token).json["execution"]
        assert execution["job_id"] == job["id"]
        changed = there.put(f"/jobs/{job['id']}", token=editor.token, json={"is_active": False}).json["job"]
        assert here.get(f"/jobs/{job['id']}", token=editor.token).json["job"]["is_active"] is changed["is_active"]

    assert len(session.scalars(select(Job)).all()) == 2
    assert len(session.scalars(select(JobExecution)).all()) == 2
