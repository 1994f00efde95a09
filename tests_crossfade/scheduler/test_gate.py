"""Where the gate is shut nothing of the scheduler is imported, started or written."""

import json
import subprocess
import sys
import threading

import pytest

from cronjobs.models import SchedulerNode
from cronjobs.scheduler import gate
from crossfade.project import Project
from crossfade.router import Router

LOOK = """
import json, os, sys, threading
from cronjobs.flask_app import create_app
from cronjobs.fastapi_app import create_app as create_api
from fastapi.testclient import TestClient

for variables in json.loads(sys.argv[1]):
    os.environ.update(variables)
    app, api = create_app(), create_api()
    with TestClient(api) as client:
        client.get("/api/v2/health")
        app.test_client().get("/api/health")
        names = [each.name for each in threading.enumerate() if each.name.startswith("cronjobs")]
    loaded = [name for name in sys.modules if name.startswith(("apscheduler", "cronjobs.scheduler.ticker"))]
    print(names, loaded)
"""


def test_where_it_is_shut_nothing_is_imported_or_started_whatever_else_is_set(environ, tmp_path):
    (tmp_path / "app.db").touch()
    switched_off = {"SCHEDULER_ENABLED": "false", "DATABASE_URL": f"sqlite:///{tmp_path}/app.db"}
    testing = {"TESTING": "true", "SCHEDULER_ENABLED": "true", "TEST_DATABASE_URL": f"sqlite:///{tmp_path}/t.db"}

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK, json.dumps([switched_off, testing])],
        env=environ | {"CROSSFADE_PROJECT": str(Project.find().root)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "[] []\n[] []\n"


@pytest.mark.parametrize(
    ("testing", "switched_on", "fires"),
    [(False, True, True), (False, False, False), (True, True, False), (True, False, False)],
)
def test_the_gate_is_open_only_outside_of_tests(testing, switched_on, fires, plain):
    settings = plain.model_copy(update={"testing": testing, "scheduler_enabled": switched_on})

    assert gate.enabled(settings) is fires


def test_a_shut_gate_gives_no_scheduler_and_asks_no_database(plain):
    settings = plain.model_copy(update={"testing": True})

    assert gate.open_scheduler(Router.unconfigured(), settings, "flask") is None
    assert not [each for each in threading.enumerate() if each.name == "cronjobs-scheduler"]


def test_an_open_gate_gives_one_that_ticks(router, settings, session):
    scheduler = gate.open_scheduler(router, settings.model_copy(update={"testing": False}), "flask")
    try:
        assert [each for each in threading.enumerate() if each.name == "cronjobs-scheduler"]
    finally:
        scheduler.stop()

    assert not [each for each in threading.enumerate() if each.name == "cronjobs-scheduler"]
    assert session.query(SchedulerNode).count() == 0
