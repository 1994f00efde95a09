"""Shops on both engines, ends of copies, and copies in processes of their own that can be killed."""

import importlib.util
import itertools
import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from crossfade import urls
from crossfade.database.engines import Engines
from crossfade.routes import Route
from crossfade.testing.postgres import embedded
from crossfade.transfer import plan
from crossfade.transfer.copying import Options, copy
from crossfade.transfer.ends import End
from crossfade.transfer.reports import Silence

_HERE = Path(__file__).parent
_NUMBERS = itertools.count()
_PATIENCE = 60
_TOLD = 10_000


@pytest.fixture(scope="session")
def shop() -> ModuleType:
    """The tables and rows of these tests."""
    # Test folders are no packages, and the processes that copy need the module by its name as well.
    found = importlib.util.spec_from_file_location("shop", _HERE / "shop.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def shop_server():
    """A PostgreSQL server that only these tests have, because they crash it."""
    with embedded() as running:
        yield running


@pytest.fixture
def empty(tmp_path, shop_server) -> Generator[Callable[[str], str]]:
    """Makes a database without tables, and returns its URL."""
    with shop_server.databases("shop") as make_database:

        def make(engine):
            if engine == "postgresql":
                url = make_database()
                text = url.render_as_string(hide_password=False)
                with psycopg.connect(text, autocommit=True) as connection:
                    # What is committed must survive the crashes that these tests make.
                    connection.execute(f"ALTER DATABASE {url.database} SET synchronous_commit = on")
                return text
            path = tmp_path / f"shop_{next(_NUMBERS)}.db"
            path.touch()
            return f"sqlite:///{path}"

        yield make


@pytest.fixture
def database(empty, shop) -> Callable[[str], str]:
    """Makes a database with empty tables."""
    return lambda engine: shop.make(empty(engine))


@pytest.fixture
def end():
    """Makes an end of a copy from a URL; all are closed afterwards."""
    made = []

    def make(role, url):
        canonical = urls.canonical(url, root=Path(), variable=role)
        made.append(Engines(name=f"crossfade:{role}", statement_timeout=0))
        return End(role, "URL", Route("flask", "shared", canonical, role, "development"), made[-1])

    yield make
    for engines in made:
        engines.dispose()


@pytest.fixture
def carry(end, shop):
    """Copies from one URL to another, in this process."""

    def run(source, target, *, tables=None, listener=None, metadata=shop.metadata, **options):
        chosen = plan.make(metadata, tables=tables)
        return copy(end("source", source), end("target", target), chosen, Options(**options), listener or Silence())

    return run


class Copies:
    """Starts copies in processes, one at a time, and kills them."""

    def __init__(self, complaints: Path) -> None:
        self._complaints = complaints
        self.last = 0
        """How the last one ended: its exit code, or minus the signal."""
        self.megabytes = 0.0
        """The most that the last one held."""
        with complaints.open("a") as file:
            self._process = subprocess.Popen(
                [sys.executable, str(_HERE / "zygote.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                # A line that waits in a buffer is none that `select` knows of.
                bufsize=0,
            )

    def begin(self, source: str, target: str, **options) -> int:
        """The pid of a copy that has begun."""
        order = json.dumps({"source": source, "target": target, **options})
        self._process.stdin.write(f"{order}\n".encode())
        return int(self._process.stdout.readline())

    def ended(self) -> int:
        """Waits for its end, and says how it was."""
        self.last, kilobytes = map(int, self._process.stdout.readline().split())
        self.megabytes = kilobytes / 1024
        return self.last

    def whole(self, source: str, target: str, **options) -> int:
        """How a copy ends that nobody disturbs."""
        self.begin(source, target, **options)
        return self.ended()

    def killed(self, source: str, target: str, after: float, **options) -> bool:
        """Whether a copy was still at work when it was killed, so many seconds after it began."""
        pid = self.begin(source, target, **options)
        if not select.select([self._process.stdout], [], [], after)[0]:
            # Not reaped before we have read how it ended, or only just: the pid is nobody else's in so short a time.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self.ended() == -signal.SIGKILL

    @property
    def complaints(self) -> str:
        """What the processes wrote to standard error, the newest of it."""
        return self._complaints.read_text()[-_TOLD:]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(_PATIENCE)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def copies(tmp_path_factory):
    """The processes, and the one that they are forked from."""
    running = Copies(tmp_path_factory.mktemp("copies") / "complaints.txt")
    yield running
    running.close()


@pytest.fixture
def chance(request) -> random.Random:
    """The same on each run of a test, and another one for each test."""
    return random.Random(request.node.name)
