"""What the front door costs: the same small request to a stack directly, and through the door.

    python benchmarks/front_door.py [requests]

The stack answers at once, so the difference is the door's. Times are of this machine at this moment: compare the two
columns, not runs.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from crossfade.gateway.door import Door, take
from crossfade.gateway.front import Front
from crossfade.gateway.proxy import Proxy

AT_ONCE = 16
BODY = b'{"status": "ok"}'


async def stack(_scope: Any, _receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Answers everything."""
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": BODY})


async def serve(socket: Path, port: int) -> None:
    """The door before `socket`, until it is ended."""
    async with Proxy(Front.of({"/": "fastapi"}), {"fastapi": socket}) as proxy:
        await Door(proxy).serve(sockets=[take("127.0.0.1", port)])


async def measure(session: aiohttp.ClientSession, url: str, count: int) -> tuple[float, float]:
    """The median of requests one after the other in ms, and how many a second go through when several are under way."""

    async def one() -> float:
        began = time.perf_counter()
        async with session.get(url) as response:
            if await response.read() != BODY:
                raise RuntimeError(f"{url} answered {response.status}")
        return (time.perf_counter() - began) * 1000

    async def several() -> None:
        for _ in range(count // AT_ONCE):
            await one()

    alone = [await one() for _ in range(count)]
    began = time.perf_counter()
    await asyncio.gather(*(several() for _ in range(AT_ONCE)))
    return statistics.median(alone), count / (time.perf_counter() - began)


async def compare(socket: Path, port: int, count: int) -> None:
    """Prints both."""
    while not socket.exists() or not await _answers(port):  # noqa: ASYNC110, ASYNC240  other processes tell by no event
        await asyncio.sleep(0.05)
    ways = {
        "directly": (aiohttp.UnixConnector(str(socket)), "http://stack/api/health"),
        "through the door": (aiohttp.TCPConnector(), f"http://127.0.0.1:{port}/api/health"),
    }
    print(f"{'':20}{'median ms':>12}{'requests/s':>12}")
    for name, (connector, url) in ways.items():
        async with aiohttp.ClientSession(connector=connector) as session:
            median, rate = await measure(session, url, count)
        print(f"{name:20}{median:12.2f}{rate:12.0f}")


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def main(count: int) -> None:
    """Three processes, as in real life: the stack, the door, and those who ask."""
    with tempfile.TemporaryDirectory() as folder, take("127.0.0.1", 0) as probe:
        socket, port = Path(folder) / "stack", probe.getsockname()[1]
        probe.close()
        commands = (["stack", str(socket)], ["door", str(socket), str(port)])
        processes = [subprocess.Popen([sys.executable, __file__, *command]) for command in commands]
        try:
            asyncio.run(compare(socket, port, count))
        finally:
            for process in processes:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["stack", name]:
            uvicorn.run(stack, uds=name, log_level="warning", access_log=False)
        case ["door", name, number]:
            asyncio.run(serve(Path(name), int(number)))
        case [number]:
            main(int(number))
        case _:
            main(2000)
