"""The sample project with tests of its own, and pytest as a real process in it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CONFIGURED = """
[tool.pytest]
strict = true
filterwarnings = ["error"]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
"""

REFUSED = """
import contextlib, io, json, os, sys
import pytest

inherited = dict(os.environ)
said = []
for options, variables in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(inherited | variables)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = pytest.main(["-q", "-s", *options])
    said.append([code, out.getvalue()])
print(json.dumps(said))
"""
# Plugins of this environment which the sample project has no use for: to load them took half of what a run takes.
SPARED = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")
ON_POSTGRESQL = {"--crossfade-db=postgres", "--crossfade-db=both"}


@dataclass(frozen=True)
class Outcome:
    """What a run of pytest came to."""

    code: int
    said: str

    def counts(self, **expected: int) -> bool:
        """Whether the last line says so: `counts(passed=2)`."""
        last = self.said.rstrip().splitlines()[-1]
        return all(f"{count} {word}" in last for word, count in expected.items())


Suite = Callable[..., Outcome]
Refusals = Callable[..., None]


@pytest.fixture
def refusals(environ: dict[str, str]) -> Refusals:
    """Asserts that pytest ends before the first test, with a message and nothing from the depths: each time that it is
    called in a folder with some options and variables, for which a part of the message is given.

    One process for all the times: to start it is what such a run costs.
    """

    def refuse(folder: Path, asked: Sequence[tuple[list[str], dict[str, str], str]]) -> None:
        done = subprocess.run(
            [sys.executable, "-c", REFUSED],
            cwd=folder,
            env=environ,
            input=json.dumps([[[*SPARED, *options], variables] for options, variables, _ in asked]),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        for (code, said), (_, _, expected) in zip(json.loads(done.stdout), asked, strict=True):
            assert code == 4, said
            assert expected in said, said
            assert "Traceback" not in said, said
            assert "it ran" not in said, said

    return refuse


@pytest.fixture
def suite(bookshop: Path, environ: dict[str, str], request: pytest.FixtureRequest) -> Suite:
    """Runs pytest in the sample project, on the tests that are given as text, or as texts by file name.

    Keywords are variables. PostgreSQL is this run's own server, unless an option says otherwise: to start one takes
    longer than the tests.
    """
    with (bookshop / "pyproject.toml").open("a") as file:
        file.write(CONFIGURED)
    (bookshop / "instance").mkdir()

    def run(tests: str | Mapping[str, str], *options: str, **variables: str) -> Outcome:
        for name, text in {"test_it.py": tests}.items() if isinstance(tests, str) else tests.items():
            (bookshop / name).write_text(text)
        if ON_POSTGRESQL.intersection(options) and not any(option.startswith("--crossfade-p") for option in options):
            server = request.getfixturevalue("server")
            options = (*options, f"--crossfade-postgres={server.url.render_as_string(hide_password=False)}")
        command = [sys.executable, "-m", "pytest", "-q", *SPARED, *options]
        # Whatever this very run was told by pytest-randomly and pytest-xdist is not meant for that one.
        result = subprocess.run(
            command, cwd=bookshop, env=environ | variables, capture_output=True, text=True, timeout=300, check=False
        )
        return Outcome(result.returncode, result.stdout + result.stderr)

    return run
