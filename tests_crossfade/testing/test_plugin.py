"""A test run touches disposable databases alone, and says so before the first test."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
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
    print("it ran, and wrote to", router.route("fastapi").path)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "test_it.py").write_text(TEST)
    (tmp_path / "instance").mkdir()
    return tmp_path


@pytest.fixture
def run(environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs pytest in a folder; keywords are variables."""

    def pytest_run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:randomly"]
        return subprocess.run(
            command, cwd=folder, env=environ | variables, capture_output=True, text=True, check=False, timeout=300
        )

    return pytest_run


def with_a_row(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE users (id INTEGER); INSERT INTO users VALUES (1);")
    return path


def test_a_test_never_writes_to_the_database_of_the_application(run, project: Path) -> None:
    production = with_a_row(project / "instance" / "production.db")
    before = production.read_bytes()

    result = run(project, DATABASE_URL=f"sqlite:///{production}")

    assert result.returncode == 0, result.stdout
    assert "fastapi_test.db" in result.stdout
    assert production.read_bytes() == before


def test_a_run_that_would_touch_what_is_not_disposable_ends_before_the_first_test(refusals, project: Path) -> None:
    real = with_a_row(project / "instance" / "app_test.db")
    before = real.read_bytes()
    (project / "instance" / "customers.db").touch()

    refusals(
        project,
        [
            ([], {"TEST_DATABASE_URL": f"sqlite:///{real}"}, "app_test.db"),
            ([], {"TEST_DATABASE_URL": f"sqlite:///{real}"}, "TEST_DATABASE_URL"),
            ([], {"TEST_DATABASE_URL": "sqlite:///customers.db"}, "customers.db"),
            ([], {"TESTING": "no"}, "TESTING"),
        ],
    )

    assert real.read_bytes() == before


def test_a_folder_without_a_project_is_left_alone(run, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import os\n\ndef test_it():\n    assert 'TESTING' not in os.environ\n")

    result = run(tmp_path)

    assert result.returncode == 0, result.stdout


def test_without_the_libraries_of_tests_a_project_is_told_which_extra_it_needs(refusals, bookshop: Path) -> None:
    (bookshop / "httpx2.py").write_text("raise ModuleNotFoundError('No module named httpx2', name='httpx2')")
    (bookshop / "test_it.py").write_text("def test_it():\n    print('it ran')\n")

    refusals(bookshop, [([], {}, "there is no httpx2; install crossfade[testing]")])


def test_a_fixture_that_a_folder_without_a_project_has_not_got_is_explained(run, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_ours(sync_session): ...\n\ndef test_nobodys(sync_sesion): ...\n")

    result = run(tmp_path)

    assert "sync_session is crossfade's, for tests of a project. No pyproject.toml with a [tool" in result.stdout
    assert "fixture 'sync_sesion' not found" in result.stdout
