"""Processes of both stacks are killed, frozen and cut off while they fire: nothing is lost, doubled or stuck.

`make drill` is the same for longer.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack

from cronjobs.models import Job
from cronjobs.settings import Settings
from crossfade import revisions
from crossfade.project import Project
from crossfade.router import Router

PLACES = ("sqlite", "postgresql")


def test_nothing_is_lost_doubled_or_stuck(tmp_path, environ):
    """On both kinds of databases at once: most of a drill is waiting."""
    shutil.copy(Project.find().root / "pyproject.toml", tmp_path)
    variables = {name: value for name, value in environ.items() if not name.startswith("TEST")}
    variables |= {"CROSSFADE_PROJECT": str(tmp_path), "PATH": os.environ["PATH"]}
    router = Router(Settings.load(root=tmp_path, environ=variables), name="test")
    revisions.initialise(router, Project.find())
    with router.session("flask") as session:
        session.add_all(
            Job(name=policy, cron_expression="* * * * *", target_url="http://127.0.0.1:9/", overlap_policy=policy)
            for policy in ("allow", "queue", "skip")
        )
    router.dispose()
    (database,) = (tmp_path / "instance").glob("cron_jobs.db")
    before = database.read_bytes()

    with ExitStack() as ends:
        drills = [ends.enter_context(begun(place, variables)) for place in PLACES]
        said = [drill.communicate()[0] for drill in drills]

    for drill, text in zip(drills, said, strict=True):
        answer = json.loads(text)
        # All of it, so that a failure shows the seed.
        assert (answer | {"lost": 0, "doubled": 0, "stuck": 0, "faults": [], "ok": True}) == answer
        assert drill.returncode == 0
        assert answer["expected"] > 0
        assert answer["calls"] > 0
        assert sum(answer["trouble"].values()) > 0
    assert database.read_bytes() == before


def begun(place, variables):
    """A drill that goes on."""
    sizes = "--runs 250 --seconds 8 --jobs 100 --per-second 50 --processes 3 --trouble 0.7 --lease 15"
    command = [sys.executable, "-m", "crossfade", "scheduler", "drill", "--on", place, *sizes.split(), "--json"]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
