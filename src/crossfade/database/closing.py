"""Closes an async engine's idle connections from sync code: at the end of a command, a test, a configuration.

Closing is awaited on a loop, and sync code may have none, may stand on one that it can't wait for, or come after the
loop's end. Which engines are to be closed is left to `engines`.
"""

import asyncio
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

LoopReference = weakref.ref[asyncio.AbstractEventLoop]


def close(engine: AsyncEngine, loop: LoopReference | None) -> asyncio.Task[None] | None:
    """Closes what is idle; `loop` is the only one that can, for asyncpg, and None if any can.

    Returns a task, to be kept until it is done, if the closing must wait until the caller has left its own loop.
    """
    if not isinstance(engine.pool, QueuePool) or not engine.pool.checkedin():
        engine.sync_engine.dispose()
        return None
    if loop is None:
        # One of its own, in a thread of its own, because a loop may be running in this one.
        closer = threading.Thread(target=asyncio.run, args=(engine.dispose(),), name="crossfade-close")
        closer.start()
        closer.join()
        return None
    return _close_on(loop(), engine)


@contextmanager
def latecomers_closed(engine: Engine) -> Generator[None]:
    """Around the closing of an engine's idle connections: those that are out are closed when they come back.

    Their pool is nobody's by then, and would keep them open until it is collected.
    """
    pool = engine.pool
    yield
    if engine.pool is not pool:
        event.listen(pool, "checkin", lambda _connection, entry: entry.close())


def _close_on(loop: asyncio.AbstractEventLoop | None, engine: AsyncEngine) -> asyncio.Task[None] | None:
    here = running_loop()
    if loop is not None and loop is here:
        return loop.create_task(engine.dispose())
    if loop is None or loop.is_closed() or (not loop.is_running() and here is not None):
        # Nobody is left to say goodbye to the server: the sockets close with their objects.
        engine.sync_engine.dispose(close=False)
    elif loop.is_running():
        asyncio.run_coroutine_threadsafe(engine.dispose(), loop).result()
    else:
        loop.run_until_complete(engine.dispose())
    return None


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
