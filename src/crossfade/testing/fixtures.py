"""The fixtures: a router, sessions, clients and live servers of both stacks, all on one database.

    def test_a_book_is_listed(sync_session, flask_client): ...
    async def test_a_book_is_listed(async_session, fastapi_client): ...

None of them is an async fixture, so that they work whoever runs the event loop; what must be closed on the test's own
loop is closed at the end of the test's own coroutine.
"""

import functools
import inspect
import os
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from crossfade.errors import ConfigurationError, CrossfadeError, JointEndedError, RouterError
from crossfade.gateway.applications import application
from crossfade.project import Project
from crossfade.router import Router
from crossfade.routes import Stack
from crossfade.testing import options, servers
from crossfade.testing.audit import Audit
from crossfade.testing.clients import Client, finished
from crossfade.testing.databases import Database, Databases, Run, Seed
from crossfade.testing.guest.hosts import Hosts
from crossfade.testing.options import Isolation, Kind, Options
from crossfade.testing.servers import LiveServer


@dataclass(frozen=True)
class Plan:
    """What the plugin has found out before the first test."""

    project: Project
    options: Options
    run: Run
    audit: Audit
    hosts: Hosts


PLAN = pytest.StashKey[Plan]()


@dataclass(frozen=True)
class Ends:
    """What is to be awaited when the test's coroutine ends, or after the test where there is none."""

    closers: list[Callable[[], Awaitable[Any]]] = field(default_factory=list)

    async def close(self) -> None:
        """Awaits it, the newest first."""
        for closer in reversed(self.closers):
            await closer()


GRACE = 0.5
"""Seconds that a background task, which goes on when its answer has left, has to give its connection back."""
ENDS = pytest.StashKey[Ends]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Whatever engine is there by now was made while something was imported."""
    session.config.stash[PLAN].audit.note_early()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With `--crossfade-db both` a test that uses the fixtures is two tests."""
    name = crossfade_database.__name__
    kinds = metafunc.config.stash[PLAN].options.kinds
    # Which database a test of Django's has is for Django to say.
    djangos = metafunc.definition.get_closest_marker("django_db") is not None
    if len(kinds) > 1 and name in metafunc.fixturenames and not djangos:
        marks = metafunc.definition.iter_markers("parametrize")
        if not any(name in str(mark.args[:1]) for mark in marks):
            metafunc.parametrize(name, kinds, indirect=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Closes what belongs to the test's event loop while that loop still runs."""
    ends = item.stash.get(ENDS, None)
    function = getattr(item, "obj", None)
    if ends is None or not inspect.iscoroutinefunction(function):
        return (yield)

    @functools.wraps(function)
    async def closing(*arguments: Any, **named: Any) -> Any:
        try:
            return await function(*arguments, **named)
        finally:
            await ends.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item, "obj", closing)
        return (yield)


@pytest.fixture(scope="session")
def crossfade_seed() -> Seed | None:
    """Rows that every test begins with, besides the project's own seed: override it with a function of a session."""
    return None


@pytest.fixture(scope="session")
def crossfade_variables() -> dict[str, str]:
    """What the environment says to the applications besides the database: override it with a dictionary."""
    return {}


@pytest.fixture(scope="session")
def crossfade_databases(
    request: pytest.FixtureRequest, crossfade_seed: Seed | None, crossfade_variables: dict[str, str]
) -> Generator[Databases]:
    """This worker's databases."""
    plan = request.config.stash[PLAN]
    databases = Databases(
        plan.project,
        plan.options,
        plan.run,
        hosts=plan.hosts,
        seed=crossfade_seed,
        variables=crossfade_variables,
        release=plan.audit.release,
    )
    try:
        yield databases
    finally:
        databases.close()


@pytest.fixture
def crossfade_isolation(request: pytest.FixtureRequest) -> Isolation:
    """How this test's rows are kept from the next one: what its mark says, or the ini file."""
    with _plainly():
        return options.marked(request.node, request.config.stash[PLAN].options.isolation)


@pytest.fixture
def crossfade_database(
    request: pytest.FixtureRequest, crossfade_databases: Databases, crossfade_isolation: Isolation
) -> Generator[Database]:
    """The database of this test; the environment names it, and it is put back afterwards.

    Parametrize it, indirectly, with "sqlite" and "postgresql" to choose for one test.
    """
    plan = request.config.stash[PLAN]
    with _plainly():
        kind = _kind(getattr(request, "param", plan.options.kinds[0]))
    before = plan.audit.out()
    with _prepared(crossfade_databases, kind, crossfade_isolation) as database:
        complaints: list[str] = []
        try:
            with alone(plan, crossfade_databases, database, request.node, source=plan.options.source) as strangers:
                yield database
            complaints += strangers
        finally:
            complaints += left_open(plan, before)
            if crossfade_isolation != "clone":
                complaints += _put_back(crossfade_databases, kind, crossfade_isolation)
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def crossfade_router(crossfade_database: Database) -> Router:
    """A router on the test's database, which both stacks share."""
    return crossfade_database.router


@pytest.fixture
def sync_session(crossfade_router: Router) -> Generator[Session]:
    """A session of the test's own: what it commits both stacks see, and the other way round."""
    with crossfade_router.session_factory("flask")() as session:
        yield session


@pytest.fixture
def async_session(crossfade_router: Router, request: pytest.FixtureRequest) -> Generator[AsyncSession]:
    """The same for async tests."""
    session = crossfade_router.async_session_factory("fastapi")()
    with _awaited(request.node, session.close):
        yield session


@pytest.fixture
def crossfade_flask_app(crossfade_database: Database, request: pytest.FixtureRequest) -> Any:
    """The project's Flask application, made once for each worker and database."""
    return _application(request, "flask", crossfade_database)


@pytest.fixture
def crossfade_fastapi_app(crossfade_database: Database, request: pytest.FixtureRequest) -> Generator[Any]:
    """The project's FastAPI application, made once for each worker and database; overrides end with the test."""
    app = _application(request, "fastapi", crossfade_database)
    yield app
    app.dependency_overrides.clear()


@pytest.fixture
def flask_client(crossfade_database: Database, crossfade_flask_app: Any) -> Any:
    """Flask's own test client; on the test's database also for an application that somebody's own fixture makes."""
    return crossfade_flask_app.test_client()


@pytest.fixture
def fastapi_client(
    crossfade_database: Database, crossfade_fastapi_app: Any, request: pytest.FixtureRequest
) -> Generator[httpx2.AsyncClient]:
    """An async client of the FastAPI application in this process, its lifespan running from the first request on."""
    client = Client(crossfade_fastapi_app)
    with _awaited(request.node, client.aclose):
        yield client


@pytest.fixture
def live_flask(crossfade_database: Database, request: pytest.FixtureRequest) -> LiveServer:
    """The Flask stack in a process of its own."""
    return _live(request, "flask", crossfade_database)


@pytest.fixture
def live_fastapi(crossfade_database: Database, request: pytest.FixtureRequest) -> LiveServer:
    """The FastAPI stack in a process of its own."""
    return _live(request, "fastapi", crossfade_database)


def is_fixture(value: object) -> bool:
    """Whether that is what pytest makes of a function under `@pytest.fixture`."""
    return type(value) is type(sync_session)


def names() -> set[str]:
    """The fixtures of this module."""
    return {name for name, value in globals().items() if is_fixture(value)}


@contextmanager
def _plainly() -> Generator[None]:
    """What somebody has to put right is said in its own words, without a way through our code."""
    try:
        yield
    except (CrossfadeError, ChildProcessError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@contextmanager
def _prepared(databases: Databases, kind: Kind, isolation: Isolation) -> Generator[Database]:
    with _plainly():
        if isolation == "clone":
            opened: AbstractContextManager[Database] = databases.clone(kind)
        else:
            opened = nullcontext(databases.prepare(kind) if isolation == "restore" else databases.join(kind))
        database = opened.__enter__()
    try:
        yield database
    finally:
        opened.__exit__(None, None, None)


@contextmanager
def alone(
    plan: Plan, databases: Databases, database: Database, item: pytest.Item, *, source: str
) -> Generator[list[str]]:
    """For the length of a block the environment names the database, and an engine on another one can't connect.

    `source` is who chose the database. What it yields has a complaint for each such engine when the block is over: an
    application may have turned the error into an answer.
    """
    if options.elsewhere(item):
        with database.published():
            yield []
        return
    complaints: list[str] = []
    with _plainly():
        watch = plan.audit.on(database.router.engine("flask"), source=source, ours=databases.holds)
        guard = watch.__enter__()
    try:
        with database.published():
            yield complaints
    finally:
        watch.__exit__(None, None, None)
        complaints += dict.fromkeys(guard.strangers)


def left_open(plan: Plan, before: set[int]) -> list[str]:
    """Closes the connections that were taken since `before` and not given back, and says where each was taken."""
    deadline = time.monotonic() + GRACE
    while (left := plan.audit.left(before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for out in left:
        out.take_back()
    return [f"this test left a connection open that was taken at {out.place}: close it" for out in left]


def _put_back(databases: Databases, kind: Kind, isolation: Isolation) -> list[str]:
    try:
        if isolation == "joint":
            databases.roll_back(kind)
        else:
            databases.put_back(kind)
    except JointEndedError as error:
        databases.renew(kind)
        return [str(error)]
    except TimeoutError as error:
        databases.renew(kind)
        return [f"{error}: end every transaction before the test ends"]
    except RouterError as error:
        databases.renew(kind)
        return [f'{error} If the test means it, mark it @pytest.mark.crossfade(isolation="clone")']
    return []


@contextmanager
def _awaited(item: pytest.Item, closer: Callable[[], Awaitable[Any]]) -> Generator[None]:
    item.stash.setdefault(ENDS, Ends()).closers.append(closer)
    yield
    # Again, for a sync test, and for a fixture that has used it after the test.
    finished(closer)


def _application(request: pytest.FixtureRequest, stack: Stack, database: Database) -> Any:
    project = request.config.stash[PLAN].project
    with _plainly():
        return database.keep(stack, lambda: nullcontext(application(project, stack, database.router)))


def _live(request: pytest.FixtureRequest, stack: Stack, database: Database) -> LiveServer:
    if database.hidden is not None:
        pytest.fail(f"live_{stack}: {database.hidden}", pytrace=False)
    plan = request.config.stash[PLAN]
    with _plainly():
        plan.project.path(stack)
    log = plan.run.folder / f"{stack}_{plan.run.worker}_{database.url.database or ''}".replace("/", "-")

    def start() -> Any:
        return servers.live(stack, root=plan.project.root, environ=os.environ, log=log.with_suffix(".log"))

    with _plainly():
        server: LiveServer = database.keep(f"live {stack}", start)
    return server


def _kind(word: object) -> Kind:
    for known in options.KINDS:
        if word == known or (word, known) == ("postgres", "postgresql"):
            return known
    raise ConfigurationError(reason=f"crossfade_database: {word!r} is no kind of database: write sqlite or postgresql")
