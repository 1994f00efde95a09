"""How many calls are under way at once: in all, because each holds a socket, and to each host, which is somebody's.

Runs that wait here are claimed, and their leases are renewed: they start later, and are not lost. Their deadlines begin
when they start.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import yarl

from cronjobs.services.calls import Call

MOST_CALLS = 400
"""Processes commonly may have 1,024 files open, and a web server in the same process needs some."""
MOST_TO_A_HOST = 100

_GITHUB = "github"


class Doors:
    """The doors of one event loop."""

    def __init__(self, *, most: int = MOST_CALLS, most_to_a_host: int = MOST_TO_A_HOST) -> None:
        """All are open."""
        self._most_to_a_host = most_to_a_host
        self._all = asyncio.Semaphore(most)
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._users: dict[str, int] = {}

    @property
    def are_full(self) -> bool:
        """Whether calls have to wait, in all or to some host."""
        return self._all.locked() or any(door.locked() for door in self._hosts.values())

    @asynccontextmanager
    async def passed(self, call: Call) -> AsyncGenerator[None]:
        """Within the block the call may be made."""
        host = _host(call)
        door = self._hosts.setdefault(host, asyncio.Semaphore(self._most_to_a_host))
        self._users[host] = self._users.get(host, 0) + 1
        try:
            # First the host's: who waits for a slow one keeps nobody else out.
            async with door, self._all:
                yield
        finally:
            self._users[host] -= 1
            if not self._users[host]:
                del self._users[host], self._hosts[host]


def _host(call: Call) -> str:
    try:
        return (yarl.URL(call.url).host or "") if call.url else _GITHUB
    except ValueError:
        return ""
