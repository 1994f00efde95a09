"""Requests that no client library sends: read as a WSGI server reads them, so that both stacks answer alike."""

import json

import pytest

from cronjobs.fastapi_app import create_app


@pytest.fixture
def ask(router):
    """What is answered to a target and headers, given as they stand in the request."""

    async def answer(target, *headers):
        raw_path, _, query = target.partition("?")
        said = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            said.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"/api/v2{raw_path}",
            "raw_path": f"/api/v2{raw_path}".encode(),
            "query_string": query.encode(),
            "headers": [(b"host", b"x"), *((b"authorization", f"Bearer {token}".encode()) for token in headers)],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await create_app(router=router)(scope, receive, send)
        return said[0]["status"], json.loads(said[1]["body"])

    return answer


@pytest.mark.parametrize("target", ["/health#x", "/health/#x", "/health#x?page=1", "/health?a=b#x"])
async def test_a_fragment_is_not_looked_at(ask, target):
    assert (await ask(target))[0] == 200


async def test_a_fragment_is_no_part_of_a_query(ask, admin):
    status, page = await ask("/executions?limit=7#8", admin.token)

    assert (status, page["limit"]) == (200, 7)


async def test_whoever_signs_twice_is_nobody(ask, admin):
    assert (await ask("/auth/me", admin.token))[0] == 200
    assert (await ask("/auth/me", admin.token, "another"))[0] == 401
