"""Headers of every answer, errors included, and what browsers of other sites may do."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager

import pytest

from cronjobs.settings import Settings
from cronjobs.testing.client import Answer, Api, Sender
from cronjobs.testing.worlds import Person
from cronjobs.web import requests
from crossfade.router import Router

OURS = "https://jobs.example.com"
THEIRS = "https://evil.example.com"
PRODUCTION = {
    "app_env": "production",
    "secret_key": "a secret of production's own, long enough",
    "cors_origins": f"{OURS.upper()}, http://localhost:3000",
}
ASKING = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def production(
    settings: Settings,
    open_sender: Callable[[Router], AbstractContextManager[Sender]],
    prefix: str,
) -> Generator[Api]:
    """The stack with production's settings, and two origins; it answers, but nobody has started it."""
    router = Router(settings.replaced(source="the test", **PRODUCTION), name="production")
    try:
        with open_sender(router) as sender:
            yield Api(sender, prefix)
    finally:
        router.dispose()


def cors(answer: Answer) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control")}


def test_every_answer_carries_the_same_headers(api: Api, admin: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        api.get("/health"),
        api.get("/jobs", token=admin.token),
        api.post("/jobs", token=admin.token, json={}),
        api.get("/jobs"),
        api.get("/nowhere"),
        api.get("/%00"),
        api.request("PATCH", "/jobs"),
        api.request("OPTIONS", "/jobs"),
        api.request("POST", "/auth/login", raw=b"x" * (requests.LARGEST_BODY + 1)),
    ]
    monkeypatch.setattr("cronjobs.services.accounts.authenticate", lambda *_args: 1 / 0)
    answers.append(api.get("/auth/me", token=admin.token))

    assert [answer.status for answer in answers] == [200, 200, 400, 401, 404, 404, 405, 405, 413, 500]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; frame-ancestors 'none'")
        assert "Strict-Transport-Security" not in answer.headers
        assert "Vary" not in answer.headers
        assert cors(answer) == {}


def test_browsers_are_told_to_stay_with_https_in_production_alone(api: Api, production: Api) -> None:
    def answered(stack: Api, **headers: str) -> str | None:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return stack.request("GET", "/nowhere", headers=sent).headers.get("Strict-Transport-Security")

    assert answered(production, X_Forwarded_Proto="https") == "max-age=31536000"
    assert answered(production, X_Forwarded_Proto="HTTPS, http") == "max-age=31536000"
    assert answered(production, X_Forwarded_Proto="http, https") is None
    assert answered(production) is None
    assert answered(api, X_Forwarded_Proto="https") is None


def test_a_known_origin_may_ask_and_call(production: Api) -> None:
    for path in ("/jobs", "/auth/login", "/nowhere"):
        asked = production.request("OPTIONS", path, headers={"Origin": OURS} | ASKING)

        assert (asked.status, asked.raw) == (204, b"")
        assert cors(asked) == {
            "access-control-allow-origin": OURS,
            "access-control-allow-methods": "GET, POST, PUT, DELETE",
            "access-control-allow-headers": "Authorization, Content-Type",
            "access-control-max-age": "600",
            "access-control-expose-headers": "Retry-After, WWW-Authenticate",
        }
        assert asked.headers["Vary"] == "Origin"
        assert asked.headers["X-Content-Type-Options"] == "nosniff"
    called = production.request("GET", "/jobs", headers={"Origin": OURS})
    assert called.status == 401
    assert cors(called) == {
        "access-control-allow-origin": OURS,
        "access-control-expose-headers": "Retry-After, WWW-Authenticate",
    }
    assert called.headers["Vary"] == "Origin"


def test_another_origin_may_not(production: Api) -> None:
    for origin in (THEIRS, "null", "*", "", f"{OURS}:8443", "http://jobs.example.com", f"{OURS}.evil.example"):
        asked = production.request("OPTIONS", "/jobs", headers={"Origin": origin} | ASKING)
        called = production.request("GET", "/health", headers={"Origin": origin})

        assert (asked.status, cors(asked), asked.headers["Vary"]) == (405, {}, "Origin")
        assert asked.json["error"] == "Method not allowed"
        assert (called.status, cors(called), called.headers["Vary"]) == (200, {}, "Origin")


def test_options_without_a_question_is_a_wrong_method(production: Api) -> None:
    answer = production.request("OPTIONS", "/jobs", headers={"Origin": OURS})

    assert (answer.status, answer.json["error"]) == (405, "Method not allowed")
    assert cors(answer)["access-control-allow-origin"] == OURS


def test_without_origins_nobody_is_let_in(api: Api) -> None:
    answer = api.request("OPTIONS", "/jobs", headers={"Origin": OURS} | ASKING)

    assert (answer.status, cors(answer)) == (405, {})
