"""Each example is a project of its own: the commands of its README are run in a copy of it, its tests among them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossfade.testing import servers

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def names() -> list[str]:
    """The folders of the examples."""
    return sorted(page.parent.name for page in EXAMPLES.glob("*/README.md"))


def commands(example: str) -> list[str]:
    """The lines after `$ ` in the README of an example, in order."""
    page = (EXAMPLES / example / "README.md").read_text()
    lines = [line for block in BLOCK.findall(page) for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


@pytest.mark.parametrize("example", names())
def test_the_commands_of_an_example_succeed_one_after_the_other(example: str, tmp_path: Path, environ) -> None:
    left_over = shutil.ignore_patterns("__pycache__", "instance", ".*")
    project = shutil.copytree(EXAMPLES / example, tmp_path / example, ignore=left_over)
    environ = environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    assert any(command.startswith("pytest") for command in commands(example))
    for command in commands(example):
        if command == "crossfade up":
            port = servers.free_port()
            url = f"http://127.0.0.1:{port}/openapi.json"
            with servers.running(["crossfade", "up"], environ=environ | {"PORT": str(port)}, url=url, cwd=project):
                continue
        words = shlex.split(command)
        done = subprocess.run(words, cwd=project, env=environ, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_every_example_is_linked_from_the_pages() -> None:
    pages = "".join((ROOT / "docs" / name).read_text() for name in ("index.md", "testing.md", "django.md"))

    assert [name for name in names() if f"examples/{name}/README.md" not in pages] == []
