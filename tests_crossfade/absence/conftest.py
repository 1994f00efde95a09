"""Packages that import Django in one way or another."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from crossfade import absence


@pytest.fixture
def package(tmp_path):
    """Writes files below `tmp_path`: `package(**{"shop/models.py": "import django"})`."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return tmp_path

    return write


@pytest.fixture
def look(package, tmp_path):
    """Looks at the package `shop`, made of such files."""

    def looking(files: dict[str, str], **how) -> absence.Report:
        package({"shop/__init__.py": ""} | files)
        return absence.look("shop", path=[str(tmp_path), *sys.path], **how)

    return looking


@pytest.fixture
def guard(package, environ, tmp_path):
    """Runs `crossfade guard django`, in the folder of the package."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "crossfade", "guard", "django", *arguments],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
