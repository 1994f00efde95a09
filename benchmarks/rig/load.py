"""Asks a server one question again and again, a few at a time, and keeps how long each answer took."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

AT_ONCE = 8
"""Requests in flight: one for each of gunicorn's threads."""
MOST = 2_000
"""Requests in one round, however fast the server is."""

_TIMEOUT = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True)
class Question:
    """A request and the status that answers it."""

    name: str
    path: str
    method: str = "GET"
    body: Callable[[], dict[str, Any]] | None = None
    """Makes the JSON of each request."""
    status: int = 200


@dataclass
class Measured:
    """What came of it, over several rounds."""

    latencies: list[float] = field(default_factory=list)
    """Seconds, one for each request."""
    seconds: float = 0.0
    """How long it took altogether."""
    computed: float | None = 0.0
    """Seconds of processor time that the server took; None where nobody can tell."""

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return len(self.latencies) / self.seconds

    @property
    def milliseconds_computed(self) -> float | None:
        """Processor time of the server for a request."""
        return None if self.computed is None else 1000 * self.computed / len(self.latencies)

    def milliseconds(self, share: float) -> float:
        """The latency that this share of the requests stays within, such as 0.5 or 0.99."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


async def put(question: Question, base: str, *, token: str, seconds: float, into: Measured) -> None:
    """One round: asks for so many seconds, adds what it measured to `into`.

    Raises RuntimeError for an answer with another status.
    """
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    headers = {"Authorization": f"Bearer {token}"}
    latencies: list[float] = []
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=_TIMEOUT) as client:
        begun = time.perf_counter()

        async def keep_asking() -> None:
            while time.perf_counter() - begun < seconds and len(latencies) < MOST:
                latencies.append(await _ask(client, question, base))

        await asyncio.gather(*(keep_asking() for _ in range(AT_ONCE)))
        into.seconds += time.perf_counter() - begun
    into.latencies += latencies


async def answer(question: Question, base: str, *, token: str) -> Any:
    """The JSON of one answer."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers, timeout=_TIMEOUT) as client,
        client.request(question.method, base + question.path) as response,
    ):
        return await response.json()


async def _ask(client: aiohttp.ClientSession, question: Question, base: str) -> float:
    body = None if question.body is None else question.body()
    begun = time.perf_counter()
    async with client.request(question.method, base + question.path, json=body) as response:
        text = await response.read()
    took = time.perf_counter() - begun
    if response.status != question.status:
        raise RuntimeError(f"{question.method} {base}{question.path}: {response.status} {text.decode()[:300]}")
    return took
