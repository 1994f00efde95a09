"""A pool whose connections may go from one event loop to the next, as those of aiosqlite and psycopg can.

SQLAlchemy's own stays with the loop in which somebody first had to wait for a connection: in any later one, such as the
next test's, whoever has to wait fails with "bound to a different event loop".
"""

import asyncio
import weakref

from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.util import queue
from typing_extensions import override


class _Queue(queue.AsyncAdaptedQueue[ConnectionPoolEntry]):
    _waited_in: weakref.ref[asyncio.AbstractEventLoop] | None = None

    @override
    def get(self, block: bool = True, timeout: float | None = None) -> ConnectionPoolEntry:
        if block and self.empty():
            self._forget_a_closed_loop()
        return super().get(block, timeout)

    def _forget_a_closed_loop(self) -> None:
        here = asyncio.get_running_loop()
        former = None if self._waited_in is None else self._waited_in()
        if former is here:
            return
        if former is None or former.is_closed():
            # Nobody waits any more where the loop is gone, and an empty queue has nothing to hand over. One of a loop
            # that lives is kept, and is asyncio's to refuse: its own waiters would never be woken by another one.
            self.__dict__.pop("_queue", None)
            self._waited_in = weakref.ref(here)


class WanderingPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool for async engines, usable in one event loop after the other."""

    _queue_class = _Queue
