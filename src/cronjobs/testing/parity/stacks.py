"""A request, and the two ways into a stack: what reaches it is what a server would hand over, to the byte.

A test client would tidy the path up first. Both stacks run in this process, so that the time can stand still for both.
"""

import io
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote, unquote_to_bytes

from fastapi import FastAPI
from fastapi.testclient import TestClient

from cronjobs.testing.client import Answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CLIENT = "192.0.2.7"
"""Where requests come from (RFC 5737: nobody's)."""


@dataclass(frozen=True)
class Request:
    """What is sent; the path is below the stack's prefix, as it stands in the request line, query and all."""

    why: str
    """What is special about it."""
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    own: bool = True
    """Whether it is the endpoint's own to answer: other paths and methods are not."""


class Stack(Protocol):
    """Answers requests."""

    def send(self, request: Request) -> Answer:
        """The stack's answer."""


@dataclass(frozen=True)
class Wsgi:
    """A WSGI application, as gunicorn calls it."""

    app: "WSGIApplication"
    prefix: str

    def send(self, request: Request) -> Answer:
        """The stack's answer."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            started.append((status, headers))
            return io.BytesIO().write

        answered = self.app(self._environ(request), start)
        try:
            raw = b"".join(answered)
        finally:
            getattr(answered, "close", lambda: None)()
        status, headers = started[-1]
        return Answer(int(status.split()[0]), _lowered(headers), raw)

    def _environ(self, request: Request) -> dict[str, Any]:
        path, _, query = f"{self.prefix}{request.path}".partition("?")
        environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": CLIENT,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body or b""),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in _sent(request).items():
            key = name.upper().replace("-", "_")
            environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
        return environ


@dataclass(frozen=True)
class Asgi:
    """A FastAPI application, as uvicorn calls it; `client` has started it."""

    client: TestClient
    prefix: str

    @property
    def app(self) -> FastAPI:
        """The application."""
        return cast("FastAPI", self.client.app)

    def send(self, request: Request) -> Answer:
        """The stack's answer."""
        if self.client.portal is None:
            raise RuntimeError("the application has not been started: enter the test client first")
        return self.client.portal.call(self._ask, request)

    async def _ask(self, request: Request) -> Answer:
        sent: list[MutableMapping[str, Any]] = []
        left: list[MutableMapping[str, Any]] = [
            {"type": "http.request", "body": request.body or b"", "more_body": False}
        ]

        async def receive() -> MutableMapping[str, Any]:
            return left.pop() if left else {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        try:
            await self.app(self._scope(request), receive, send)
        except Exception:
            # Starlette raises what it has answered with 500 once more, for the server to log.
            if not sent:
                raise
        start = next(message for message in sent if message["type"] == "http.response.start")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
        body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
        return Answer(start["status"], _lowered(headers), b"" if request.method == "HEAD" else body)

    def _scope(self, request: Request) -> dict[str, Any]:
        path, _, query = f"{self.prefix}{request.path}".partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("ascii"),
            "root_path": "",
            "query_string": query.encode("ascii"),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in _sent(request).items()],
            "client": (CLIENT, 4711),
            "server": ("localhost", 80),
            "state": {},
            "extensions": {},
        }


def _sent(request: Request) -> dict[str, str]:
    length = {} if request.body is None else {"Content-Length": str(len(request.body))}
    return {"Host": "localhost"} | dict(request.headers) | length


def _lowered(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers by their names in lower case; one that comes twice has both values."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found
