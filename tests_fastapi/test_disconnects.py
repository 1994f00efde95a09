"""Clients that leave in the middle of what they say."""

from sqlalchemy import func, select

from cronjobs.fastapi_app import create_app
from cronjobs.models import Job


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error_of_ours(router, session, editor):
    heard = iter([{"type": "http.request", "body": b'{"name": "ha', "more_body": True}, {"type": "http.disconnect"}])
    said = []

    async def receive():
        return next(heard)

    async def send(message):
        said.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v2/jobs",
        "raw_path": b"/api/v2/jobs",
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"authorization", f"Bearer {editor.token}".encode()),
            (b"content-type", b"application/json"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    await create_app(router=router)(scope, receive, send)

    assert said[0]["status"] == 400
    assert session.scalar(select(func.count()).select_from(Job)) == 0
