"""The sample project with tests of its own, and pytest as a real process in it."""

import subprocess
import sys
from collections.abc import Callable
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


@pytest.fixture
def suite(bookshop: Path, environ: dict[str, str]) -> Suite:
    """Runs pytest in the sample project, on the tests that are given as text; keywords are variables."""
    with (bookshop / "pyproject.toml").open("a") as file:
        file.write(CONFIGURED)
    (bookshop / "instance").mkdir()

    def run(tests: str, *options: str, **variables: str) -> Outcome:
        (bookshop / "test_it.py").write_text(tests)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        # Whatever this very run was told by pytest-randomly and pytest-xdist is not meant for that one.
        result = subprocess.run(
            command, cwd=bookshop, env=environ | variables, capture_output=True, text=True, timeout=300, check=False
        )
        return Outcome(result.returncode, result.stdout + result.stderr)

    return run
