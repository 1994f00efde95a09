"""Running a job by hand, and trying a target: what is called, what is stored, and what is kept from both."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import create, day, store, wanted, workflow
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import Person
from crossfade.router import Router

TOKEN = "ghp_a-token-that-nobody-may-see"


def execution(session: Session, execution_id: str) -> JobExecution:
    session.rollback()
    return session.get_one(JobExecution, execution_id, populate_existing=True)


# Running a job


def test_a_run_calls_its_target_and_is_written_down(
    api: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    job = create(api, editor, wanted(settings, target_url=f"{target.url}/hook", metadata={"a": [1, "ä"]}))

    answer = api.post(f"/jobs/{job['id']}/execute", token=editor.token)

    assert answer.status == 200
    assert answer.json == {
        "message": "Job triggered successfully",
        "job_id": job["id"],
        "execution_id": answer.json["execution_id"],
        "status": "success",
    }
    (asked,) = target.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/hook", {"a": [1, "ä"]})
    run = execution(session, answer.json["execution_id"])
    assert (run.job_id, run.status, run.trigger_type) == (job["id"], "success", "manual")
    assert (run.execution_type, run.target) == ("webhook", f"{target.url}/hook")
    assert (run.response_status, run.output, run.error_message) == (200, "done", None)
    assert run.completed_at is not None
    assert run.duration_seconds is not None
    shown = api.get(f"/jobs/{job['id']}", token=editor.token).json["job"]
    assert shown["last_execution_at"] is not None


def test_a_job_without_metadata_asks_its_target(api: Api, settings: Settings, editor: Person, target: Target) -> None:
    job = create(api, editor, wanted(settings, target_url=target.url))

    assert api.post(f"/jobs/{job['id']}/execute", token=editor.token, json={}).status == 200
    assert [asked.method for asked in target.asked] == ["GET"]


def test_a_run_that_fails_is_an_answer_and_not_an_error(
    api: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    target.status = 503
    job = create(api, editor, wanted(settings, target_url=target.url))

    answer = api.post(f"/jobs/{job['id']}/execute", token=editor.token)

    assert (answer.status, answer.json["status"]) == (200, "failed")
    run = execution(session, answer.json["execution_id"])
    assert (run.status, run.response_status) == ("failed", 503)
    assert run.error_message


def test_overrides_hold_for_one_run(
    api: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    job = create(api, editor, wanted(settings, target_url=f"{target.url}/usual", metadata={"a": 1}))
    before = session.get_one(Job, job["id"]).updated_at
    overrides = {"target_url": f"{target.url}/once", "metadata": {"b": 2}, "github_token": " ", "github_repo": ""}

    api.post(f"/jobs/{job['id']}/execute", token=editor.token, json=overrides)
    api.post(f"/jobs/{job['id']}/execute", token=editor.token)

    assert [(asked.path, asked.body) for asked in target.asked] == [("/once", {"b": 2}), ("/usual", {"a": 1})]
    targets = session.scalars(select(JobExecution.target).order_by(JobExecution.started_at)).all()
    assert targets == [f"{target.url}/once", f"{target.url}/usual"]
    assert session.get_one(Job, job["id"], populate_existing=True).updated_at == before


def test_a_github_job_is_dispatched_with_the_runs_own_token(
    api: Api,
    session: Session,
    settings: Settings,
    editor: Person,
    target: Target,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    target.body = f"echoed {TOKEN}"
    job = create(api, editor, workflow(settings, metadata={"branchDetails": "main"}))
    overrides = {"dispatch_url": f"{target.url}/dispatch", "github_token": TOKEN}

    answer = api.post(f"/jobs/{job['id']}/execute", token=editor.token, json=overrides)

    assert (answer.status, answer.json["status"]) == (200, "success")
    (asked,) = target.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/dispatch", {"ref": "main"})
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    run = execution(session, answer.json["execution_id"])
    assert (run.execution_type, run.target) == ("github_actions", "acme/tools/nightly.yml")
    assert TOKEN not in answer.text + str(contents(session)) + caplog.text


def test_parts_of_a_workflow_are_overridden_for_one_run(
    api: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    job = create(api, editor, workflow(settings, metadata={"ref": "main"}))
    overrides = {
        "github_repo": "you/more",
        "github_workflow_name": "other.yaml",
        "dispatch_url": target.url,
        "github_token": TOKEN,
    }

    answer = api.post(f"/jobs/{job['id']}/execute", token=editor.token, json=overrides)

    assert execution(session, answer.json["execution_id"]).target == "you/more/other.yaml"
    assert session.get_one(Job, job["id"]).github_repo == "tools"


def test_a_job_that_has_ended_is_paused_instead_of_run(
    api: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    job = store(session, settings, created_by=editor.id, target_url=target.url, end_date=day(settings, -1))

    first = api.post(f"/jobs/{job.id}/execute", token=editor.token)
    again = api.post(f"/jobs/{job.id}/execute", token=editor.token)

    assert [(answer.status, answer.json["error"]) for answer in (first, again)] == [(400, "Job has ended")] * 2
    paused = session.get_one(Job, job.id, populate_existing=True)
    assert paused.is_active is False
    assert paused.next_run_at is None
    assert session.scalars(select(JobExecution)).all() == []
    assert target.asked == []


def test_a_job_runs_on_its_last_day(
    api: Api, session: Session, settings: Settings, admin: Person, target: Target
) -> None:
    job = store(session, settings, target_url=target.url, end_date=day(settings, 0))

    assert api.post(f"/jobs/{job.id}/execute", token=admin.token).json["status"] == "success"


def test_an_inactive_job_is_not_run(
    api: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    job = create(api, editor, wanted(settings, target_url=target.url, is_active=False))
    before = contents(session)

    answer = api.post(f"/jobs/{job['id']}/execute", token=editor.token)

    assert (answer.status, answer.json["error"]) == (400, "Job is inactive")
    assert contents(session) == before
    assert target.asked == []


BAD_FOR_WEBHOOKS: list[dict[str, Any]] = [
    {"target_url": "ftp://example.com/"},
    {"target_url": "https://user:secret@example.com/"},
    {"target_url": 1},
    {"metadata": [1]},
    {"metadata": "text"},
    {"github_repo": "tools"},
    {"github_owner": "acme"},
    {"github_workflow_name": "nightly.yml"},
    {"dispatch_url": "https://example.com/"},
    {"github_token": TOKEN},
]
BAD_FOR_WORKFLOWS: list[dict[str, Any]] = [
    {"target_url": "https://example.com/"},
    {"github_repo": "../tools"},
    {"github_repo": "a/b/c"},
    {"github_owner": "ac/me"},
    {"github_owner": "acme", "github_repo": "other/tools"},
    {"github_workflow_name": "../nightly.yml"},
    {"github_workflow_name": "nightly"},
    {"dispatch_url": "file:///etc/passwd"},
    {"github_token": 5},
    {"github_token": "secret\nX-Other: header"},
    {"github_token": "sécret"},
]


@pytest.mark.parametrize(
    ("kind", "overrides"),
    [("webhook", each) for each in BAD_FOR_WEBHOOKS] + [("workflow", each) for each in BAD_FOR_WORKFLOWS],
    ids=lambda part: str(part)[:60],
)
def test_overrides_against_the_rules_are_refused(
    api: Api, session: Session, settings: Settings, editor: Person, kind: str, overrides: dict[str, Any]
) -> None:
    job = create(api, editor, wanted(settings) if kind == "webhook" else workflow(settings))
    before = contents(session)

    answer = api.post(f"/jobs/{job['id']}/execute", token=editor.token, json=overrides)

    assert answer.status == 400
    assert "secret" not in answer.text
    assert TOKEN not in answer.text
    assert contents(session) == before


def test_malformed_overrides_are_refused(api: Api, settings: Settings, editor: Person) -> None:
    job = create(api, editor, wanted(settings))

    assert api.request("POST", f"/jobs/{job['id']}/execute", token=editor.token, raw=b"{").status == 400


def test_no_transaction_is_held_while_a_target_takes_its_time(
    api: Api, session: Session, settings: Settings, router: Router, admin: Person, editor: Person, target: Target
) -> None:
    job = create(api, editor, wanted(settings, target_url=target.url))
    target.may_answer.clear()

    with ThreadPoolExecutor(max_workers=1) as thread:
        answer = thread.submit(api.post, f"/jobs/{job['id']}/execute", token=editor.token)
        assert target.was_asked.wait(timeout=30)
        out = router.engine("flask").pool.checkedout() + router.async_engine("fastapi").pool.checkedout()  # type: ignore[attr-defined]
        (running,) = session.scalars(select(JobExecution)).all()
        session.get_one(Job, job["id"]).name = "Renamed meanwhile"
        session.commit()
        target.may_answer.set()

        assert answer.result().json["status"] == "success"
    assert out == 0
    assert running.status == "running"
    session.expire_all()
    assert session.scalars(select(Job.name)).one() == "Renamed meanwhile"


def test_a_run_whose_job_is_deleted_meanwhile_ends_quietly(
    api: Api, session: Session, settings: Settings, editor: Person, target: Target
) -> None:
    job = create(api, editor, wanted(settings, target_url=target.url))
    target.may_answer.clear()

    with ThreadPoolExecutor(max_workers=1) as thread:
        answer = thread.submit(api.post, f"/jobs/{job['id']}/execute", token=editor.token)
        assert target.was_asked.wait(timeout=30)
        session.delete(session.get_one(Job, job["id"]))
        session.commit()
        target.may_answer.set()

        assert answer.result().status == 200
    assert session.scalars(select(JobExecution)).all() == []


# Trying a target


def test_a_target_is_tried_and_nothing_stored(api: Api, session: Session, editor: Person, target: Target) -> None:
    before = contents(session)

    answer = api.post(
        "/jobs/test-run",
        token=editor.token,
        json={"target_url": target.url, "metadata": {"a": 1}, "timeout_seconds": 5},
    )

    assert answer.status == 200
    assert answer.json == {"ok": True, "type": "webhook", "status_code": 200, "message": answer.json["message"]}
    assert [(asked.method, asked.body) for asked in target.asked] == [("POST", {"a": 1})]
    assert contents(session) == before


def test_a_target_that_refuses_is_told_with_its_status(api: Api, admin: Person, target: Target) -> None:
    target.status = 404

    answer = api.post("/jobs/test-run", token=admin.token, json={"target_url": target.url})

    assert answer.status == 200
    assert answer.json == {"ok": False, "type": "webhook", "status_code": 404, "message": answer.json["message"]}


def test_a_target_that_is_not_there_is_told_with_the_error(api: Api, editor: Person, unused_port: int) -> None:
    sent = {"target_url": f"http://127.0.0.1:{unused_port}/"}
    answer = api.post("/jobs/test-run", token=editor.token, json=sent)

    assert answer.status == 200
    assert answer.json.keys() == {"ok", "type", "error", "message"}
    assert (answer.json["ok"], answer.json["type"]) == (False, "webhook")


def test_a_workflow_is_tried(api: Api, settings: Settings, editor: Person) -> None:
    assert settings.github_token is None
    parts = {"github_repo": "acme/tools", "github_workflow_name": "nightly.yml", "metadata": {"ref": "main"}}
    answer = api.post("/jobs/test-run", token=editor.token, json=parts)

    assert (answer.status, answer.json["ok"], answer.json["type"]) == (200, False, "github")
    assert "token" in answer.json["error"]


@pytest.mark.parametrize(
    "change",
    [
        {"target_url": None},
        {"target_url": "ftp://example.com/"},
        {"target_url": 5},
        {"github_repo": "acme/tools", "github_workflow_name": "nightly.yml"},
        {"metadata": [1]},
        {"timeout_seconds": 0},
        {"timeout_seconds": 31},
        {"timeout_seconds": "5"},
        {"timeout_seconds": None},
        {"timeout_seconds": True},
    ],
    ids=str,
)
def test_a_trial_against_the_rules_is_refused(api: Api, editor: Person, target: Target, change: dict[str, Any]) -> None:
    answer = api.post("/jobs/test-run", token=editor.token, json={"target_url": target.url} | change)

    assert answer.status == 400
    assert target.asked == []


def test_no_transaction_is_held_while_a_target_is_tried(
    api: Api, router: Router, editor: Person, target: Target
) -> None:
    target.may_answer.clear()

    with ThreadPoolExecutor(max_workers=1) as thread:
        answer = thread.submit(api.post, "/jobs/test-run", token=editor.token, json={"target_url": target.url})
        assert target.was_asked.wait(timeout=30)
        out = router.engine("flask").pool.checkedout() + router.async_engine("fastapi").pool.checkedout()  # type: ignore[attr-defined]
        target.may_answer.set()

        assert answer.result().json["ok"] is True
    assert out == 0
