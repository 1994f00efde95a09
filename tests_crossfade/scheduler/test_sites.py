"""A process that ticks on two databases: the anchor rules, and a job that is in both is fired once."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from cronjobs.models import Job, JobExecution, SchedulerControl, SchedulerNode
from cronjobs.scheduler import nodes
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.services import backlog, runs
from cronjobs.settings import Settings
from crossfade import clock, revisions
from crossfade.database.sessions import begin_write
from crossfade.project import Project
from crossfade.router import Router

NEVER = "0 0 1 1 *"


@pytest.fixture
def settings(tmp_path):
    """Separate databases, in files; like production's but for the private targets."""
    environ = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'flask.db'}",
        "FASTAPI_DATABASE_URL": f"sqlite:///{tmp_path / 'fastapi.db'}",
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "SCHEDULER_POLL_SECONDS": "0.1",
    }
    return Settings.load(root=tmp_path, environ=environ)


@pytest.fixture
def router(settings):
    made = Router(settings, name="tests")
    revisions.initialise(made, Project.find())
    yield made
    made.dispose()


@pytest.fixture
def add(router, target):
    """Stores a job in the databases of these stacks, due now; its id."""
    target.answers("/hook")

    def job(name, *stacks, **fields):
        now = clock.naive_utc()
        stamps = {"created_at": now, "updated_at": now, "planned_at": now}
        values = {
            "cron_expression": NEVER,
            "target_url": target.url("/hook"),
            "next_run_at": now - timedelta(seconds=1),
        }
        for stack in stacks:
            with router.session(stack) as session:
                session.add(Job(**{"id": name, "name": name, **values, **stamps, **fields}))
        return name

    return job


@pytest.fixture
def found(router):
    """The runs of a stack's database: job → states."""

    def look(stack):
        with router.session(stack) as session:
            rows = session.execute(select(JobExecution.job_id, JobExecution.state)).all()
            return {job_id: sorted(state for other, state in rows if other == job_id) for job_id, _ in rows}

    return look


@pytest.fixture
def start(router, settings):
    started = []

    def scheduler(stack, **changes):
        started.append(Scheduler(router, settings.model_copy(update=changes), stack))
        started[-1].start()

    yield scheduler
    for each in started:
        each.stop()


def test_each_job_is_fired_once_wherever_it_is_and_whoever_ticks(add, found, start, router, target, eventually):
    add("flask", "flask")
    add("fastapi", "fastapi")
    add("both", "flask", "fastapi")

    start("flask")
    start("fastapi")

    eventually(lambda: found("flask") == {"flask": ["success"], "both": ["success"]})
    eventually(lambda: found("fastapi") == {"fastapi": ["success"]})
    with router.session("fastapi") as session:
        # The copy is moved on, so that it holds up no other.
        eventually(lambda: session.get(Job, "both", populate_existing=True).next_run_at > clock.naive_utc())
    assert len(target.received) == 3

    def stacks():
        with router.session("flask") as session:
            return Counter(session.scalars(select(SchedulerNode.stack)))

    eventually(lambda: stacks() == {"flask": 1, "fastapi": 1})
    with router.session("fastapi") as session:
        assert session.scalars(select(SchedulerNode.id)).all() == []


def test_copies_make_no_run_late_and_are_never_overdue(add, found, start, router, eventually):
    overnight = {"next_run_at": clock.naive_utc() - timedelta(hours=8)}
    for number in range(2 * runs.BATCH + 1):
        add(f"copy {number}", "flask", "fastapi", **overnight)
    with router.session("flask") as session:
        session.execute(update(Job).values(next_run_at=None))
    add("own", "fastapi")
    with router.session("fastapi") as session:
        assert backlog.overdue_seconds(session) > 3600

    # One pass, which is at once: the next would be a minute later.
    start("fastapi", scheduler_poll_seconds=60)

    eventually(lambda: found("fastapi") == {"own": ["success"]})
    assert found("flask") == {}
    for stack in ("flask", "fastapi"):
        with router.session(stack) as session:
            assert backlog.overdue_seconds(session) == 0
            assert nodes.status(session).counts["due_jobs"] == 0


def test_a_run_that_was_copied_while_it_waited_is_not_overdue_for_long(add, found, start, router, eventually):
    add("both", "flask", "fastapi", next_run_at=None)
    waited = clock.naive_utc() - timedelta(hours=8)
    with router.session("fastapi") as session:
        stamps = {"started_at": waited, "due_at": waited, "scheduled_for": waited}
        session.add(JobExecution(job_id="both", state="due", status="running", trigger_type="scheduled", **stamps))

    start("flask")

    eventually(lambda: found("fastapi") == {"both": ["skipped"]})
    with router.session("fastapi") as session:
        assert backlog.overdue_seconds(session) == 0


def claim(router, settings, stack="fastapi"):
    with router.session("flask") as anchor, router.session("fastapi") as session:
        options = {"node": "n", "stack": stack, "zone": settings.zone, "anchor": anchor}
        return [each.job_id for each in runs.claim_due(begin_write(session), **options).claims]


def test_the_switch_of_the_anchor_rules_in_the_other_database(add, router, settings):
    add("fastapi", "fastapi")
    for stack, owner in (("flask", "off"), ("fastapi", "both")):
        with router.session(stack) as session:
            session.add(SchedulerControl(id=1, owner=owner))

    assert claim(router, settings) == []

    with router.session("flask") as session:
        session.execute(update(SchedulerControl).values(owner="fastapi"))
    assert claim(router, settings, "flask") == []
    assert claim(router, settings, "fastapi") == ["fastapi"]


def test_without_the_anchor_nothing_is_fired(add, found, start, router, caplog, eventually):
    add("fastapi", "fastapi")
    with router.session("flask") as session:
        session.execute(text("ALTER TABLE scheduler_control RENAME TO hidden"))
    start("fastapi")
    eventually(lambda: "can't claim on the database of fastapi" in caplog.text)

    assert found("fastapi") == {}

    with router.session("flask") as session:
        session.execute(text("ALTER TABLE hidden RENAME TO scheduler_control"))
    eventually(lambda: found("fastapi") == {"fastapi": ["success"]})


def test_rows_that_were_copied_while_their_runs_went_on_are_closed_and_told_to_nobody(add, router, found):
    """In the other database they would wait, or run, for ever: their runs go on in the anchor."""
    add("both", "flask", "fastapi")
    add("own", "fastapi")
    past = clock.naive_utc() - timedelta(minutes=5)
    common = {"trigger_type": "scheduled", "status": "running", "started_at": past}
    with router.session("fastapi") as session:
        for job_id in ("both", "own"):
            lease = {"state": "running", "owner": "gone", "lease_until": past}
            session.add(JobExecution(job_id=job_id, scheduled_for=past, **lease, **common))
            due = {"state": "due", "due_at": past, "attempt": 0}
            session.add(JobExecution(job_id=job_id, scheduled_for=past + timedelta(minutes=1), **due, **common))

    with router.session("flask") as anchor, router.session("fastapi") as session:
        runs.reap(begin_write(session), anchor=anchor)

    assert found("fastapi") == {"both": ["skipped", "unknown"], "own": ["due", "unknown"]}
