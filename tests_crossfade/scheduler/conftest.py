"""Databases with the application's schema, targets that behave badly, and processes that claim."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from cronjobs.models import Job, JobExecution
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.services import runs
from cronjobs.services.calls import Call
from cronjobs.settings import Settings
from cronjobs.testing import worlds
from crossfade import clock
from crossfade.database.sessions import begin_write
from crossfade.project import Project

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PATIENCE = 60.0
"""Seconds after which a test believes no more that something will happen."""

# --- databases --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def open_world(tmp_path_factory, server):
    """Makes a world in a database of a kind, once."""
    with ExitStack() as stack:
        made = {}

        def world(kind):
            if kind not in made:
                place = tmp_path_factory.mktemp("scheduler")
                url = f"sqlite:///{place / 'test.db'}" if kind == "sqlite" else server.database("scheduler_test")
                made[kind] = stack.enter_context(worlds.world(url, Project.find().root))
            return made[kind]

        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request, open_world):
    """A database with people and without jobs, of each kind; put back after the test."""
    chosen = open_world(request.param)
    yield chosen
    chosen.restore()


@pytest.fixture
def router(world):
    return world.router


@pytest.fixture
def settings(world) -> Settings:
    """Settings under which a scheduler ticks, were it not for the gate; private targets are allowed."""
    return world.settings.model_copy(update={"scheduler_poll_seconds": 0.1})


@pytest.fixture
def session(router):
    """For arranging and looking; it sees what others commit."""
    with router.session_factory("flask")() as opened:
        yield opened


@pytest.fixture
def write(router):
    """Calls a service in a unit of work of its own."""

    def call(service, *args, **kwargs):
        with router.session("flask") as opened:
            return service(begin_write(opened), *args, **kwargs)

    return call


@pytest.fixture
def add_job(router):
    """Stores a job, due `ago` ago unless told otherwise, planned as the services would have.

    Once a year, so that a test which takes long, or crosses the end of a minute, sees no second tick.
    """

    def add(name="nightly", *, ago=timedelta(seconds=1), **fields):
        now = clock.naive_utc()
        due = now - ago
        values = {"cron_expression": "0 0 1 1 *", "target_url": "http://127.0.0.1:9/hook", "next_run_at": due}
        stamps = {"created_at": now, "updated_at": now, "planned_at": now}
        job = Job(**{"name": name, **values, **stamps, **fields})
        with router.session("flask") as opened:
            opened.add(job)
        return job.id

    return add


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def zone(settings):
    return settings.zone


@pytest.fixture
def claim(write, zone):
    """Claims what is due, at noon unless told otherwise."""

    def claim_due(*, node="n1", stack="flask", now=NOON, **options):
        return write(runs.claim_due, node=node, stack=stack, zone=zone, now=now, **options).claims

    return claim_due


@pytest.fixture
def due(add_job):
    """Adds a job of each minute that is due at noon."""

    def add(name="nightly", *, tick=NOON, **fields):
        return add_job(name, **{"cron_expression": "* * * * *", **fields}, next_run_at=clock.naive_utc(tick))

    return add


@pytest.fixture
def statuses(router):
    """How many executions there are of each status."""

    def count():
        with router.session("flask") as session:
            return Counter(session.scalars(select(JobExecution.status)))

    return count


@pytest.fixture
def start(router, settings):
    """Starts a scheduler for a stack; whatever happens, it is stopped."""
    started = []

    def scheduler(stack="flask", **changes):
        made = Scheduler(router, settings.model_copy(update=changes), stack)
        started.append(made)
        made.start()
        return made

    yield scheduler
    for each in started:
        each.stop()


@pytest.fixture(scope="session")
def eventually():
    """Waits until it is so, and returns what was answered."""

    def wait(question):
        latest = time.monotonic() + PATIENCE
        while not (answer := question()):
            assert time.monotonic() < latest, "it never happened"
            time.sleep(0.02)
        return answer

    return wait


# --- targets ----------------------------------------------------------------------------------------------------------


@dataclass
class Received:
    """A request that a target received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


Act = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Target:
    """A server on loopback that answers, or fails to, as each path was told."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    acts: dict[str, Act] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, path):
        return self.address + path

    def answers(self, path, status=200, body="", headers=None):
        """The path answers like this from now on."""
        payload = body.encode() if isinstance(body, str) else body
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(payload)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + payload
        self.sends(path, raw)
        return self.url(path)

    def sends(self, path, raw):
        """The path answers with these very bytes from now on, and closes."""

        async def act(_, writer):
            writer.write(raw)

        self.acts[path] = act
        return self.url(path)

    def does(self, path, act):
        """The path does something of its own from now on."""
        self.acts[path] = act
        return self.url(path)

    def redirects(self, path, location, status=302):
        """The path leads elsewhere from now on."""
        return self.answers(path, status, headers={"Location": location})

    def calls(self, path):
        return [each for each in self.received if each.path == path]

    async def serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            received = Received(method, path, headers, body)
            self.received.append(received)
            if path in self.acts:
                await self.acts[path](received, writer)
            else:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@contextmanager
def _serving() -> Iterator[Target]:
    target, loop = Target(), asyncio.new_event_loop()

    def run():
        asyncio.set_event_loop(loop)
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()

    thread = threading.Thread(target=run, name="target")
    thread.start()

    async def begin():
        return await asyncio.start_server(target.serve, "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    target.port = server.sockets[0].getsockname()[1]
    try:
        yield target
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@pytest.fixture
def target():
    """A server of somebody else's, which may behave as badly as it likes."""
    with _serving() as serving:
        yield serving


@pytest.fixture
def other_origin():
    """Another one, on another port."""
    with _serving() as serving:
        yield serving


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path, target) -> Settings:
    """Settings for calls alone: private targets allowed, GitHub is the target, with a token."""
    return Settings(
        root=tmp_path,
        webhook_allow_private=True,
        github_api_url=target.address,
        github_token=SecretStr("ghp_installationtoken"),
    )


@pytest.fixture
def guarded(plain) -> Settings:
    """The same where private targets are out of reach."""
    return plain.model_copy(update={"webhook_allow_private": False})


def webhook(url, **fields) -> Call:
    return Call(kind="webhook", url=url, **fields)


@pytest.fixture
def workflow():
    """Makes a call of a workflow."""

    def make(**fields):
        given = {"owner": "octo", "repo": "cat", "workflow": "build.yml", "metadata": {"ref": "main"}}
        return Call(kind="github_actions", **(given | fields))

    return make
