"""Every endpoint on the two stacks: requests of all kinds get the same answers, and leave the same behind."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import compress
from pathlib import Path
from unittest.mock import patch

import httpx2
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import given
from sqlalchemy import update

from cronjobs.fastapi_app import create_app as create_fastapi_app
from cronjobs.fastapi_app import routers
from cronjobs.flask_app import create_app
from cronjobs.models import Job, User
from cronjobs.services import accounts, attempts
from cronjobs.settings import Settings
from cronjobs.testing.client import Answer
from cronjobs.testing.parity import walks
from cronjobs.testing.parity.operations import Operation, operations
from cronjobs.testing.parity.requests import Requests
from cronjobs.testing.parity.stacks import Asgi, Request, Stack, Wsgi
from cronjobs.testing.parity.twins import Asked, Twins, twins
from crossfade.project import Project
from crossfade.router import Router
from crossfade.testing import postgres

ROOT = Project.find().root
OPERATIONS = {
    operation.label: operation
    for operation in operations(create_fastapi_app(Settings(root=ROOT, database_url="sqlite:///unused.db")))
}
OF_ALL = {500, 503}
"""What takes more than a request: one out of reach, and a fault."""
ELSEWHERE = {
    "POST /auth/login": {429},
    "POST /auth/login/form": {429},
    "POST /jobs": {409},
    "POST /jobs/bulk-upload": {409},
    "GET /echo": {404},
    "POST /echo": {404},
}
"""What takes more than a request too; it has a test of its own below."""

each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


@contextmanager
def flask_stack(router: Router) -> Generator[Stack]:
    yield Wsgi(create_app(router=router), "/api")


@pytest.fixture(scope="session")
def open_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Twins]]:
    """The two stacks on each kind of database, made when a test first asks."""
    with ExitStack() as stack:

        @cache
        def opened(database: str) -> Twins:
            if database == "sqlite":
                place: Path = tmp_path_factory.mktemp("twins")
                urls = f"sqlite:///{place / 'one_test.db'}", f"sqlite:///{place / 'other_test.db'}"
            else:
                server = stack.enter_context(postgres.embedded())
                urls = server.database("one_test"), server.database("other_test")
            return stack.enter_context(twins(urls, ROOT, flask_stack))

        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, open_pair: Callable[[str], Twins]) -> Iterator[Twins]:
    """The two stacks, each on a database of its own, and the same in both."""
    found = open_pair(request.param)
    with found.standing_still():
        yield found


@pytest.fixture
def requests(pair: Twins) -> Requests:
    return Requests.on(pair)


def faults(asked: Asked, operation: Operation) -> Iterator[str]:
    """What is wrong with what came of a request."""
    name, status = asked.request.why, asked.answer.status
    yield from (f"{name}: {difference}" for difference in asked.differences)
    if status >= 500 and status not in operation.errors - {500}:
        yield f"{name}: {status} {asked.answer.text}"
    if asked.request.own and status >= 400:
        if status not in operation.errors:
            yield f"{name}: {status} is not documented: {asked.answer.text}"
        elif asked.request.method != "HEAD" and not asked.answer.json.keys() <= operation.shapes[status]:
            yield f"{name}: {status} has undocumented keys: {asked.answer.text}"


def ask(pair: Twins, operation: Operation, wanted: Iterable[bool] | None = None) -> list[Asked]:
    """What comes of the requests of an endpoint, or of those of them that are wanted."""
    with pair.standing_still():
        requests = Requests.on(pair).of(operation)
        return [pair.ask(request) for request in (requests if wanted is None else compress(requests, wanted))]


def worth_repeating(asked: list[Asked]) -> Iterator[bool]:
    """Of each request, whether another kind of database may have another answer.

    What refuses a hundred values in the same words does so before it asks a database: two of them are enough.
    """
    heard: Counter[tuple[int, str]] = Counter()
    for each in asked:
        said = each.answer.status, each.answer.text
        heard[said] += 1
        yield each.answer.status < 400 or heard[said] <= 2


def complaint(wrong: list[str]) -> str:
    return f"{len(wrong)} faults, the first of which are:\n" + "\n".join(wrong[:30])


def test_no_endpoint_is_left_out() -> None:
    settings = Settings(root=ROOT, database_url="sqlite:///unused.db", scheduler_enabled=False)
    flask = {
        f"{method} {rule.rule.removeprefix('/api').replace('<', '{').replace('>', '}')}"
        for rule in create_app(settings).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }
    fastapi = {
        f"{method} {route.path}"
        for router in routers.every()
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }

    assert set(OPERATIONS) == flask == fastapi


@each_operation
def test_the_same_requests_get_the_same_answers_and_refused_ones_change_nothing(
    open_pair: Callable[[str], Twins], operation: Operation
) -> None:
    on_sqlite = ask(open_pair("sqlite"), operation)
    on_postgresql = ask(open_pair("postgresql"), operation, worth_repeating(on_sqlite))

    asked = on_sqlite + on_postgresql
    wrong = [fault for each in asked for fault in faults(each, operation)]
    assert not wrong, complaint(wrong)
    # A failed login is counted, and a job whose last day is over is paused when somebody would run it.
    kept = {401} if "/login" in operation.path else {400} if operation.path.endswith("/execute") else set()
    refused = [each for each in asked if each.answer.status >= 400 and each.answer.status not in kept]
    assert [each.request.why for each in refused if each.changed] == []
    for each in on_sqlite, on_postgresql:
        answered = {one.answer.status for one in each if one.request.own}
        assert min(answered) < 300
        assert operation.errors - answered == OF_ALL & operation.errors | ELSEWHERE.get(operation.label, set())


@each_operation
def test_requests_that_nobody_thought_of_get_the_same_answers(
    pair: Twins, requests: Requests, operation: Operation
) -> None:
    @walks.SOME
    @given(request=walks.request(requests, operation))
    def holds(request: Request) -> None:
        wrong = list(faults(pair.ask(request), operation))
        assert not wrong, f"{request}: {complaint(wrong)}"

    holds()


def test_requests_one_after_another_get_the_same_answers(pair: Twins, requests: Requests) -> None:
    @walks.SOME
    @given(steps=walks.walk(requests, list(OPERATIONS.values())))
    def holds(steps: list[Request]) -> None:
        try:
            wrong = [difference for step in steps for difference in pair.go_on(step).differences]
        finally:
            pair.restore()
        assert not wrong, complaint(wrong)

    holds()


@dataclass(frozen=True)
class Liar:
    """A stack that does something else than the other."""

    stack: Stack
    lie: Callable[[Answer], Answer]

    def send(self, request: Request) -> Answer:
        return self.lie(self.stack.send(request))


LIES: dict[str, Callable[[Answer], Answer]] = {
    "a status": lambda answer: replace(answer, status=answer.status + 1),
    "a blank at the end": lambda answer: replace(answer, raw=answer.raw + b" "),
    "a blank within": lambda answer: replace(answer, raw=answer.raw.replace(b'":"', b'": "', 1)),
    "an instant": lambda answer: replace(answer, raw=answer.raw.replace(b"T12:00:00.000Z", b"T12:00:00.001Z", 1)),
    "a header more": lambda answer: replace(answer, headers={**answer.headers, "x-powered-by": "it"}),
    "another header": lambda answer: replace(answer, headers={**answer.headers, "cache-control": "public"}),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_stack_that_says_something_else_is_noticed(
    pair: Twins, requests: Requests, lie: Callable[[Answer], Answer]
) -> None:
    lying = replace(pair, fastapi=replace(pair.fastapi, stack=Liar(pair.fastapi.stack, lie)))

    assert lying.ask(requests.valid_one(OPERATIONS["GET /jobs"])).differences


def test_a_stack_that_leaves_something_else_behind_is_noticed(pair: Twins, requests: Requests) -> None:
    def forgetting(answer: Answer) -> Answer:
        with pair.fastapi.engine.begin() as connection:
            connection.execute(update(Job).where(Job.name == "Renamed").values(notify_on_success=True))
        return answer

    def calling(answer: Answer) -> Answer:
        httpx2.get(f"{pair.target.url}/twice")
        return answer

    for lie, what in ((forgetting, "rows of jobs"), (calling, "call 0")):
        lying = replace(pair, fastapi=replace(pair.fastapi, stack=Liar(pair.fastapi.stack, lie)))
        differences = lying.ask(requests.valid_one(OPERATIONS["PUT /jobs/{job_id}"])).differences
        assert [each.partition(":")[0] for each in differences] == [what]
        pair.restore()


@pytest.mark.parametrize("label", ["POST /auth/login", "POST /auth/login/form"])
def test_too_many_failed_logins_are_refused_alike(pair: Twins, requests: Requests, label: str) -> None:
    operation = OPERATIONS[label]
    wrong_password = next(each for each in requests.of(operation) if "password is" in each.why and "'x'" in each.why)
    try:
        asked = [pair.go_on(wrong_password) for _ in range(attempts.ACCOUNT_LIMIT + 2)]
        asked.append(pair.go_on(requests.valid_one(operation)))
    finally:
        pair.restore()

    assert [fault for each in asked for fault in faults(each, operation)] == []
    assert [each.answer.status for each in asked] == [401] * attempts.ACCOUNT_LIMIT + [429] * 3
    assert asked[-1].answer.headers["retry-after"]


@each_operation
def test_a_caller_who_is_deleted_meanwhile_gets_the_same_answer(
    pair: Twins, requests: Requests, operation: Operation
) -> None:
    ghost = User(
        id="3f1c2f7e-2222-4222-8222-222222222222", username="ghost", email="ghost@x.test", role="admin", is_active=True
    )

    with patch.object(accounts, "authenticate", lambda *_args, **_options: ghost):
        asked = pair.ask(requests.valid_one(operation, who="admin"))

    assert list(faults(asked, operation)) == []
    assert asked.answer.status == 409 or 409 not in ELSEWHERE.get(operation.label, ())


@each_operation
def test_a_fault_of_ours_is_answered_alike(pair: Twins, requests: Requests, operation: Operation) -> None:
    with patch("cronjobs.services.accounts.authenticate", lambda *_args, **_options: 1 / 0):
        asked = pair.ask(requests.valid_one(operation))

    assert asked.differences == ()
    assert asked.answer.status == 500 or operation.label in OPEN


OPEN = {
    "POST /auth/login",
    "POST /auth/login/form",
    "POST /auth/refresh",
    "GET /health",
    "GET /metrics",
    "GET /echo",
    "POST /echo",
}
"""Where nobody is asked who it is."""


@pytest.fixture
def out_of_reach(pair: Twins, unused_port: int) -> Iterator[tuple[Stack, Stack]]:
    """The two stacks in front of a database that is not there."""
    url = f"postgresql://nobody@127.0.0.1:{unused_port}/nothing"
    settings = pair.world.settings.replaced(source="the test", test_database_url=url, fastapi_test_database_url=url)
    router = Router(settings, name="out of reach")
    try:
        with TestClient(create_fastapi_app(router=router), raise_server_exceptions=False) as client:
            yield Wsgi(create_app(router=router), "/api"), Asgi(client, "/api/v2")
    finally:
        router.dispose()


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
@each_operation
def test_a_database_out_of_reach_is_said_alike(
    requests: Requests, out_of_reach: tuple[Stack, Stack], operation: Operation
) -> None:
    flask, fastapi = (stack.send(requests.valid_one(operation)) for stack in out_of_reach)

    assert (flask.status, flask.text.replace('"flask"', '"fastapi"')) == (fastapi.status, fastapi.text)
    assert flask.headers | {"content-length": ""} == fastapi.headers | {"content-length": ""}
    assert flask.status == (503 if 503 in operation.errors else 200)
    if flask.status == 503:
        assert flask.json.keys() == operation.shapes[503]
        assert flask.json["error"] == "Service unavailable"


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
def test_production_answers_alike(pair: Twins, requests: Requests) -> None:
    production = {"app_env": "production", "secret_key": "a secret of production's own, long enough"}
    router = Router(pair.world.settings.replaced(source="the test", **production), name="production")
    proto = {"X-Forwarded-Proto": "https"}
    try:
        with TestClient(create_fastapi_app(router=router)) as client:
            stacks = Wsgi(create_app(router=router), "/api"), Asgi(client, "/api/v2")
            for operation in OPERATIONS.values():
                request = requests.valid_one(operation, who="nobody", headers=proto)
                flask, fastapi = (stack.send(request) for stack in stacks)
                assert flask.status == fastapi.status, operation.label
                assert flask.headers.items() - fastapi.headers.items() <= {("content-length", str(len(flask.raw)))}
                assert "strict-transport-security" in flask.headers
                assert (flask.status == 404) == operation.path.startswith("/echo")
    finally:
        router.dispose()
