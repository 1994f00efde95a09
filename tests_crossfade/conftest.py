"""The sample project, and the command `crossfade`, as a real process in it or in this one."""

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from crossfade.cli import main
from crossfade.testing import postgres

SAMPLE = Path(__file__).with_name("sample")
# Whatever the developer's shell, or the test run itself, says about databases is not for the processes under test.
_OURS = ("DATABASE", "DB_", "TESTING", "FASTAPI_", "TEST_", "CROSSFADE_", "APP_ENV", "SECRET_KEY", "JWT_", "SCHEDULER_")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Ctrl-C ends processes under test also where the run was started in the background, and ignores it itself."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def environ() -> dict[str, str]:
    """The environment for processes: this one's, without anything that configures the router or the application."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith((*_OURS, "PORT", "PYTEST_"))}
    # A pytest among them would take longer to load these two plugins than for all the rest, and use neither.
    return inherited | {"PYTEST_ADDOPTS": "-p no:schemathesis -p no:hypothesispytest"}


@pytest.fixture
def bookshop(tmp_path) -> Path:
    """A copy of the sample project."""
    return shutil.copytree(SAMPLE, tmp_path / "bookshop-project", ignore=shutil.ignore_patterns("__pycache__"))


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def crossfade(bookshop, environ) -> Command:
    """Runs `crossfade` in the sample project; keywords are variables."""

    def run(*arguments, cwd=bookshop, **variables):
        return subprocess.run(
            [sys.executable, "-m", "crossfade", *arguments],
            cwd=cwd,
            env=environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def in_process(environ, monkeypatch, capsys) -> Command:
    """Runs `crossfade` in this process, for what says the same in any; keywords are variables."""

    def run(*arguments, cwd=None, main=main, stdin="", **variables):
        with monkeypatch.context() as patch:
            for name in os.environ.keys() - environ.keys():
                patch.delenv(name)
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["crossfade", *arguments])
            patch.setattr(sys, "path", list(sys.path))
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            if cwd is not None:
                patch.chdir(cwd)
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code or 0
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server of this run's own."""
    with postgres.embedded() as started:
        yield started


@pytest.fixture
def database(server) -> Generator[str]:
    """The URL of a new, empty PostgreSQL database."""
    with server.databases("books") as make:
        yield make().render_as_string(hide_password=False)
