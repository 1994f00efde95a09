"""The application that this project carries across, under the usual servers: one stack alone, and both by `up`."""

import json
import re
import shutil
import signal
import socket
import sqlite3
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from crossfade import clock

PRODUCTION = {"APP_ENV": "production", "SECRET_KEY": "s" * 40}
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder that is the application's project, with an `instance/` of its own."""
    folder = tmp_path / "cronjobs-project"
    folder.mkdir()
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


@pytest.fixture
def start(run, in_process, place):
    """Starts a command on the application's databases, made by `crossfade init`."""

    def begin(*arguments, **variables):
        made = in_process("init", cwd=place)
        assert made.returncode == 0, made.stderr
        return run(sys.executable, "-m", *arguments, cwd=place, CROSSFADE_PROJECT=str(place), **variables)

    return begin


def healthy(server, http, url):
    """The health that a server reports, once it does."""
    answer = http.eventually(lambda: http.answers(url) or server.process.poll() is not None)
    assert server.process.poll() is None, server.err
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_flask_runs_by_its_own_command(start, http, free_port, place, number):
    port = free_port()
    server = start("flask", "--app", "cronjobs.flask_app", "run", "--port", str(port))

    health = healthy(server, http, f"http://127.0.0.1:{port}/api/health")
    server.signal(number)
    server.ended()

    assert health["stack"] == "flask"
    assert health["database"]["mode"] == "shared"
    assert http.inhabitants(place) == set()


def test_flask_runs_under_gunicorn(start, http, free_port, place):
    port = free_port()
    server = start("gunicorn", "cronjobs.flask_app:create_app()", "--bind", f"127.0.0.1:{port}")

    health = healthy(server, http, f"http://127.0.0.1:{port}/api/health")
    server.signal(signal.SIGTERM)

    assert server.ended() == 0
    assert health["stack"] == "flask"
    assert http.inhabitants(place) == set()


def test_fastapi_runs_under_uvicorn(start, http, free_port, place):
    port = free_port()
    server = start("uvicorn", "--factory", "cronjobs.fastapi_app:create_app", "--port", str(port))

    health = healthy(server, http, f"http://127.0.0.1:{port}/api/v2/health")
    server.signal(signal.SIGTERM)
    server.ended()

    assert health["stack"] == "fastapi"
    assert health["database"]["mode"] == "shared"
    assert http.inhabitants(place) == set()


def test_a_test_run_switches_the_scheduler_off_whatever_else_is_set(start, http, free_port):
    port = free_port()
    command = ("flask", "--app", "cronjobs.flask_app", "run", "--port", str(port))
    server = start(*command, TESTING="true", SCHEDULER_ENABLED="true")
    answer = http.eventually(lambda: http.answers(f"http://127.0.0.1:{port}/api/health"))

    assert answer.json["scheduler_running"] is False, server.err
    assert answer.json["database"]["mode"] == "test"


def sign_in(shop, http, prefix):
    password = re.search(r"^password: (\S+)$", shop.out, re.MULTILINE)[1]
    answer = http.post(f"{shop.address}{prefix}/auth/login", {"username": "admin", "password": password})
    assert answer.status == 200, answer.body
    return {"Authorization": f"Bearer {answer.json['access_token']}"}


def test_up_serves_the_application_and_its_jobs_fire(run, http, place):
    shop = run(sys.executable, "-m", "crossfade", "up", cwd=place, PORT="0").serving()
    token = sign_in(shop, http, "/api")
    job = {
        "name": "made on Flask",
        "cron_expression": "* * * * *",
        "target_url": f"{shop.address}/api/echo",
        "end_date": (clock.now() + timedelta(days=30)).date().isoformat(),
        "pic_team": "platform",
    }
    created = http.post(f"{shop.address}/api/jobs", job, **token)
    assert created.status == 201, created.body

    def fired():
        answer = http.ask(f"{shop.address}/api/v2/executions?status=success&trigger_type=scheduled", **token)
        return {one["job_name"] for one in answer.json["executions"]}

    seen = {one["name"] for one in http.ask(f"{shop.address}/api/v2/jobs", **token).json["jobs"]}
    demo = {
        one["name"]
        for one in http.ask(f"{shop.address}/api/jobs", **token).json["jobs"]
        if one["cron_expression"] == "* * * * *" and one["is_active"] and one["name"] != job["name"]
    }

    assert "made on Flask" in seen
    assert demo
    # As the passing of up to a minute would have it.
    with closing(sqlite3.connect(place / "instance" / "cron_jobs.db")) as database, database:
        passed = (
            "UPDATE jobs SET next_run_at = datetime('now') || '.000000' WHERE is_active AND next_run_at IS NOT NULL"
        )
        http.eventually(lambda: database.execute(passed).rowcount == len(demo) + 1 or database.rollback())
    http.eventually(lambda: fired() >= demo | {"made on Flask"})
    shop.signal(signal.SIGINT)
    assert shop.ended() == 0
    assert http.inhabitants(place) == set()


MANY = "".join(f"\r\nX-{number}: 1" for number in range(150))
UNUSUAL = [
    f"GET {{}}/jobs?search={'x' * 9_000} HTTP/1.1",
    f"GET {{}}/jobs HTTP/1.1\r\nAuthorization: Bearer {'x' * 9_000}",
    f"GET {{}}/jobs HTTP/1.1{MANY}",
    "X {}/jobs HTTP/1.1",
    "GET {}/jobs HTTP/1.1\r\nSCRIPT_NAME: {}",
    "GET {}/jobs HTTP/1.1\r\nX-Forwarded-Protocol: ssl",
]


@pytest.fixture(scope="module")
def tested(run_once, tmp_path_factory):
    """The application as `up` serves it under testing, whatever else is set."""
    folder = tmp_path_factory.mktemp("tested")
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    variables = {"PORT": "0", "TESTING": "true", "SCHEDULER_ENABLED": "true", "SCHEDULER_POLL_SECONDS": "0.1"}
    variables["TEST_DATABASE_URL"] = "sqlite:///looked_at_test.db"
    return run_once(sys.executable, "-m", "crossfade", "up", cwd=folder, **variables).serving()


def test_the_server_of_one_stack_refuses_nothing_that_the_others_takes(tested):
    for question in UNUSUAL:
        flask, fastapi = (spoken(tested.address, question.replace("{}", prefix)) for prefix in ("/api", "/api/v2"))
        assert flask == fastapi
        assert flask[0] in {401, 405}


def spoken(address, question):
    """The status and the JSON of the answer to a request, written out but for its last lines."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"{question}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_up_under_testing_serves_disposable_databases_and_fires_nothing(tested, http):
    for path in ("/api/health", "/api/v2/health"):
        health = http.ask(f"{tested.address}{path}").json
        assert health["scheduler_running"] is False
        assert health["database"]["mode"] == "test"
    assert not (tested.folder / "instance" / "cron_jobs.db").exists()
    # Twenty times the poll: a scheduler that ran would have planned the jobs by now.
    time.sleep(2)
    with closing(sqlite3.connect(tested.folder / "instance" / "looked_at_test.db")) as database:
        planned = database.execute("SELECT DISTINCT planned_at, next_run_at FROM jobs WHERE is_active").fetchall()
        assert planned == [(None, None)]
        assert database.execute("SELECT count(*) FROM job_executions").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM scheduler_nodes").fetchone() == (0,)


def test_production_without_secrets_does_not_start(in_process, place):
    shop = in_process("up", cwd=place, PORT="0", APP_ENV="production")

    assert shop.returncode == 2
    assert shop.stderr.count("\n") == 1
    assert "SECRET_KEY" in shop.stderr
    assert not (place / "instance").exists()


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({"APP_ENV": "production"}, "settings", "SECRET_KEY is not set"),
        ({"APP_ENV": "production", "SECRET_KEY": "short"}, "settings", "shorter than 32"),
        (
            {"APP_ENV": "production", "SECRET_KEY": "s" * 40, "JWT_SECRET_KEY": "s" * 40},
            "settings",
            "equals SECRET_KEY",
        ),
        (
            PRODUCTION | {"WEBHOOK_ALLOW_PRIVATE": "1"},
            "private-targets",
            "WEBHOOK_ALLOW_PRIVATE (environment)",
        ),
        ({"TESTING": "1", "SCHEDULER_ENABLED": "1"}, "scheduler-under-testing", "nothing will be fired"),
        ({"SCHEDULER_TIMEZONE": "Asia/Atlantis"}, "settings", "Asia/Atlantis"),
        ({"DEFAULT_GITHUB_OWNER": "../acme"}, "settings", "DEFAULT_GITHUB_OWNER='../acme'"),
        ({"GITHUB_API_URL": "https://user:key@example.com"}, "settings", "must not carry a user name"),
        ({"GITHUB_TOKEN": "two words"}, "settings", "GITHUB_TOKEN=***"),
        ({"FRONTEND_BASE_URL": "jobs.example.com"}, "settings", "FRONTEND_BASE_URL='jobs.example.com'"),
        ({"MAIL_DEFAULT_SENDER": "the jobs"}, "settings", "MAIL_DEFAULT_SENDER='the jobs'"),
        ({"JWT_ACCESS_TOKEN_EXPIRES": "999999999999"}, "settings", "JWT_ACCESS_TOKEN_EXPIRES='999999999999'"),
        ({"CORS_ORIGINS": "jobs.example.com, https://ok.example"}, "cors-origin", "'jobs.example.com'"),
        ({"CORS_ORIGINS": "*"}, "cors-origin", "'*' is not an origin"),
        ({"MAIL_USERNAME": "postman"}, "mail-off", "MAIL_SERVER"),
    ],
)
def test_the_doctor_knows_what_only_the_application_knows(in_process, place, variables, code, words):
    doctor = in_process("doctor", "--json", cwd=place, **variables)

    assert doctor.returncode == 1, doctor.stderr
    findings = [one for one in json.loads(doctor.stdout)["findings"] if one["code"] == code]
    assert any(words in one["message"] for one in findings), doctor.stdout
