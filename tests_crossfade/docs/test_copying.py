"""The page about copying: its steps are followed, in order, on real databases, and it knows every message."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from crossfade import errors
from crossfade.testing import servers

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "copying.md").read_text()
EXAMPLE = "postgresql://crossfade:secret@db.example.com/jobs"
SERVE = "uvicorn"


def blocks(heading):
    """The shell blocks below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(tmp_path, environ):
    """Runs blocks as one shell would, in a copy of the project: what is exported stays."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "instance").mkdir()
    binaries = Path(sys.executable).parent
    variables = environ | {"CROSSFADE_PROJECT": str(tmp_path), "PATH": f"{binaries}:{os.environ['PATH']}"}

    class Shell:
        def run(self, text):
            for name, value in re.findall(r"^export (\w+)=(.*)$", text, re.MULTILINE):
                variables[name] = value.strip("'")
            command = ["bash", "-e", "-c", text.replace(".venv/bin/", f"{binaries}/")]
            return subprocess.run(
                command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120, check=False
            )

        def serve(self, text):
            port = servers.free_port()
            return servers.running(
                text.replace(".venv/bin/", f"{binaries}/").split(),
                environ=variables | {"UVICORN_PORT": str(port)},
                url=f"http://127.0.0.1:{port}/api/v2/health",
                cwd=tmp_path,
            )

    return Shell()


@pytest.fixture
def flask(shell, tmp_path):
    """Flask's database, in use for years: its file."""
    assert shell.run("crossfade init").returncode == 0
    path = tmp_path / "instance" / "cron_jobs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO pic_teams (id, slug, name, is_active, created_at, updated_at)"
            " VALUES (?, ?, 'Team', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            [(f"t{number}", f"team-{number}") for number in range(200)],
        )
        connection.commit()
    return path


def test_whoever_follows_the_steps_arrives_and_can_go_back(shell, flask, database):
    for block in blocks("Step by step"):
        if SERVE in block:
            with shell.serve(block.strip()) as process:
                assert process.poll() is None
            continue
        done = shell.run(block.replace(EXAMPLE, f"'{database}'"))
        assert done.returncode == 0, block + done.stdout + done.stderr

    look, rehearse = "".join(blocks("How to go back")).splitlines()
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO pic_teams SELECT 'new', 'new', name, slack_handle, is_active, created_at,"
            " updated_at FROM pic_teams LIMIT 1"
        )
    looked, rehearsed = shell.run(look), shell.run(rehearse)
    brought = shell.run(rehearse.replace(" --dry-run", ""))

    assert (looked.returncode, rehearsed.returncode) == (1, 0), looked.stderr + rehearsed.stdout + rehearsed.stderr
    assert "pic_teams id=new: missing in the target" in looked.stdout
    assert brought.returncode == 0, brought.stdout + brought.stderr
    with closing(sqlite3.connect(flask)) as connection:
        assert connection.execute("SELECT count(*) FROM pic_teams WHERE id = 'new'").fetchone() == (1,)


def of_copies(kind=errors.CrossfadeError):
    """The errors that copying and verifying have of their own."""
    names = ("Copy", "Merge", "Repair", "NotReady", "Dangling", "Unsupported", "Tangled", "Target", "Keyless", "Select")
    found = [one for each in kind.__subclasses__() for one in of_copies(each)]
    return [*found, kind] if kind.__name__.startswith(names) and kind is not errors.CopyError else found


@pytest.mark.parametrize("code", sorted(kind.code for kind in of_copies()))
def test_every_message_is_on_the_page(code):
    assert f"| `{code}` |" in PAGE


def test_every_option_is_on_the_page():
    options = {"PATH": os.environ["PATH"], "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    for command in ("copy", "verify"):
        told = subprocess.run(
            [sys.executable, "-m", "crossfade", command, "--help"],
            env=options,
            capture_output=True,
            text=True,
            check=True,
        )
        named = set(re.findall(r"--[a-z-]+", told.stdout)) - {"--help", "--verify"}
        assert named
        assert not {option for option in named if option not in PAGE}
