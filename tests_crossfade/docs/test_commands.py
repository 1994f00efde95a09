"""Every command in the README and in docs/ does what it says: they are read from the pages and run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from crossfade.testing import servers

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
# Those of the examples are run in the examples: see test_examples.
READ = [page for page in PAGES if "examples" not in page.parts]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)

# What continuous integration runs as it is: `.ci/run` is these.
RUN_BY_CI = {"make test", "make check", "make install"}


@dataclass(frozen=True)
class Server:
    """A command that serves until it is ended: what tells it its port, and a path that it answers."""

    port: str
    path: str


SERVERS = {
    "make up": Server("PORT={port}", "/api/v2/health"),
    ".venv/bin/crossfade up": Server("PORT={port}", "/api/health"),
    ".venv/bin/flask --app cronjobs.flask_app run": Server("FLASK_RUN_PORT={port}", "/api/health"),
    ".venv/bin/gunicorn 'cronjobs.flask_app:create_app()'": Server(
        "GUNICORN_CMD_ARGS=--bind 127.0.0.1:{port}", "/api/health"
    ),
    ".venv/bin/uvicorn --factory --no-proxy-headers cronjobs.fastapi_app:create_app": Server(
        "UVICORN_PORT={port}", "/api/v2/health"
    ),
}


def commands() -> list[str]:
    """The lines after `$ ` in the console blocks, each once."""
    lines = [line for page in READ for block in BLOCK.findall(page.read_text()) for line in block.splitlines()]
    return list(dict.fromkeys(line.removeprefix("$ ") for line in lines if line.startswith("$ ")))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project like this one, with an `instance/` of its own."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "instance").mkdir()
    return tmp_path


def environment(project: Path) -> dict[str, str]:
    """The environment of a person's shell: not the one of a test run."""
    kept = {key: value for key, value in os.environ.items() if "DATABASE" not in key and not key.startswith("PYTEST")}
    kept.pop("TESTING", None)
    return kept | {"CROSSFADE_PROJECT": str(project), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def resolved(command: str) -> list[str]:
    """The words of a command, `.venv/bin/` being the environment that runs the tests."""
    binaries = f"{Path(sys.executable).parent}/"
    return [word.replace(".venv/bin/", binaries) for word in shlex.split(command)]


def test_the_pages_show_commands() -> None:
    assert "make up" in commands()


@pytest.mark.parametrize("command", [each for each in commands() if each in RUN_BY_CI])
def test_a_command_of_the_makefile_exists(command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", [each for each in commands() if each not in RUN_BY_CI | SERVERS.keys()])
def test_a_command_succeeds(project: Path, command: str) -> None:
    initialised = [sys.executable, str(ROOT / "scripts" / "init_fastapi_db.py")]
    subprocess.run(initialised, cwd=ROOT, env=environment(project), check=True, capture_output=True)

    result = subprocess.run(
        resolved(command), cwd=ROOT, env=environment(project), capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout


@pytest.mark.parametrize("command", [each for each in commands() if each in SERVERS])
def test_a_server_serves_and_ends(project: Path, command: str) -> None:
    initialised = [sys.executable, str(ROOT / "scripts" / "init_fastapi_db.py")]
    subprocess.run(initialised, cwd=ROOT, env=environment(project), check=True, capture_output=True)
    server = SERVERS[command]
    port = servers.free_port()
    key, _, value = server.port.format(port=port).partition("=")

    url = f"http://127.0.0.1:{port}{server.path}"
    with servers.running(resolved(command), environ=environment(project) | {key: value}, url=url, cwd=ROOT) as process:
        assert process.poll() is None


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert broken == []
