"""Both stacks behind one address, from the first process to the last: what `crossfade up` runs.

Order: the stacks start and answer; the door opens; on SIGINT or SIGTERM the door closes and lets requests end, then
the stacks are ended. A second signal doesn't wait. However this ends, no process stays. The databases are left to
those who call this, and must be ready before.
"""

import asyncio
import signal
import socket
import tempfile
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

from crossfade.errors import CrossfadeError, ServingError
from crossfade.gateway.door import Door
from crossfade.gateway.front import Front
from crossfade.gateway.processes import Child, Say
from crossfade.gateway.proxy import Proxy
from crossfade.project import Project
from crossfade.routes import STACKS, Stack

_ONE_SIGNAL_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LONGEST_PLACE = 75


async def serve(
    project: Project,
    listener: socket.socket,
    *,
    folder: Path,
    environ: Mapping[str, str],
    say: Say,
    ready: Callable[[], None],
) -> None:
    """Serves until a signal says to stop. Raises StackFailedError if a stack can't be started.

    `listener` is closed at the end; `folder` (see `private_folder`) gets the sockets of the stacks, `environ` is their
    environment; `say` gets each line for a person, `ready` is called when all stacks answer.
    """
    children = {
        stack: Child(stack, socket=folder / stack, root=project.root, environ=environ, say=say)
        for stack in STACKS
        if getattr(project, stack) is not None
    }
    if not children:
        raise ServingError(reason="[tool.crossfade] names neither a Flask nor a FastAPI application")
    stop = _Stop(children.values())
    with stop.listening():
        try:
            await _until(stop, _come_up(children.values()))
            if not stop.asked:
                ready()
                front = Front.of({prefix: stack for prefix, stack in project.front.items() if stack in children})
                await _keep_open(front, children, listener, stop)
        finally:
            await asyncio.gather(*(child.stop() for child in children.values()))


@contextmanager
def private_folder() -> Generator[Path]:
    """A folder that only this user can enter, with a path short enough for the sockets in it; gone at the end."""
    # TMPDIR may be deep, and the kernel allows a socket's path 107 bytes.
    place = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="crossfade-", dir=place if len(place) < _LONGEST_PLACE else "/tmp") as name:  # noqa: S108  the folder in it is private
        yield Path(name)


class _Stop:
    """The wish to stop, as signals bring it. One that comes after the first has been heard kills."""

    def __init__(self, children: Iterable[Child]) -> None:
        self._children = children
        self._event = asyncio.Event()
        self._first = 0.0
        self.door: Door | None = None

    @property
    def asked(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()

    @contextmanager
    def listening(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._heard)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _heard(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self.asked:
            self._first = now
        elif now - self._first < _ONE_SIGNAL_SECONDS:
            # The same wish by another way: `make` and `timeout` pass on what the whole group has got already.
            return
        else:
            for child in self._children:
                child.kill()
        self._event.set()
        if self.door is not None:
            self.door.close()


async def _come_up(children: Iterable[Child]) -> None:
    async def one(child: Child) -> None:
        await child.start()
        await child.answering()

    await _first_error(one(child) for child in children)


async def _keep_open(front: Front, children: Mapping[Stack, Child], listener: socket.socket, stop: _Stop) -> None:
    sockets = {stack: child.socket for stack, child in children.items()}
    async with Proxy(front, sockets) as proxy:
        stop.door = Door(proxy)
        serving = asyncio.create_task(stop.door.serve(sockets=[listener]))
        watching = {asyncio.create_task(child.watch()) for child in children.values()}
        # Watching never ends, unless it can't go on: then there is nothing behind the door any more.
        ended, _ = await asyncio.wait({serving, *watching}, return_when=asyncio.FIRST_COMPLETED)
        stop.door.close()
        await serving
        for task in watching - ended:
            task.cancel()
        await asyncio.wait(watching)
        for task in watching & ended:
            task.result()


async def _until(stop: _Stop, work: Coroutine[None, None, None]) -> None:
    """Does the work, or leaves it where it is when a signal comes."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.wait({working, stopping})
    if not working.cancelled():
        working.result()


async def _first_error(work: Iterable[Coroutine[None, None, None]]) -> None:
    """Does everything at once. The first error ends the rest and is raised as it is, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except* CrossfadeError as errors:
        first = errors.exceptions[0]
        raise first from None
