"""Both stacks as real servers, several processes each, on one database."""

import os
import sqlite3
import sys
import time
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from cronjobs.models import Job, JobExecution
from cronjobs.settings import Settings
from cronjobs.testing.worlds import PASSWORD, add_people
from crossfade import revisions
from crossfade.project import Project
from crossfade.router import Router
from crossfade.testing import servers

ROOT = Project.find().root
BINARIES = Path(sys.executable).parent
WRITES = 2000


@dataclass(frozen=True)
class Stacks:
    """Where the two are."""

    flask: str
    fastapi: str


def environment(**changes: str) -> dict[str, str]:
    """A shell's environment without what a test run sets, and with `changes`."""
    kept = {key: value for key, value in os.environ.items() if "DATABASE" not in key and key != "TESTING"}
    return kept | {"CROSSFADE_PROJECT": str(ROOT)} | changes


@contextmanager
def serving(environ: Mapping[str, str], *, processes: int) -> Generator[Stacks]:
    """gunicorn and uvicorn, with as many worker processes each."""
    flask, fastapi = servers.free_port(), servers.free_port()
    gunicorn = [f"{BINARIES}/gunicorn", "--bind", f"127.0.0.1:{flask}", "--workers", str(processes), "--threads", "4"]
    uvicorn = [f"{BINARIES}/uvicorn", "--factory", "--port", str(fastapi), "--workers", str(processes)]
    # Nothing is in front of it that knows the client better.
    uvicorn += ["--no-proxy-headers"]
    with ExitStack() as stack:
        for command, url in (
            ([*gunicorn, "cronjobs.flask_app:create_app()"], f"http://127.0.0.1:{flask}/api"),
            ([*uvicorn, "--no-access-log", "cronjobs.fastapi_app:create_app"], f"http://127.0.0.1:{fastapi}/api/v2"),
        ):
            stack.enter_context(servers.running(command, environ=environ, url=f"{url}/health"))
        yield Stacks(f"http://127.0.0.1:{flask}/api", f"http://127.0.0.1:{fastapi}/api/v2")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A real database, not a test's, with people in it."""
    path = tmp_path / "real.db"
    settings = Settings.load(root=ROOT, environ={"DATABASE_URL": f"sqlite:///{path}"})
    router = Router(settings, name="arranging")
    revisions.initialise(router, Project.find(ROOT))
    add_people(router, settings)
    router.dispose()
    return path


def job(number: int) -> dict[str, object]:
    return {
        "name": f"Job {number}",
        "cron_expression": "0 3 * * *",
        "end_date": "2099-12-31",
        "pic_team": "platform",
        "target_url": "https://example.com/hook",
    }


def sign_in(base: str) -> dict[str, str]:
    answer = httpx2.post(f"{base}/auth/login", json={"username": "admin", "password": PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_two_stacks_with_several_processes_write_to_one_file_and_lose_nothing(database: Path) -> None:
    environ = environment(DATABASE_URL=f"sqlite:///{database}", SCHEDULER_ENABLED="false")

    with serving(environ, processes=2) as stacks:
        headers = sign_in(stacks.flask)

        def write(lane: int) -> list[int]:
            base = stacks.flask if lane % 2 else stacks.fastapi
            with httpx2.Client(headers=headers, timeout=60) as client:
                numbers = range(lane, WRITES, 8)
                return [client.post(f"{base}/jobs", json=job(number)).status_code for number in numbers]

        with ThreadPoolExecutor(8) as pool:
            statuses = [status for lane in pool.map(write, range(8)) for status in lane]

    assert statuses == [201] * WRITES
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(DISTINCT name) FROM jobs").fetchone() == (WRITES,)


def test_what_one_stack_writes_the_other_has_at_once(database: Path) -> None:
    environ = environment(DATABASE_URL=f"sqlite:///{database}", SCHEDULER_ENABLED="false")

    with serving(environ, processes=1) as stacks:
        headers = sign_in(stacks.fastapi)
        created = httpx2.post(f"{stacks.flask}/jobs", json=job(1), headers=headers).json()["job"]
        read = httpx2.get(f"{stacks.fastapi}/jobs/{created['id']}", headers=headers)
        httpx2.delete(f"{stacks.fastapi}/jobs/{created['id']}", headers=headers)
        gone = httpx2.get(f"{stacks.flask}/jobs/{created['id']}", headers=headers)

    assert read.json()["job"]["name"] == "Job 1"
    assert gone.status_code == 404


def test_failed_logins_are_counted_by_all_processes_together_and_addresses_are_not_made_up(database: Path) -> None:
    environ = environment(DATABASE_URL=f"sqlite:///{database}", SCHEDULER_ENABLED="false")

    with serving(environ, processes=2) as stacks, closing(sqlite3.connect(database)) as connection:

        def sign_in(base: str, name: str, password: str, number: int = 0) -> int:
            # A connection each, so that the processes take turns.
            forged = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
            credentials = {"username": name, "password": password}
            return httpx2.post(f"{base}/auth/login", json=credentials, headers=forged).status_code

        both = (stacks.flask, stacks.fastapi)
        account = [sign_in(both[number % 2], "viewer", "not it", number) for number in range(20)]
        waiting = [sign_in(base, "viewer", PASSWORD) for base in both for _ in range(4)]
        rows = connection.execute("SELECT failures FROM login_attempts").fetchall()
        connection.execute("UPDATE login_attempts SET failures = failures + 40")
        connection.commit()
        address = [sign_in(base, "admin", PASSWORD, number) for base in both for number in range(4)]
        connection.execute("UPDATE login_attempts SET since = datetime(since, '-1 minute') || '.000000'")
        connection.commit()
        over = [sign_in(base, name, PASSWORD) for base in both for name in ("viewer", "admin")]

    assert account == [401] * 20
    assert waiting == [429] * 8
    assert rows == [(20,), (20,)], "one account, one address"
    assert address == [429] * 8
    assert over == [200] * 4


def test_servers_under_testing_fire_nothing_whatever_else_is_set(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'due_test.db'}"
    environ = environment(TESTING="true", TEST_DATABASE_URL=url, SCHEDULER_ENABLED="true", SCHEDULER_POLL_SECONDS="0.1")
    router = Router(Settings.load(root=ROOT, environ=environ), name="arranging")
    revisions.initialise(router, Project.find(ROOT))
    with router.session("flask") as session:
        session.add(Job(name="Due", cron_expression="* * * * *", target_url="http://127.0.0.1:9/"))

    with serving(environ, processes=1) as stacks:
        health = [httpx2.get(f"{base}/health").json() for base in (stacks.flask, stacks.fastapi)]
        # Twenty times the poll: a scheduler that ran would have planned the job by now, and claimed it within a minute.
        time.sleep(2)
        with router.session("flask") as session:
            planned = session.query(Job.planned_at, Job.next_run_at).one()
            executions = session.query(JobExecution).count()

    router.dispose()
    assert [each["scheduler_running"] for each in health] == [False, False]
    assert tuple(planned) == (None, None)
    assert executions == 0
