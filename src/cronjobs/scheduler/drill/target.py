"""A web server on the loopback, as a process of its own, that counts the calls of runs by their headers.

    python -m cronjobs.scheduler.drill.target

prints its port and serves until it is ended. `GET /calls` answers what it received since it began or since
`POST /reset?delay=SECONDS`, which also says how long it takes to answer from now on. Every other path is a
target; those below `/flaky/` answer 500 to the first attempt of each run.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

_WAITING = 4096
"""Connections that wait to be accepted: a thousand runs are due in the same second."""
_PATIENCE = 60.0
_FLAKY = "/flaky/"
_FINE, _BROKEN = b"200 OK", b"500 Internal Server Error"
_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """A call that arrived."""

    path: str
    id: str
    """Of the run; empty if the caller sends no `webhook-id`."""
    attempt: int
    at: float
    """Seconds since 1970."""


def received(address: str) -> list[Received]:
    """What the target at `address` received, in the order of arrival."""
    with urlopen(f"{address}/calls", timeout=_PATIENCE) as answer:  # noqa: S310 - the loopback
        return [Received(*each) for each in json.load(answer)]


def reset(address: str, *, delay: float = 0.0) -> None:
    """Forgets what was received; from now on the target answers after `delay` seconds."""
    request = Request(f"{address}/reset?delay={delay}", method="POST")  # noqa: S310 - the loopback
    with urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - the loopback
        answer.read()


@dataclass
class _Target:
    calls: list[tuple[str, str, int, float]] = field(default_factory=list)
    delay: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection."""
        try:
            while await self._answer(reader, writer):
                continue
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # the caller was killed, or is none of ours
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays open."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        at = time.time()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        await reader.readexactly(int(headers.get("content-length", 0)))
        body = await self._reply(first.split(" ")[1], headers, at)
        is_first = headers.get("webhook-attempt", "1") == "1"
        status = _BROKEN if is_first and first.split(" ")[1].startswith(_FLAKY) else _FINE
        writer.write(_HEAD % (status, len(body)) + body)
        await writer.drain()
        return headers.get("connection", "").lower() != "close"

    async def _reply(self, path: str, headers: dict[str, str], at: float) -> bytes:
        if path == "/calls":
            return json.dumps(self.calls).encode()
        if path.startswith("/reset?"):
            self.delay = float(parse_qs(urlsplit(path).query)["delay"][0])
            self.calls = []
            return b""
        self.calls.append((path, headers.get("webhook-id", ""), int(headers.get("webhook-attempt", 1)), at))
        if self.delay:
            await asyncio.sleep(self.delay)
        return b"ok"


async def _main() -> None:
    target = _Target()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0, backlog=_WAITING)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads its port
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
