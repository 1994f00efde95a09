"""`cronjobs create-admin`: how the first person gets in where there is no demo data."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossfade.project import Project

ROOT = Project.find().root


@pytest.fixture
def cronjobs(tmp_path: Path, environ):
    """Runs the command in a project with an empty, initialised database."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "instance").mkdir()
    variables = environ | {"CROSSFADE_PROJECT": str(tmp_path)}

    def run(module, *arguments, stdin=None):
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("crossfade", "init").returncode == 0
    return lambda *arguments, stdin=None: run("cronjobs", *arguments, stdin=stdin)


def test_the_first_admin_is_made_and_the_password_printed_once(cronjobs, tmp_path):
    made = cronjobs("create-admin", "root", "Root@Example.com")

    assert made.returncode == 0, made.stderr
    assert "root is an admin" in made.stdout
    assert made.stdout.count("password: ") == 1


def test_a_taken_name_is_one_line_and_changes_nothing(cronjobs):
    cronjobs("create-admin", "root", "root@example.com")

    again = cronjobs("create-admin", "ROOT", "other@example.com")

    assert again.returncode == 1
    assert again.stderr.startswith("error: ")
    assert len(again.stderr.splitlines()) == 1
    assert "password" not in again.stdout


@pytest.mark.parametrize(("username", "email"), [("x", "root@example.com"), ("root", "nowhere")])
def test_what_the_contract_refuses_the_command_refuses(cronjobs, username, email):
    refused = cronjobs("create-admin", username, email)

    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1


def test_a_password_can_be_typed(cronjobs):
    made = cronjobs("create-admin", "root", "root@example.com", "--ask", stdin="my own words\nmy own words\n")

    assert made.returncode == 0, made.stderr
    assert "my own words" not in made.stdout
