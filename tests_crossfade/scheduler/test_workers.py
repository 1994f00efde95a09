"""Runs are handed to workers: real processes, in groups of their own, of which some are killed."""

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
from sqlalchemy import create_engine, func, select, update

from cronjobs.models import Job, JobExecution, SchedulerControl
from cronjobs.scheduler.drill import target as targets
from crossfade import clock
from crossfade.project import Project

pytest.importorskip("procrastinate", reason="workers are an extra")

PATIENCE = 180
TICKING = """
import sys
from cronjobs.scheduler.gate import open_scheduler
from cronjobs.settings import load
from crossfade.router import Router

settings = load()
scheduler = open_scheduler(Router(settings, name="test"), settings, "flask")
print("ready", flush=True)
sys.stdin.read()
scheduler.stop()
"""


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
        self.engine = create_engine(url.set(drivername="postgresql+psycopg"))
        self._ends = ends
        ends.callback(self.engine.dispose)

    def crossfade(self, *words, **variables):
        command = [sys.executable, "-m", "crossfade", *words]
        return subprocess.run(
            command, env=self.environ | variables, capture_output=True, text=True, check=False, timeout=PATIENCE
        )

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
    assert made.crossfade("init").returncode == 0
    assert made.crossfade("worker", "--init").returncode == 0
    return made


@pytest.fixture
def address(place):
    serving = place.start("-m", "cronjobs.scheduler.drill.target")
    return f"http://127.0.0.1:{serving.stdout.readline().strip()}"


def test_what_a_killed_worker_had_is_tried_again_and_nothing_is_lost_or_doubled(place, address):
    targets.reset(address, delay=0.3)
    place.add(40, address, on_crash="retry", overlap_policy="allow")
    ticking = place.start("-c", TICKING)
    assert ticking.stdout.readline() == "ready\n"
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
    assert not any(f":{ticking.pid}:" in owner for owner in owners)
    assert all(call.attempt <= attempts[call.id] for call in calls)


def test_a_failed_run_is_handed_over_again_and_the_switch_holds_everything_up(place, address):
    place.add(1, address, max_retries=1, retry_delay_seconds=1)
    with place.engine.begin() as connection:
        connection.execute(update(Job).values(target_url=f"{address}/flaky/1"))
        connection.execute(SchedulerControl.__table__.delete())
        connection.execute(SchedulerControl.__table__.insert().values(id=1, owner="off"))
    ticking = place.start("-c", TICKING)
    assert ticking.stdout.readline() == "ready\n"
    place.worker()
    time.sleep(3)
    assert (place.states(), targets.received(address)) == ({}, [])

    with place.engine.begin() as connection:
        connection.execute(update(SchedulerControl).values(owner="both"))

    place.wait_for({"success": 1})
    assert [call.attempt for call in targets.received(address)] == [1, 2]


def test_a_worker_ends_in_order_when_it_is_told_to(place, address):
    worker = place.worker()
    time.sleep(4)

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=PATIENCE) == 0


def test_the_queue_is_made_once_is_no_drift_and_is_not_copied(place, tmp_path):
    again, looked = place.crossfade("worker", "--init"), place.crossfade("init", "--check", "--json")
    copied = place.crossfade("copy", "--source", place.url, "--target", f"sqlite:///{tmp_path}/copy.db", "--dry-run")

    assert again.returncode == 0, again.stderr
    assert looked.returncode == 0, looked.stdout
    assert "procrastinate" not in json.dumps(json.loads(looked.stdout))
    assert "procrastinate" not in copied.stdout


def test_sqlite_is_refused_by_workers_and_by_who_would_hand_over(place, tmp_path):
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/some.db"}
    assert place.crossfade("init", **variables).returncode == 0

    worker = place.crossfade("worker", **variables)
    serving = subprocess.run(
        [sys.executable, "-c", TICKING], env=place.environ | variables, capture_output=True, text=True, check=False
    )

    assert worker.returncode == 2
    assert "needs PostgreSQL" in worker.stderr
    assert serving.returncode == 1
    assert "SCHEDULER_EXECUTOR=procrastinate needs PostgreSQL" in serving.stderr


def test_a_worker_without_work_says_so(place):
    worker = place.crossfade("worker", SCHEDULER_EXECUTOR="local")

    assert worker.returncode == 2
    assert "SCHEDULER_EXECUTOR is local" in worker.stderr
