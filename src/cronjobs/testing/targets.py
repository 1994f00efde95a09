"""A web server on the loopback that jobs call: answers as it is told, and remembers what it was asked."""

import json
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    """JSON, or None for an empty body."""


@dataclass
class Target:
    """The server: tests set what it answers, and read what it was asked."""

    url: str
    status: int = 200
    body: str = "done"
    asked: list[Asked] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)
    was_asked: threading.Event = field(default_factory=threading.Event)

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """What is answered, as soon as it may be."""
        self.asked.append(asked)
        self.was_asked.set()
        self.may_answer.wait(timeout=30)
        return self.status, self.body.encode()


@pytest.fixture
def target() -> Generator[Target]:
    """A target that answers at once, unless a test clears `may_answer`."""
    with serving() as made:
        yield made


@contextmanager
def serving() -> Generator[Target]:
    """A target, as long as the block lasts."""
    made = Target(url="")
    made.may_answer.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.may_answer.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def unused_port() -> int:
    """A port on the loopback where nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _handler(made: Target) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            status, answer = made.answer(Asked(self.command, self.path, dict(self.headers), body))
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if status != 204:
                self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815 - as above

        @override
        def log_message(self, *_args: object) -> None:
            """Says nothing: the tests read what was asked."""

    return Handler
