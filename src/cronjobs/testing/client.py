"""One client for two stacks: paths without the stack's prefix in, status and JSON out."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from fastapi.testclient import TestClient

from cronjobs.fastapi_app import create_app
from crossfade.router import Router

UNSENT: Any = object()


@dataclass(frozen=True)
class Answer:
    """What a stack answered."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.raw.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.raw)


class Sender(Protocol):
    """Carries a request to a stack."""

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """The stack's answer."""


@dataclass(frozen=True)
class Api:
    """A stack as its clients see it."""

    sender: Sender
    prefix: str

    def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json_body: Any = UNSENT,
        raw: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends `json_body` as JSON, or `raw` as it is, to `path` below the stack's prefix."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if json_body is not UNSENT:
            raw = json.dumps(json_body).encode()
            sent.setdefault("Content-Type", "application/json")
        suffix = f"?{urlencode(query, doseq=True)}" if query else ""
        return self.sender.send(method, f"{self.prefix}{path}{suffix}", sent, raw)

    def get(self, path: str, *, token: str | None = None, **query: Any) -> Answer:
        """GET; keywords are the query."""
        return self.request("GET", path, token=token, query=query)

    def post(self, path: str, *, token: str | None = None, json: Any = UNSENT) -> Answer:
        """POST of a JSON body, or of none."""
        return self.request("POST", path, token=token, json_body=json)

    def put(self, path: str, *, token: str | None = None, json: Any = UNSENT) -> Answer:
        """PUT of a JSON body, or of none."""
        return self.request("PUT", path, token=token, json_body=json)

    def delete(self, path: str, *, token: str | None = None) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, token=token)


class FastApiSender:
    """Sends to a FastAPI application in this process; `client` is a Starlette TestClient."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        response = self._client.request(method, path, headers=dict(headers), content=body, follow_redirects=False)
        return Answer(response.status_code, response.headers, response.content)


@contextmanager
def fastapi_sender(router: Router) -> Generator[Sender]:
    """The FastAPI stack on a router, in this process, its lifespan running."""
    # A deliberate failure of a test is to be answered as 500, as a server would.
    with TestClient(create_app(router=router), raise_server_exceptions=False) as client:
        yield FastApiSender(client)
