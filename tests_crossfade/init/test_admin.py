"""`cronjobs create-admin`: how the first person gets in where there is no demo data."""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from cronjobs.cli import main
from crossfade.project import Project

ROOT = Project.find().root


@pytest.fixture
def cronjobs(tmp_path: Path, in_process):
    """Runs the command in a project with an empty, initialised database."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "instance").mkdir()
    assert in_process("init", CROSSFADE_PROJECT=str(tmp_path)).returncode == 0
    return partial(in_process, main=main, CROSSFADE_PROJECT=str(tmp_path))


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


def test_a_password_can_be_typed(cronjobs, environ, tmp_path):
    """By somebody without a terminal, here: a process that reads it from its input."""
    made = subprocess.run(
        [sys.executable, "-m", "cronjobs", "create-admin", "root", "root@example.com", "--ask"],
        env=environ | {"CROSSFADE_PROJECT": str(tmp_path)},
        input="my own words\nmy own words\n",
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 0, made.stderr
    assert "my own words" not in made.stdout
    assert cronjobs("create-admin", "root", "root@example.com").returncode == 1
