"""A test run touches disposable databases alone, and says so before the first test."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

PYPROJECT = """
[tool.crossfade]
metadata = "app:metadata"
revisions = "app"
"""

TEST = """
from pathlib import Path
from crossfade.project import Project
from crossfade.router import Router
from crossfade.settings import Settings

def test_writes():
    root = Project.find().root
    router = Router(Settings.load(root=root))
    with router.session("fastapi") as session:
        session.connection().exec_driver_sql("CREATE TABLE written (id INTEGER)")
    router.dispose()
    print("wrote to", router.route("fastapi").path)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "test_it.py").write_text(TEST)
    (tmp_path / "instance").mkdir()
    return tmp_path


def run(project: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if "DATABASE" not in key and key != "TESTING"}
    inherited.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:randomly"]
    return subprocess.run(command, cwd=project, env=inherited | environ, capture_output=True, text=True, check=False)


def with_a_row(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE users (id INTEGER); INSERT INTO users VALUES (1);")
    return path


def test_a_test_never_writes_to_the_database_of_the_application(project: Path) -> None:
    production = with_a_row(project / "instance" / "production.db")
    before = production.read_bytes()

    result = run(project, DATABASE_URL=f"sqlite:///{production}")

    assert result.returncode == 0, result.stdout
    assert "fastapi_test.db" in result.stdout
    assert production.read_bytes() == before


def test_a_run_on_a_database_that_is_not_disposable_ends_before_the_first_test(project: Path) -> None:
    real = with_a_row(project / "instance" / "app_test.db")
    before = real.read_bytes()

    result = run(project, TEST_DATABASE_URL=f"sqlite:///{real}")

    assert result.returncode == 4
    assert "app_test.db" in result.stderr + result.stdout
    assert "TEST_DATABASE_URL" in result.stderr + result.stdout
    assert "wrote to" not in result.stdout
    assert real.read_bytes() == before


def test_a_name_that_does_not_say_test_is_refused(project: Path) -> None:
    (project / "instance" / "customers.db").touch()

    result = run(project, TEST_DATABASE_URL="sqlite:///customers.db")

    assert result.returncode == 4
    assert "customers.db" in result.stderr + result.stdout


def test_a_run_that_says_it_is_no_test_is_refused(project: Path) -> None:
    result = run(project, TESTING="no")

    assert result.returncode == 4
    assert "TESTING" in result.stderr + result.stdout


def test_a_folder_without_a_project_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import os\n\ndef test_it():\n    assert 'TESTING' not in os.environ\n")

    result = run(tmp_path)

    assert result.returncode == 0, result.stdout
