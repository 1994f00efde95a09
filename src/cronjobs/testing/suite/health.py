"""Health, echo, and how either stack answers what it does not know."""

import pytest

from cronjobs.testing.client import Api
from cronjobs.testing.worlds import Person


def test_health_says_what_the_stack_talks_to(api: Api, prefix: str) -> None:
    answer = api.get("/health")

    assert answer.status == 200
    health = answer.json
    assert health["status"] == "healthy"
    assert health["stack"] == ("flask" if prefix == "/api" else "fastapi")
    assert health["scheduler_running"] is False
    assert health["scheduled_jobs_count"] == 0
    assert health["overdue_seconds"] == 0
    revision = health["database"]["revision"]
    assert health["database"] == {"mode": "test", "reachable": True, "revision": revision, "frozen": False}
    assert revision


def test_a_trailing_slash_changes_nothing(api: Api) -> None:
    assert api.get("/health/").json == api.get("/health").json


def test_head_is_answered_where_get_is(api: Api) -> None:
    assert api.request("HEAD", "/health").status == 200
    assert api.request("HEAD", "/auth/login").status == 405


@pytest.mark.parametrize("path", ["/nowhere", "/jobs/1/2/3/4", "/auth", "/%00", "/health/x"])
def test_an_unknown_path_is_a_json_404(api: Api, path: str) -> None:
    answer = api.get(path)

    assert answer.status == 404
    assert answer.json == {"error": "Not found", "message": "There is nothing at this address."}


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/health"), ("PATCH", "/jobs"), ("OPTIONS", "/health")])
def test_a_wrong_method_is_a_json_405(api: Api, method: str, path: str) -> None:
    answer = api.request(method, path)

    assert answer.status == 405
    assert answer.json["error"] == "Method not allowed"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/jobs", "GET, HEAD, POST"),
        ("POST", "/jobs/1", "DELETE, GET, HEAD, PUT"),
        ("GET", "/auth/login", "POST"),
        ("PUT", "/health", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(api: Api, method: str, path: str, allowed: str) -> None:
    assert api.request(method, path).headers["Allow"] == allowed


def test_a_body_larger_than_allowed_is_a_json_413(api: Api) -> None:
    answer = api.post("/auth/login", json={"username": "x" * 1024 * 1024, "password": "y"})

    assert answer.status == 413
    assert answer.json["error"] == "Payload too large"


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"", b'"text"', b"[1]", b"null", b'{"username": "\\ud800"}'])
def test_a_body_that_is_no_json_object_is_a_json_400(api: Api, raw: bytes) -> None:
    answer = api.request("POST", "/auth/login", raw=raw, headers={"Content-Type": "application/json"})

    assert answer.status == 400
    assert answer.json["error"] == "Invalid JSON"


def test_text_with_nul_is_a_json_400(api: Api) -> None:
    answer = api.post("/auth/login", json={"username": "a\x00b", "password": "secret-of-mine"})

    assert answer.status == 400
    assert "secret-of-mine" not in answer.text


def test_an_internal_error_is_a_json_500_that_tells_nothing(
    api: Api, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the details")

    monkeypatch.setattr("cronjobs.services.accounts.authenticate", fails)
    answer = api.get("/auth/me", token=admin.token)

    assert answer.status == 500
    assert answer.json["error"] == "Internal server error"
    assert "the details" not in answer.text


def test_echo_answers_what_was_sent(api: Api) -> None:
    assert api.post("/echo", json={"a": 1}).json == {"method": "POST", "body": {"a": 1}}
    assert api.request("POST", "/echo", raw=b"plain").json == {"method": "POST", "body": "plain"}
    assert api.get("/echo").json == {"method": "GET", "body": None}
