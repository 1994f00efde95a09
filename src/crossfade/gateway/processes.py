"""The stacks' processes: started, watched, started again when they die, ended within a bound.

Each stack runs under the server of its kind (gunicorn, uvicorn) on a Unix socket, in a process group of its own, so
that a Ctrl-C on the terminal reaches the front door alone and the order of stopping is ours. What a stack prints is
passed on line by line, without secrets. What serves inside is left to `backend`.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from crossfade import redaction
from crossfade.errors import StackFailedError
from crossfade.gateway.backend import GRACE_SECONDS, LIFELINE
from crossfade.gateway.headers import LARGEST_HEAD
from crossfade.routes import Stack

Say = Callable[[str], None]

START_SECONDS = 60.0
"""How long a stack may take until it answers."""
STOP_SECONDS = GRACE_SECONDS + 3
"""How long a stack may take to end before it is killed."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STEADY_SECONDS = 30.0
_LAST_WORDS_SECONDS = 1.0
_KEPT_LINES = 20
_CHUNK = 64 * 1024
_LONGEST_LINE = 1024 * 1024
# More than the front door's own, so that it never sends into a connection that is being closed.
_KEEP_ALIVE = "75"
_PROBE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def command(stack: Stack, socket: Path) -> list[str]:
    """The server of a stack, listening on `socket`."""
    grace = str(GRACE_SECONDS)
    if stack == "flask":
        server = ["gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "8"]
        server += ["--bind", f"unix:{socket}", "--keep-alive", _KEEP_ALIVE, "--graceful-timeout", grace]
        # The front door says what is too large or no HTTP, in the words of both stacks; gunicorn's own are HTML.
        server += ["--limit-request-line", "0", "--limit-request-fields", "32768"]
        server += ["--limit-request-field_size", str(2 * LARGEST_HEAD), "--permit-unconventional-http-method"]
        server += ["--no-control-socket", "--log-level", "warning", "crossfade.gateway.backend:flask()"]
    else:
        server = ["uvicorn", "--factory", "--uds", str(socket), "--timeout-keep-alive", _KEEP_ALIVE]
        server += ["--timeout-graceful-shutdown", grace, "--no-access-log", "--log-level", "warning"]
        server += ["--h11-max-incomplete-event-size", str(2 * LARGEST_HEAD)]
        # The socket is in a folder that only this user can enter: whoever speaks there is the front door.
        server += ["--forwarded-allow-ips", "*", "crossfade.gateway.backend:fastapi"]
    return [sys.executable, "-m", *server]


class Child:
    """A stack's process, or rather one after the other."""

    def __init__(self, stack: Stack, *, socket: Path, root: Path, environ: Mapping[str, str], say: Say) -> None:
        """Starts nothing yet. `say` gets each line that is meant for a person."""
        self.stack = stack
        self.socket = socket
        self._root = root
        self._environ = dict(environ)
        self._say = say
        self._words: deque[str] = deque(maxlen=_KEPT_LINES)
        self._silent = True
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lifeline: int | None = None

    async def start(self) -> None:
        """Starts the process; it may not answer yet."""
        inner, self._lifeline = os.pipe()
        # A pipe of ours and not asyncio's: with its own, it takes a process for running while anybody holds the pipe.
        heard, spoken = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command(self.stack, self.socket),
                cwd=self._root,
                env=self._environ | {LIFELINE: f"{inner}:{self.socket.parent}", "CROSSFADE_PROJECT": str(self._root)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=spoken,
                stderr=spoken,
                pass_fds=(inner,),
                start_new_session=True,
            )
        finally:
            os.close(inner)
            os.close(spoken)
            self._reading = asyncio.create_task(self._read(heard))

    async def answering(self, *, within: float = START_SECONDS) -> None:
        """Returns when the stack answers. What it printed until then is in the StackFailedError if it doesn't."""
        ended = asyncio.create_task(self.ended())
        answers = asyncio.create_task(self._answers())
        try:
            async with asyncio.timeout(within):
                await asyncio.wait({ended, answers}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise self._failed(f"it gave no answer within {within:g} seconds") from None
        finally:
            ended.cancel()
            answers.cancel()
        if not answers.done() or answers.cancelled():
            raise self._failed(f"it {_farewell(ended.result())}")
        self._speak()

    async def watch(self) -> None:
        """Starts the process again whenever it ends, after pauses that grow while it keeps ending. Never returns."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            began = loop.time()
            code = await self.ended()
            pause = _FIRST_PAUSE if loop.time() - began > _STEADY_SECONDS else min(pause * 2, _LONGEST_PAUSE)
            self._say(f"[{self.stack}] {_farewell(code)}; it is started again in {pause:g} s")
            await asyncio.sleep(pause)
            await self.start()

    async def ended(self) -> int:
        """The exit code of the process, once it and its group are gone and its last line is read."""
        if self._process is None or self._reading is None:
            raise RuntimeError(f"the {self.stack} process was never started")
        code = await self._process.wait()
        # Of a server that was killed, workers may live on.
        self._signal_group(signal.SIGKILL)
        # A program that the application started and that outlives it may hold on to its output.
        await asyncio.wait({self._reading}, timeout=_LAST_WORDS_SECONDS)
        self._reading.cancel()
        self._drop_lifeline()
        return code

    async def stop(self, *, within: float = STOP_SECONDS) -> None:
        """Ends the process: asked first, killed when `within` seconds are over."""
        if self._process is None:
            return
        if self._process.returncode is None:
            # The server alone: it ends its own workers in its own order.
            self._process.terminate()
        try:
            async with asyncio.timeout(within):
                await self.ended()
        except TimeoutError:
            self._say(f"[{self.stack}] didn't end within {within:g} s: killed")
            self.kill()
            await self.ended()

    def kill(self) -> None:
        """Ends the process and its group at once."""
        self._signal_group(signal.SIGKILL)

    async def _answers(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(self.socket)
                try:
                    writer.write(_PROBE)
                    # Any answer will do: what is under `/` is the application's own business.
                    if (await reader.readline()).startswith(b"HTTP/"):
                        return
                finally:
                    writer.close()
            await asyncio.sleep(0.05)

    async def _read(self, heard: int) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(heard, "rb"))
        rest = b""
        try:
            while chunk := await reader.read(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._hear(line)
        finally:
            if rest:
                self._hear(rest)
            transport.close()

    def _hear(self, line: bytes) -> None:
        text = redaction.mask(line.decode(errors="replace").rstrip())
        self._words.append(text)
        if not self._silent:
            self._say(self._named(text))

    def _named(self, text: str) -> str:
        """A line that says whose it is; one of JSON says so itself."""
        return text if text.startswith("{") else f"[{self.stack}] {text}"

    def _speak(self) -> None:
        """From now on every line is passed on, those held back so far first."""
        self._silent = False
        for text in self._words:
            self._say(self._named(text))

    def _failed(self, reason: str) -> StackFailedError:
        words = "\n  ".join(("", *self._words)) if self._words else "none."
        return StackFailedError(stack=self.stack, reason=reason, words=words)

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _drop_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


def _farewell(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
