"""Clients that speak to an ASGI application inside a test, and what they leave to be awaited."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import httpx2
from typing_extensions import override

ORIGIN = "http://testserver"


class Client(httpx2.AsyncClient):
    """An async client of an ASGI application in this process, whose lifespan begins with the first request."""

    def __init__(self, app: Any) -> None:
        """Sends nothing yet."""
        self._lifespan = _Lifespan(app)
        super().__init__(transport=_Transport(app, self._lifespan), base_url=ORIGIN)

    @override
    async def aclose(self) -> None:
        """Ends the lifespan, on the loop that began it."""
        await super().aclose()
        await self._lifespan.end()


class _Transport(httpx2.ASGITransport):
    def __init__(self, app: Any, lifespan: "_Lifespan") -> None:
        super().__init__(app=app)
        self._begun = lifespan

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._begun.begin()
        return await super().handle_async_request(request)


class _Lifespan:
    """An application's lifespan in one task, because what it opens must be closed in the task that opened it."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None
        self._leave: asyncio.Event | None = None

    async def begin(self) -> None:
        loop = asyncio.get_running_loop()
        if self._started is None or self._started.get_loop() is not loop:
            self._started, self._leave = loop.create_future(), asyncio.Event()
            self._task = loop.create_task(self._live(self._started, self._leave))
        await asyncio.shield(self._started)

    async def end(self) -> None:
        task, leave = self._task, self._leave
        self._task = self._started = self._leave = None
        if task is None or leave is None or task.get_loop() is not asyncio.get_running_loop():
            return
        leave.set()
        await task

    async def _live(self, started: asyncio.Future[None], leave: asyncio.Event) -> None:
        begun = False

        async def receive() -> dict[str, Any]:
            nonlocal begun
            if not begun:
                begun = True
                return {"type": "lifespan.startup"}
            await leave.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed" and not started.done():
                started.set_exception(RuntimeError(f"the application's lifespan failed: {message.get('message', '')}"))
            elif message["type"] == "lifespan.startup.complete" and not started.done():
                started.set_result(None)

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            # Before the start is complete this is the request's to raise; an application may also have no lifespan.
            if started.done():
                raise
            started.set_exception(error)
        if not started.done():
            started.set_result(None)


def finished(*closers: Callable[[], Awaitable[Any]]) -> None:
    """Awaits what must be awaited, from sync code: on a loop of its own, since none may be running or one is."""

    async def close() -> None:
        for closer in closers:
            await closer()

    _in_thread(close())


def _in_thread(coroutine: Coroutine[Any, Any, None]) -> None:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(coroutine)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits for it
            raised.append(error)

    thread = threading.Thread(target=run, name="crossfade-close")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
