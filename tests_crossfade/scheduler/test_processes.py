"""Several processes of both stacks claim from one database, and some are killed: no double, none missing."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cronjobs.models import Job, JobExecution, SchedulerNode
from cronjobs.services import runs
from cronjobs.services.runs import leases
from crossfade import clock
from crossfade.project import Project

JOBS = 150
CLAIMER = Path(__file__).with_name("claimer.py")


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


def variables(world):
    """What leads a process to the world's database."""
    url = world.router.route("flask").url
    return {
        "TESTING": "true",
        "TEST_DATABASE_URL": url.render_as_string(hide_password=False),
        "CROSSFADE_PROJECT": str(Project.find().root),
    }


class Claimer:
    """A process that claims when it is told to, one of several that have one parent."""

    def __init__(self, node):
        self.node = node
        self.hears, tells = os.pipe()
        listens, self.speaks = os.pipe()
        self._tells, self._listens = os.fdopen(tells, "w"), os.fdopen(listens)

    def said(self):
        return self._listens.readline().strip()

    def said_until_the_end(self):
        return [line.strip() for line in self._listens]

    def go(self, seconds=""):
        self._tells.write(f"go {seconds}\n")
        self._tells.flush()

    def close(self):
        self._tells.close()
        self._listens.close()


@pytest.fixture
def start(world, environ, journal):
    """Starts claimers for these nodes, which wait; returns them and their ids. What still runs at the end is killed."""
    with ExitStack() as stack:

        def claimers(*nodes):
            made = [Claimer(node) for node in nodes]
            theirs = [descriptor for each in made for descriptor in (each.hears, each.speaks)]
            words = [str(word) for each in made for word in (each.node, each.hears, each.speaks)]
            command = [sys.executable, CLAIMER, journal, *words]
            parent = stack.enter_context(
                subprocess.Popen(command, env=environ | variables(world), pass_fds=theirs, start_new_session=True)
            )
            for each in made:
                stack.callback(each.close)
            stack.callback(os.killpg, parent.pid, signal.SIGKILL)
            for descriptor in theirs:
                os.close(descriptor)
            ready = [each.said().split() for each in made]
            assert {word for word, _ in ready} == {"ready"}
            return made, [int(process) for _, process in ready]

        yield claimers


def said(process):
    return process.stdout.readline().strip()


def test_of_several_processes_that_are_killed_none_doubles_and_none_misses_a_run(start, journal, session, write):
    due = clock.naive_utc() - timedelta(seconds=2)
    now = clock.naive_utc()
    with session.begin():
        session.add_all(
            Job(
                name=f"job {number}",
                cron_expression="0 0 1 1 *",
                target_url="http://127.0.0.1:9/",
                next_run_at=due,
                updated_at=now,
                planned_at=now,
            )
            for number in range(JOBS)
        )
    (*claimers, spare), processes = start("flask-1", "flask-2", "fastapi-1", "fastapi-2", "flask-3")

    for each in claimers:
        each.go()
    for each, process, batches in zip(claimers[:3], processes, (1, 3, 5), strict=False):
        for _ in range(batches):
            each.said()
        # The others may have left it nothing to do, and it has ended.
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    spare.go()
    ends = [*claimers[3].said_until_the_end(), *spare.said_until_the_end()]
    assert ends.count("done") == 2

    executed = Counter(tuple(line.split()[:2]) for line in journal.read_text().splitlines())
    scheduled = select(JobExecution.job_id).where(JobExecution.scheduled_for.is_not(None))
    rows = Counter(session.scalars(scheduled).all())
    assert set(executed.values()) == {1}
    assert len(rows) == JOBS
    assert set(rows.values()) == {1}
    assert session.scalar(select(func.count()).select_from(Job).where(Job.next_run_at <= clock.naive_utc())) == 0

    # What a killed process had claimed and not finished does not stay "running".
    unfinished = session.scalar(select(func.count()).where(JobExecution.status == "running"))
    assert write(runs.reap, now=clock.now() + leases.LEASE + timedelta(minutes=1)) == unfinished
    session.rollback()
    assert session.scalar(select(func.count()).where(JobExecution.status == "running")) == 0


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_a_clock_that_is_wrong_makes_no_run_early_double_missing_or_given_up(start, journal, session, write, add_job):
    add_job("goes on")
    (held,) = write(runs.claim_due, node="elsewhere", stack="flask", zone=clock.now().tzinfo).claims
    due = clock.naive_utc() + timedelta(seconds=4)
    dues = {add_job(f"job {number}", next_run_at=due): due for number in range(10)}
    for number in range(30):
        due += timedelta(milliseconds=70)
        dues[add_job(f"later {number}", next_run_at=due)] = due
    claimers, _ = start("flask-1:-5", "fastapi-2:5", "flask-3:3600")
    early = session.scalar(select(func.count()).where(JobExecution.job_id.in_(dues)))

    for each in claimers:
        each.go((due - clock.naive_utc()).total_seconds() + 0.2)
    assert [each.said_until_the_end()[-1] for each in claimers] == ["done"] * 3

    called = [line.split()[0] for line in journal.read_text().splitlines()]
    rows = session.scalars(select(JobExecution).where(JobExecution.job_id.in_(dues))).all()
    assert early == 0
    assert sorted(called) == sorted(row.job_id for row in rows) == sorted(dues)
    assert {row.state for row in rows} == {"success"}
    assert all(dues[row.job_id] == row.scheduled_for <= row.started_at <= row.completed_at for row in rows)
    # The clock that is an hour fast has taken nobody's lease for over.
    assert session.get(JobExecution, held.execution_id).state == "running"


ENDING = """
import atexit, sys
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.settings import load
from crossfade.router import Router

settings = load()
router = Router(settings)
atexit.register(router.dispose)
scheduler = Scheduler(router, settings, "flask")
scheduler.start()
atexit.register(scheduler.stop)
sys.stdin.readline()
"""


def test_a_process_that_ends_in_order_writes_down_the_runs_in_flight(world, environ, target, add_job, session):
    """By then the interpreter gives no more threads."""

    async def slow(_, writer):
        await asyncio.sleep(0.5)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    add_job(target_url=target.does("/slow", slow))
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", ENDING],
        env=environ | variables(world) | {"WEBHOOK_ALLOW_PRIVATE": "true"},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not target.received:
            time.sleep(0.01)
        _, errors = process.communicate("end\n", timeout=30)

    assert (process.returncode, errors) == (0, "")
    assert session.scalars(select(JobExecution.status)).all() == ["success"]
    assert session.scalars(select(SchedulerNode)).all() == []


IDLE = """
import sys
from cronjobs.fastapi_app import create_app as fastapi
from cronjobs.flask_app import create_app as flask
from starlette.testclient import TestClient

made = flask()
with TestClient(fastapi()) as client:
    assert made.extensions["cronjobs"].scheduler is None
    assert client.app.state.cronjobs.scheduler is None
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_under_testing_a_process_fires_nothing_beside_one_that_does(world, environ, target, add_job, session):
    """Both stacks are up in it, on the very database on which another process's scheduler is at work."""
    target.answers("/hook")
    job = {"target_url": target.url("/hook"), "cron_expression": "0 0 1 1 *"}
    add_job("before", **job)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:

        def process(code):
            command = [sys.executable, "-c", code]
            env = environ | variables(world) | {"SCHEDULER_ENABLED": "true", "WEBHOOK_ALLOW_PRIVATE": "true"}
            begun = stack.enter_context(subprocess.Popen(command, env=env, **pipes))
            stack.callback(begun.kill)
            return begun

        idle = process(IDLE)
        assert said(idle) == "ready"
        time.sleep(2)
        session.rollback()
        assert session.scalars(select(JobExecution.id)).all() == session.scalars(select(SchedulerNode.id)).all() == []

        firing = process(ENDING)
        for number in range(3):
            add_job(f"meanwhile {number}", **job)
        while len(target.received) < 4:
            time.sleep(0.05)
        for each in (firing, idle):
            each.communicate("end\n", timeout=30)
    session.rollback()
    owners = {owner.split(":")[2] for owner in session.scalars(select(JobExecution.owner))}
    assert owners == {str(firing.pid)}


FREEZING = """
import sys, time
from cronjobs.scheduler import runner
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.settings import load
from crossfade.router import Router

perform = runner.perform

async def frozen(*args, **kwargs):
    print("claimed", flush=True)
    time.sleep(3)  # in which somebody stops the process
    return await perform(*args, **kwargs)

runner.perform = frozen
settings = load()
router = Router(settings)
scheduler = Scheduler(router, settings, "flask")
scheduler.start()
sys.stdin.readline()
scheduler.stop()
router.dispose()
"""


def stop(_session, process):
    """Stops it outside a write of its own: whoever calls this holds SQLite's only write lock."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def test_a_process_that_froze_between_claim_and_call_sends_nothing_when_it_wakes(
    world, environ, target, add_job, session, write
):
    """Longer than its lease, so that another has closed the run meanwhile. A lease of the test lasts two seconds."""
    add_job(target_url=target.answers("/hook"))
    shorter = "import datetime\nfrom cronjobs.scheduler import flights\nfrom cronjobs.services.runs import leases\n"
    shorter += "leases.LEASE = datetime.timedelta(seconds=2)\nflights._MARGIN = datetime.timedelta(seconds=0.2)\n"
    with subprocess.Popen(
        [sys.executable, "-c", shorter + FREEZING],
        env=environ | variables(world) | {"WEBHOOK_ALLOW_PRIVATE": "true"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert said(process) == "claimed"
            write(stop, process)
            while not write(runs.reap):
                time.sleep(0.2)
        finally:
            process.send_signal(signal.SIGCONT)
        process.communicate("end\n", timeout=60)

    assert target.received == []
    assert session.scalars(select(JobExecution.state)).all() == ["unknown"]
