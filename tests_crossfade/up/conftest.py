"""`crossfade up` and the usual servers as real processes, and a look at what they leave behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PATIENCE = 60.0


def eventually(question: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """Asks until the answer is true, and returns it; fails when it never becomes so."""
    end = time.monotonic() + within
    while not (answer := question()):
        assert time.monotonic() < end, f"it never became true: {question}"
        time.sleep(0.05)
    return answer


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """One request; errors of HTTP are answers too."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())


def post(url: str, content: Any, **headers: str) -> Answer:
    """Posts JSON."""
    return ask(url, method="POST", body=json.dumps(content).encode(), **{"Content-Type": "application/json"}, **headers)


def answers(url: str) -> Answer | None:
    """The answer, None while nobody listens."""
    try:
        return ask(url)
    except OSError:
        return None


def inhabitants(folder: Path) -> set[int]:
    """The processes that work in a folder."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            # A process that has ended and waits to be reaped has no folder any more.
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.add(int(entry.name))
        except OSError:
            continue
    return found


class Running:
    """A process under test, with what it says in files."""

    def __init__(self, arguments: list[str], *, cwd: Path, environ: dict[str, str], log: Path) -> None:
        self.folder = cwd
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(arguments, cwd=cwd, env=environ, stdout=out, stderr=err)

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def address(self) -> str:
        """Where the front door is, once it is open."""
        return re.search(r"^(http://\S+?)/", self.out, re.MULTILINE)[1]

    def serving(self) -> "Running":
        """Itself, when it serves."""
        eventually(lambda: "Ctrl-C stops it" in self.out or self.process.poll() is not None)
        assert self.process.poll() is None, self.err
        return self

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """The exit code, when it has ended."""
        return self.process.wait(PATIENCE)

    def clear(self) -> None:
        """Ends what is left of it, each process by its id."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in inhabitants(self.folder) - {os.getpid()}:
            os.kill(pid, signal.SIGKILL)


Run = Callable[..., Running]


@contextmanager
def _runs(environ: dict[str, str], logs: Path, temporary: Path) -> Generator[Run]:
    started: list[Running] = []

    def start(*arguments: str, cwd: Path, **variables: str) -> Running:
        log = logs / f"process-{len(started)}"
        variables = {"TMPDIR": str(temporary)} | variables
        started.append(Running(list(arguments), cwd=cwd, environ=environ | variables, log=log))
        return started[-1]

    yield start
    for one in started:
        one.clear()


@pytest.fixture
def temporary() -> Generator[Path]:
    """The folder for temporary files of the processes under test: a thing to look at, and short as sockets want it."""
    with tempfile.TemporaryDirectory(prefix="up-") as name:
        yield Path(name)


@pytest.fixture
def run(environ, tmp_path, temporary) -> Generator[Run]:
    """Starts a process in a folder; keywords are variables. All are ended after the test."""
    with _runs(environ, tmp_path, temporary) as start:
        yield start


@pytest.fixture(scope="module")
def run_once(environ, tmp_path_factory) -> Generator[Run]:
    """The same for processes that the tests of a file share: these are ended after the last."""
    with (
        tempfile.TemporaryDirectory(prefix="up-") as temporary,
        _runs(environ, tmp_path_factory.mktemp("logs"), Path(temporary)) as start,
    ):
        yield start


@pytest.fixture
def up(run, bookshop) -> Callable[..., Running]:
    """Starts `crossfade up` in the sample project, on a free port unless one is named."""

    def start(*arguments: str, **variables: str) -> Running:
        variables = {"PORT": "0"} | variables
        return run(sys.executable, "-m", "crossfade", "up", *arguments, cwd=bookshop, **variables)

    return start


@pytest.fixture
def refused(in_process, bookshop) -> Generator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Asks for `crossfade up` in the sample project where it can't serve: for that it needs no process of its own."""
    handler = signal.getsignal(signal.SIGTERM)

    def ask_for(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return in_process("up", *arguments, cwd=bookshop, **({"PORT": "0"} | variables))

    yield ask_for
    signal.signal(signal.SIGTERM, handler)
    for name in [name for name in sys.modules if name.partition(".")[0] == "bookshop"]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Finds a port that was free a moment ago."""

    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            return probe.getsockname()[1]

    return find


@pytest.fixture
def http() -> SimpleNamespace:
    """The questions of this file, for tests."""
    return SimpleNamespace(ask=ask, post=post, answers=answers, eventually=eventually, inhabitants=inhabitants)
