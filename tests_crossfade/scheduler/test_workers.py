"""Runs are handed to workers: real processes, in groups of their own, of which some are killed."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from cronjobs.models import Job, JobExecution, SchedulerControl
from cronjobs.scheduler import gate, nodes
from cronjobs.scheduler.drill import target as targets
from cronjobs.scheduler.executors.errors import ExecutorError
from cronjobs.settings import Settings
from crossfade import clock, revisions
from crossfade.project import Project
from crossfade.router import Router

pytest.importorskip("procrastinate", reason="workers are an extra")
from cronjobs.scheduler.executors import chosen, queue
from cronjobs.scheduler.executors.worker import Worker

PATIENCE = 180


class Place:
    """A database on PostgreSQL, and processes that know it."""

    def __init__(self, folder, url, environ, ends):
        shutil.copy(Project.find().root / "pyproject.toml", folder)
        self.url = url.render_as_string(hide_password=False)
        self.environ = {name: value for name, value in environ.items() if not name.startswith("TEST")} | {
            "PATH": os.environ["PATH"],
            "CROSSFADE_PROJECT": str(folder),
            "DATABASE_URL": self.url,
            "SCHEDULER_EXECUTOR": "procrastinate",
            "WEBHOOK_ALLOW_PRIVATE": "true",
        }
        self.settings = Settings.load(root=folder, environ=self.environ)
        self.router = Router(self.settings, name="test")
        self.engine = self.router.engine("flask")
        self._ends = ends
        ends.callback(self.router.dispose)

    def fire(self):
        """Claims and hands over from now on, in this process."""
        scheduler = gate.open_scheduler(self.router, self.settings, "flask")
        self._ends.callback(scheduler.stop)

    def start(self, *words):
        process = subprocess.Popen(
            [sys.executable, *words],
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._ends.enter_context(process)
        self._ends.callback(process.kill)
        return process

    def worker(self):
        return self.start("-m", "crossfade", "worker", "--concurrency", "5")

    def add(self, count, address, **fields):
        now = clock.naive_utc()
        values = {"cron_expression": f"0 0 1 {(now.month + 5) % 12 + 1} *", "next_run_at": now - timedelta(seconds=1)}
        stamps = {"created_at": now, "updated_at": now, "planned_at": now}
        with self.engine.begin() as connection:
            for number in range(count):
                where = {"id": f"job{number}", "name": f"job {number}", "target_url": f"{address}/hook/{number}"}
                connection.execute(Job.__table__.insert().values(**where, **values, **stamps, **fields))

    def states(self):
        with self.engine.connect() as connection:
            counted = select(JobExecution.state, func.count()).group_by(JobExecution.state)
            return dict(connection.execute(counted).all())

    def wait_for(self, states):
        latest = time.monotonic() + PATIENCE
        while self.states() != states:
            assert time.monotonic() < latest, self.states()
            time.sleep(0.1)


@pytest.fixture
def ends():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def place(tmp_path, server, environ, ends):
    made = Place(tmp_path, server.database("workers"), environ, ends)
    revisions.initialise(made.router, Project.find())
    queue.make(made.engine)
    return made


@pytest.fixture
def address(place):
    serving = place.start("-m", "cronjobs.scheduler.drill.target")
    return f"http://127.0.0.1:{serving.stdout.readline().strip()}"


def test_what_a_killed_worker_had_is_tried_again_and_nothing_is_lost_or_doubled(place, address):
    targets.reset(address, delay=0.3)
    place.add(40, address, on_crash="retry", overlap_policy="allow")
    place.fire()
    first, _second = place.worker(), place.worker()
    latest = time.monotonic() + PATIENCE
    while len(targets.received(address)) < 8 and time.monotonic() < latest:
        time.sleep(0.05)

    os.killpg(first.pid, signal.SIGKILL)
    # Nobody has to wait for the end of the lease.
    with place.engine.begin() as connection:
        gone = f":{first.pid}:"
        owned = JobExecution.owner.contains(gone) & (JobExecution.state == "running")
        connection.execute(update(JobExecution).where(owned).values(lease_until=clock.naive_utc()))

    place.wait_for({"success": 40})
    calls = targets.received(address)
    assert len({call.id for call in calls}) == 40
    assert set(Counter((call.id, call.attempt) for call in calls).values()) == {1}
    with place.engine.connect() as connection:
        owners = set(connection.scalars(select(JobExecution.owner)))
        rows = connection.execute(select(JobExecution.id, JobExecution.attempt))
        attempts = dict(rows.all())
    assert not any(f":{os.getpid()}:" in owner for owner in owners)
    assert all(call.attempt <= attempts[call.id] for call in calls)


def test_a_worker_of_the_other_database_is_among_the_anchors_nodes(tmp_path, server, environ):
    urls = [server.database(name).render_as_string(hide_password=False) for name in ("anchor_nodes", "other_nodes")]
    settings = Settings.load(
        root=tmp_path,
        environ=environ
        | {"DATABASE_URL": urls[0], "FASTAPI_DATABASE_URL": urls[1], "SCHEDULER_EXECUTOR": "procrastinate"},
    )
    router = Router(settings, name="test")
    revisions.initialise(router, Project.find())
    queue.make(router.engine("fastapi"))

    def seen(stack):
        with router.session(stack) as session:
            return [node.stack for node in nodes.standing(session).nodes]

    async def work():
        working = asyncio.create_task(Worker(router, settings, chosen(settings), stack="fastapi", concurrency=1).run())
        latest = time.monotonic() + PATIENCE
        while not (listed := seen("flask")):
            assert time.monotonic() < latest
            await asyncio.sleep(0.05)
        with router.session("flask") as session:
            assert nodes.standing(session).last_pass is None
        os.kill(os.getpid(), signal.SIGTERM)
        await working
        return listed

    assert asyncio.run(work()) == ["fastapi"]
    assert (seen("flask"), seen("fastapi")) == ([], [])
    router.dispose()


def test_a_failed_run_is_handed_over_again_the_switch_holds_everything_up_and_sigterm_ends_it(place, address):
    place.add(1, address, max_retries=1, retry_delay_seconds=1)
    with place.engine.begin() as connection:
        connection.execute(update(Job).values(target_url=f"{address}/flaky/1"))
        connection.execute(SchedulerControl.__table__.delete())
        connection.execute(SchedulerControl.__table__.insert().values(id=1, owner="off"))
    place.fire()
    worker = place.worker()
    time.sleep(3)
    assert (place.states(), targets.received(address)) == ({}, [])

    with place.engine.begin() as connection:
        connection.execute(update(SchedulerControl).values(owner="both"))

    place.wait_for({"success": 1})
    assert [call.attempt for call in targets.received(address)] == [1, 2]
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=PATIENCE) == 0


def test_the_queue_is_made_once_is_no_drift_and_is_not_copied(place, in_process, tmp_path):
    again = in_process("worker", "--init", **place.environ)
    looked = in_process("init", "--check", "--json", **place.environ)
    to = f"sqlite:///{tmp_path}/copy.db"
    assert in_process("init", "--url", to, **place.environ).returncode == 0
    copied = in_process("copy", "--source", place.url, "--target", to, "--dry-run", **place.environ)

    assert again.returncode == 0, again.stderr
    assert looked.returncode == 0, looked.stdout
    assert "procrastinate" not in json.dumps(json.loads(looked.stdout))
    assert copied.returncode == 0, copied.stderr
    assert "job_executions" in copied.stdout
    assert "procrastinate" not in copied.stdout


def test_sqlite_is_refused_by_workers_and_by_who_would_hand_over(place, in_process, tmp_path):
    variables = place.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/some.db"}
    settings = Settings.load(root=tmp_path, environ=variables)
    router = Router(settings, name="test")
    revisions.initialise(router, Project.find())

    worker = in_process("worker", **variables)

    assert worker.returncode == 2
    assert "needs PostgreSQL" in worker.stderr
    with pytest.raises(ExecutorError, match="SCHEDULER_EXECUTOR=procrastinate needs PostgreSQL"):
        gate.open_scheduler(router, settings, "flask")
    router.dispose()


def test_a_worker_without_work_says_so(place, in_process):
    worker = in_process("worker", **(place.environ | {"SCHEDULER_EXECUTOR": "local"}))

    assert worker.returncode == 2
    assert "SCHEDULER_EXECUTOR is local" in worker.stderr
