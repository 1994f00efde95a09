"""What Prometheus reads of either stack."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

from cronjobs.models import SchedulerControl, SchedulerNode
from cronjobs.settings import Settings
from cronjobs.testing.client import Answer, Api
from cronjobs.testing.jobs import store, store_execution
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import Person
from crossfade import clock

Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(answer: Answer) -> Samples:
    assert answer.status == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_are_text_that_needs_no_token_at_the_root_and_below_the_prefix(api: Api) -> None:
    below, root = api.get("/metrics"), api.sender.send("GET", "/metrics", {}, None)

    assert below.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert samples(below).keys() == samples(root).keys()
    assert not [name for name, _ in samples(root) if name.endswith("_created")]


def test_the_state_of_the_scheduler_is_measured(api: Api, session: Session, settings: Settings) -> None:
    now = clock.naive_utc()
    session.add(SchedulerControl(id=1, owner="fastapi"))
    for stack, age in (("flask", 1), ("flask", 2), ("fastapi", 300)):
        beat = now - timedelta(seconds=age)
        session.add(SchedulerNode(stack=stack, host="here", process=age, started_at=beat, heartbeat_at=beat))
    job = store(session, settings, name="A secret name", next_run_at=now - timedelta(minutes=10))
    waiting = {"status": "running", "state": "due"}
    store_execution(session, job, **waiting, due_at=now - timedelta(hours=1))
    store_execution(session, job, **waiting, due_at=now + timedelta(hours=1))
    store_execution(session, job, status="failed", state="missed")
    store_execution(session, job, status="failed", state="unknown", started_at=now - timedelta(hours=2))

    answer = api.get("/metrics")
    found = samples(answer)

    owners = {labels[0]: value for (name, labels), value in found.items() if name == "cronjobs_scheduler_owner"}
    assert owners == {"flask": 0, "fastapi": 1, "both": 0, "off": 0}
    assert found["cronjobs_scheduler_nodes", ("flask",)] == 2
    assert found["cronjobs_scheduler_nodes", ("fastapi",)] == 0
    assert found["cronjobs_due_runs", ()] == 2
    assert 3600 <= found["cronjobs_due_seconds", ()] < 3720
    assert 3600 <= found["cronjobs_overdue_seconds", ()] < 3720
    assert found["cronjobs_open_runs", ("due",)] == 2
    assert found["cronjobs_recent_runs", ("missed",)] == 1
    assert found["cronjobs_recent_runs", ("unknown",)] == 0
    assert not [secret for secret in ("A secret name", job.id, "here") if secret in answer.text]


@pytest.mark.parametrize(("status", "outcome"), [(200, "success"), (500, "failed")])
def test_attempts_are_counted_where_they_are_made(
    api: Api, session: Session, settings: Settings, admin: Person, target: Target, status: int, outcome: str
) -> None:
    job = store(session, settings, target_url=target.url)
    before = samples(api.get("/metrics"))
    target.status = status

    api.post(f"/jobs/{job.id}/execute", token=admin.token)

    after = samples(api.get("/metrics"))
    grown = {key: after[key] - value for key, value in before.items() if key[0].startswith("cronjobs_attempts")}
    assert {key: value for key, value in grown.items() if value} == {
        ("cronjobs_attempts_started_total", ("manual",)): 1,
        ("cronjobs_attempts_ended_total", tuple(sorted(("manual", outcome)))): 1,
    }
