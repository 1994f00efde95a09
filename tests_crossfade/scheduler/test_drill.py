"""Processes of both stacks are killed, frozen and cut off while they fire: nothing is lost, doubled or stuck.

`make drill` is the same for longer.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from crossfade.project import Project


@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
def test_nothing_is_lost_doubled_or_stuck(place, tmp_path, environ):
    shutil.copy(Project.find().root / "pyproject.toml", tmp_path)
    variables = {name: value for name, value in environ.items() if not name.startswith("TEST")}
    variables |= {"CROSSFADE_PROJECT": str(tmp_path), "PATH": os.environ["PATH"]}
    crossfade = [sys.executable, "-m", "crossfade"]
    subprocess.run([*crossfade, "init"], env=variables, check=True, capture_output=True)
    (database,) = (tmp_path / "instance").glob("cron_jobs.db")
    before = database.read_bytes()

    sizes = ["--runs", "400", "--seconds", "12", "--jobs", "200", "--per-second", "50", "--processes", "4"]
    done = subprocess.run(
        [*crossfade, "scheduler", "drill", "--on", place, *sizes, "--lease", "15", "--json"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )

    answer = json.loads(done.stdout)
    # All of it, so that a failure shows the seed.
    assert (answer | {"lost": 0, "doubled": 0, "stuck": 0, "faults": [], "ok": True}) == answer
    assert done.returncode == 0
    assert answer["expected"] > 0
    assert answer["calls"] > 0
    assert sum(answer["trouble"].values()) > 0
    assert database.read_bytes() == before
