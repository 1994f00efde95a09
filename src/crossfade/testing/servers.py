"""Real servers for tests: in processes of their own, on loopback, ended by pid."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crossfade.routes import Stack

START = 60.0
"""Seconds that a server may take to answer, on a machine that does other things too."""
END = 20.0
"""Seconds that it may take to end."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class LiveServer:
    """A stack in a process of its own, on loopback, on the database of the tests."""

    url: str
    """Where it answers: http://127.0.0.1 and a port, without a slash at the end."""
    process: int
    """Its pid."""
    log: Path
    """What it says."""


@contextmanager
def live(stack: Stack, *, root: Path, environ: Mapping[str, str], log: Path) -> Generator[LiveServer]:
    """The project's application for a stack, served as `crossfade up` serves it; any answer at all says that it is up.

    Raises ChildProcessError with its last words when it ends before it answers, TimeoutError when it doesn't answer.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as said:
        process = subprocess.Popen(
            _command(stack, port),
            cwd=root,
            env=dict(environ) | {"CROSSFADE_PROJECT": str(root)},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        try:
            _await_answer(process, url, any_status=True)
        except ChildProcessError as error:
            words = log.read_text(errors="replace").splitlines()[-15:]
            raise ChildProcessError("\n".join([str(error), *words])) from None
        yield LiveServer(url, process.pid, log)
    finally:
        _end(process)


def _command(stack: Stack, port: int) -> list[str]:
    if stack == "flask":
        server = ["gunicorn", "--worker-class", "gthread", "--threads", "4", "--bind", f"127.0.0.1:{port}"]
        server += ["--no-control-socket", "--log-level", "warning", "crossfade.gateway.backend:flask()"]
    else:
        server = ["uvicorn", "--factory", "--port", str(port), "--log-level", "warning", "--no-access-log"]
        server += ["crossfade.gateway.backend:fastapi"]
    return [sys.executable, "-m", *server]


@contextmanager
def running(
    command: Sequence[str], *, environ: Mapping[str, str], url: str, cwd: Path | None = None
) -> Generator[subprocess.Popen[bytes]]:
    """A process that answers `url` with 200, in a process group of its own; the block's end is theirs.

    Raises ChildProcessError when it ends before it answers, TimeoutError when it doesn't answer or doesn't end in time.
    """
    process = subprocess.Popen(command, env=dict(environ), cwd=cwd, start_new_session=True)
    try:
        _await_answer(process, url)
        yield process
    finally:
        _end(process)


def _await_answer(process: subprocess.Popen[bytes], url: str, *, any_status: bool = False) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ChildProcessError(f"{process.args!r} ended with {process.returncode} before it answered {url}")
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200 or any_status:
                    return
        except urllib.error.HTTPError as error:
            error.close()
            if any_status:
                return
            time.sleep(0.1)
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"{process.args!r} did not answer {url} within {START:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    # To the leader alone, which ends its own: gunicorn's threaded workers can deadlock when a second signal, from
    # outside, meets the leader's in their handler.
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=END)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise TimeoutError(f"{process.args!r} did not end within {END:.0f} s of SIGTERM") from None
