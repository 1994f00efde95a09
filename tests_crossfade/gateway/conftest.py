"""A front door before two stacks that are made of nothing but ASGI, all in the test's own event loop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from crossfade.gateway import door
from crossfade.gateway.front import Front
from crossfade.gateway.proxy import Proxy
from crossfade.project import FRONT


class Server(uvicorn.Server):
    """A server that leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


async def started(application, socket):
    """A server on a Unix socket, and its task."""
    options = {"log_config": None, "lifespan": "off", "http": "h11", "ws": "none"}
    server = Server(uvicorn.Config(application, uds=str(socket), **options))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells by a flag
        await asyncio.sleep(0.005)
    return server, task


Answer = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass
class Stack:
    """A stack that remembers what it was asked, and answers as it is told."""

    name: str
    socket: Path
    scopes: list[dict] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Answer | None = None

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        self.asked.set()
        if self.answer is not None:
            await self.answer(scope, receive, send)
            return
        self.bodies.append(await self.whole(receive))
        await self.reply(send, self.name.encode())

    @property
    def headers(self):
        """The headers of the last request."""
        return self.scopes[-1]["headers"]

    def header(self, name):
        return [value for found, value in self.headers if found == name]

    @staticmethod
    async def whole(receive):
        """The whole body of a request."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                return body

    @staticmethod
    async def reply(send, body, *, status=200, headers=()):
        head = [(b"content-length", str(len(body)).encode()), *headers]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})


@dataclass
class House:
    """The front door, and the stacks behind it."""

    port: int
    flask: Stack
    fastapi: Stack
    proxy: Proxy

    async def send(self, raw, *, until=b""):
        """Sends bytes and returns what comes back, up to the end of the connection or up to `until`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            async with asyncio.timeout(20):
                return await reader.readuntil(until) if until else await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    async def get(self, path, *, method="GET", headers=""):
        """The status, the head in lower case, and the body of an answer."""
        lines = f"{method} {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n{headers}\r\n"
        answer = await self.send(lines.encode("latin-1"))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.lower(), body


@pytest.fixture
def patience():
    return 20.0


@pytest.fixture
async def house(tmp_path, patience):
    flask, fastapi = Stack("flask", tmp_path / "a"), Stack("fastapi", tmp_path / "b")
    sockets = {"flask": flask.socket, "fastapi": fastapi.socket}
    listener = door.take("127.0.0.1", 0)
    port = listener.getsockname()[1]
    servers = [await started(flask, flask.socket), await started(fastapi, fastapi.socket)]
    async with Proxy(Front.of(FRONT), sockets, patience=patience) as proxy:
        front = door.Door(proxy)
        servers.append((front, asyncio.create_task(front.serve(sockets=[listener]))))
        try:
            yield House(port, flask, fastapi, proxy)
        finally:
            # All at once: uvicorn takes its time to look at the flag.
            for server, _ in servers:
                server.force_exit = server.should_exit = True
            await asyncio.gather(*(task for _, task in servers))
