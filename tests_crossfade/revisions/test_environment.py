"""Alembic's own commands work in this project, on the routes' database, without an alembic.ini."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def alembic(tmp_path):
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    code = (
        "import sys; from alembic import command; from alembic.config import Config\n"
        "config = Config(); config.set_main_option('script_location', 'cronjobs:revisions')\n"
        "options = {'sql': True} if sys.argv[1] == 'upgrade' else {}\n"
        "getattr(command, sys.argv[1])(config, *sys.argv[2:], **options)"
    )
    variables = os.environ | {"CROSSFADE_PROJECT": str(tmp_path), "TESTING": "", "DATABASE_URL": ""}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], env=variables, capture_output=True, text=True, check=False
        )

    return run


def test_alembic_finds_nothing_to_write_after_init(alembic, tmp_path):
    init = "from crossfade.cli import init; init.main()"
    variables = os.environ | {"CROSSFADE_PROJECT": str(tmp_path), "TESTING": "", "DATABASE_URL": ""}
    subprocess.run([sys.executable, "-c", init], env=variables, check=True, capture_output=True)

    ended = alembic("check")

    assert ended.returncode == 0, ended.stderr
    assert "No new upgrade operations detected." in ended.stdout


def test_alembic_shows_the_sql_of_the_steps(alembic):
    ended = alembic("upgrade", "head")

    assert ended.returncode == 0, ended.stderr
    assert "CREATE TABLE jobs" in ended.stdout
