"""Both stacks as real servers, several processes each, on one database."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine, create_engine, insert, make_url, select
from sqlalchemy.exc import DBAPIError

from cronjobs.models import Job, PicTeam
from cronjobs.settings import Settings
from cronjobs.testing.worlds import PASSWORD, add_people
from crossfade import revisions
from crossfade.project import Project
from crossfade.router import Router
from crossfade.testing import postgres, servers

ROOT = Project.find().root
BINARIES = Path(sys.executable).parent
WRITES = 480


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


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real database, not a test's, with people in it."""
    path = tmp_path_factory.mktemp("real") / "real.db"
    settings = Settings.load(root=ROOT, environ={"DATABASE_URL": f"sqlite:///{path}"})
    router = Router(settings, name="arranging")
    revisions.initialise(router, Project.find(ROOT))
    add_people(router, settings)
    router.dispose()
    return path


@pytest.fixture(scope="module")
def stacks(database: Path) -> Generator[Stacks]:
    """Both on that database, in two processes each."""
    with serving(environment(DATABASE_URL=f"sqlite:///{database}", SCHEDULER_ENABLED="false"), processes=2) as both:
        yield both


@pytest.fixture
def database_url(database: Path) -> str:
    return f"sqlite:///{database}"


@pytest.fixture
def database_on_server() -> Generator[str]:
    """The same on a PostgreSQL server."""
    with postgres.embedded() as server:
        url = server.database("real").render_as_string(hide_password=False)
        settings = Settings.load(root=ROOT, environ={"DATABASE_URL": url})
        router = Router(settings, name="arranging")
        revisions.initialise(router, Project.find(ROOT))
        add_people(router, settings)
        router.dispose()
        yield url


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


def test_two_stacks_with_several_processes_write_to_one_file_and_lose_nothing(stacks: Stacks, database: Path) -> None:
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
        written = "SELECT count(DISTINCT name) FROM jobs WHERE name LIKE 'Job %'"
        assert connection.execute(written).fetchone() == (WRITES,)


def test_what_one_stack_writes_the_other_has_at_once(stacks: Stacks) -> None:
    headers = sign_in(stacks.fastapi)

    created = httpx2.post(f"{stacks.flask}/jobs", json=job(0) | {"name": "At once"}, headers=headers).json()["job"]
    read = httpx2.get(f"{stacks.fastapi}/jobs/{created['id']}", headers=headers)
    httpx2.delete(f"{stacks.fastapi}/jobs/{created['id']}", headers=headers)
    gone = httpx2.get(f"{stacks.flask}/jobs/{created['id']}", headers=headers)

    assert read.json()["job"]["name"] == "At once"
    assert gone.status_code == 404


def test_failed_logins_are_counted_by_all_processes_together_and_addresses_are_not_made_up(
    stacks: Stacks, database: Path
) -> None:
    with closing(sqlite3.connect(database)) as connection:

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


class Writers:
    """Clients of both stacks, and somebody who has never heard of either; `over` says that the freeze has returned."""

    def __init__(self, engine: Engine, stacks: Stacks) -> None:
        self._engine, self._stacks = engine, stacks
        self._headers = sign_in(stacks.flask)
        self.over = threading.Event()
        self.acknowledged: list[str] = []
        self.wild: list[str] = []

    def create(self, base: str, name: str) -> int:
        """A job by a stack: its status."""
        status = httpx2.post(
            f"{base}/jobs", json=job(0) | {"name": name}, headers=self._headers, timeout=60
        ).status_code
        if status == 201:
            self.acknowledged.append(name)
        return status

    def write(self, lane: int) -> list[int]:
        """Jobs until it is over, then some more: the statuses of these."""
        base = self._stacks.flask if lane % 2 else self._stacks.fastapi
        number = 0
        while not self.over.is_set():
            number += 1
            self.create(base, f"{lane}-{number}")
        return [self.create(base, f"{lane}-late-{late}") for late in range(3)]

    def write_past_everybody(self) -> bool:
        """Teams until one is refused that was begun when it was over; False if it wasn't."""
        while True:
            is_over, slug = self.over.is_set(), f"wild-{len(self.wild)}"
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(PicTeam).values(slug=slug, name=slug))
            except DBAPIError as error:
                if is_over:
                    return "writes are frozen" in str(error)
            else:
                self.wild.append(slug)
                if is_over:
                    return False

    def stored(self) -> tuple[set[str], set[str]]:
        with self._engine.connect() as connection:
            slugs = select(PicTeam.slug).where(PicTeam.slug.startswith("wild"))
            # Other tests' jobs are in the file, too.
            names = set(connection.scalars(select(Job.name).where(Job.name.contains("-"))))
            return names, set(connection.scalars(slugs))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_freeze_among_writers_loses_nothing_and_lets_nothing_pass(kind: str, request: pytest.FixtureRequest) -> None:
    """Another process freezes, and thaws."""
    url = request.getfixturevalue("database_on_server" if kind == "postgresql" else "database_url")
    environ = environment(DATABASE_URL=url, SCHEDULER_ENABLED="false")
    engine = create_engine(make_url(url).set(drivername="sqlite" if kind == "sqlite" else "postgresql+psycopg"))

    def crossfade(command: str) -> None:
        subprocess.run([f"{BINARIES}/crossfade", command], env=environ, check=True, capture_output=True)

    with serving(environ, processes=1) as stacks, ThreadPoolExecutor(5) as pool:
        writers = Writers(engine, stacks)
        writing = [pool.submit(writers.write, lane) for lane in range(4)]
        past_everybody = pool.submit(writers.write_past_everybody)
        while len(writers.acknowledged) < 10 or not writers.wild:
            time.sleep(0.05)
        crossfade("freeze")
        frozen = writers.stored()
        writers.over.set()
        late = [status for each in writing for status in each.result()]
        was_refused = past_everybody.result()
        after = writers.stored()
        told = (set(writers.acknowledged), set(writers.wild))
        crossfade("thaw")
        again = [writers.create(base, f"again {base}") for base in (stacks.flask, stacks.fastapi)]
    engine.dispose()

    assert late == [503] * 12
    assert was_refused
    assert after == frozen == told
    assert again == [201, 201]
