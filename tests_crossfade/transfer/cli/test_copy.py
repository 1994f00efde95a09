"""`crossfade copy` on our own application: the way that people go, what they may ask for, and how it ends."""

import json
import sys
from pathlib import Path

import httpx2
import pytest

from cronjobs import passwords
from crossfade.testing import servers

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _at_home(home):
    """Every test here is about our application."""


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_after_init_a_copy_needs_no_option(here, pair, people, run, source, target):
    old, new = pair(source, target)
    people(old)

    copied = here("copy")

    assert copied.returncode == 0, copied.stdout + copied.stderr
    assert "verified: both hold the same 12 rows" in copied.stdout
    assert run(new, "SELECT id, username, password_hash FROM users ORDER BY id") == run(
        old, "SELECT id, username, password_hash FROM users ORDER BY id"
    )
    assert run(new, "SELECT id FROM job_categories ORDER BY id") == run(old, "SELECT id FROM job_categories ORDER BY 1")
    assert here("verify").returncode == 0
    assert here("init", "--check").returncode == 0


def test_what_was_done_is_told_by_table(here, pair, people):
    people(pair()[0])

    told = here("copy").stdout.splitlines()

    assert told[1].split() == ["rows", "inserted"]
    assert ["jobs", "3", "3"] in [line.split() for line in told]
    assert ["in", "all", "12", "12"] in [line.split() for line in told]


@pytest.mark.parametrize("command", ["copy", "verify"])
@pytest.mark.parametrize("given", [(), ("--json",)])
def test_in_shared_mode_there_is_nothing_to_do(here, command, given):
    here("init")

    ended = here(command, *given)

    assert ended.returncode == 0
    if given:
        assert json.loads(ended.stdout)["shared"] is True
    else:
        assert ended.stdout.startswith("source and target are one database, sqlite:////")
        assert "FASTAPI_DATABASE_URL" in ended.stdout


def test_it_says_whose_the_jobs_of_two_databases_are_before_the_first_row(here, pair, people):
    people(pair()[0])

    copied = here("copy")

    said = "note: a job that is in both databases is fired once, as the job of Flask's database says"
    notes = [line for line in copied.stderr.splitlines() if line.startswith("note: ")]
    assert any(line.startswith(said) for line in notes)
    assert copied.stderr.splitlines()[: len(notes)] == notes


def test_it_says_nothing_of_jobs_where_none_is_copied(here, pair, people):
    people(pair()[0])

    assert "fired once" not in here("copy", "--tables", "users").stderr


def test_databases_for_tests_fire_nothing_so_there_it_says_nothing_of_jobs(here, variables, people, home):
    old = f"sqlite:///{home}/instance/old_test.db"
    variables |= {"TESTING": "true", "TEST_DATABASE_URL": old, "FASTAPI_TEST_DATABASE_URL": "sqlite:///new_test.db"}
    assert here("init", "--test").returncode == 0
    people(old)

    copied = here("copy")

    assert copied.returncode == 0, copied.stdout + copied.stderr
    assert "fired once" not in copied.stderr


def test_jobs_without_their_users_are_refused_and_the_way_out_is_named(here, pair, people, count):
    old, new = pair()
    people(old)

    refused = here("copy", "--tables", "jobs")

    assert refused.returncode == 3
    assert "3 rows of jobs by created_by to users (u1, …)" in refused.stderr
    assert "--with-parents" in refused.stderr
    assert count(new, "jobs") == 0
    assert here("copy", "--tables", "jobs", "--with-parents").returncode == 0
    assert (count(new, "users"), count(new, "jobs")) == (2, 3)


def test_the_script_of_old_copies_some_tables(apart, pair, people, count):
    old, new = pair()
    people(old)

    ended = apart(REPOSITORY / "scripts" / "migrate_data_to_fastapi.py", "--tables", "users,jobs")

    assert ended.returncode == 0, ended.stderr
    assert "verified: both hold the same 5 rows" in ended.stdout
    assert (count(new, "users"), count(new, "jobs")) == (2, 3)


def test_some_tables_after_others_work(here, pair, people, run):
    old, _ = pair("sqlite", "postgresql")
    people(old)

    for tables in ("users", "jobs,job_categories", "pic_teams"):
        ended = here("copy", "--tables", tables)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    assert here("verify").returncode == 0


def test_excluded_tables_stay_behind(here, pair, people, count):
    old, new = pair()
    people(old)

    assert here("copy", "--exclude", "jobs,job_executions,notifications").returncode == 0

    assert (count(new, "users"), count(new, "jobs")) == (2, 0)
    assert here("verify").returncode == 1
    assert here("verify", "--exclude", "jobs").returncode == 0


def test_what_is_about_one_database_alone_is_neither_copied_nor_compared(here, pair, people, run, count):
    old, new = pair()
    people(old)
    run(
        old,
        "INSERT INTO scheduler_nodes (id, stack, host, process, started_at, heartbeat_at)"
        " VALUES ('n', 'flask', 'h', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
        "INSERT INTO scheduler_control (id, owner, changed_at) VALUES (1, 'flask', '2026-01-01 00:00:00')",
    )

    copied, verified = here("copy"), here("verify", "--json")

    told = "login_attempts, scheduler_control and scheduler_nodes: their rows are of one database alone"
    assert told in copied.stderr
    assert (copied.returncode, verified.returncode) == (0, 0)
    assert told in json.loads(verified.stdout)["notes"][0]
    assert (count(new, "scheduler_nodes"), count(new, "scheduler_control")) == (0, 0)


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_dry_run_changes_nothing(here, pair, people, run, target, count):
    old, new = pair("sqlite", target)
    people(old)
    before = run(new, "SELECT * FROM job_categories ORDER BY id")

    ended = here("copy", "--dry-run")

    assert ended.returncode == 0, ended.stderr
    assert "nothing was changed" in ended.stdout
    assert ["users", "2"] in [line.split()[:2] for line in ended.stdout.splitlines()]
    assert count(new, "users") == 0
    assert run(new, "SELECT * FROM job_categories ORDER BY id") == before


def test_without_a_proof_it_says_so(here, pair):
    pair()

    assert "not verified" in here("copy", "--no-verify").stdout


def test_json_is_all_that_stdout_has(here, pair, people):
    old, _ = pair("sqlite", "postgresql")
    people(old)

    answer = json.loads(here("copy", "--json").stdout)

    assert (answer["ok"], answer["dry_run"], answer["shared"]) == (True, False, False)
    assert answer["source"] == old
    assert answer["target"].startswith("postgresql://postgres:***@")
    assert {"table": "users", "rows": 2, "inserted": 2}.items() <= next(
        one for one in answer["tables"] if one["table"] == "users"
    ).items()
    assert answer["verified"]["differences"] == []
    assert "fired once" in answer["notes"][-1]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--tables", "peoples,users"], 2, "--tables peoples: the metadata has no such table"),
        (["--tables", "users,,jobs"], 2, "write names of tables with commas between them"),
        (["--tables", "users", "--exclude", "users"], 2, "can't be asked for and excluded"),
        (["--resume", "--restart"], 2, "give one of them"),
        (["--newest-by", "created_at"], 2, "needs --on-conflict newest"),
        (["--newest-by", "job.at", "--on-conflict", "newest"], 2, "no table job is copied"),
        (["--newest-by", "nothing", "--on-conflict", "newest"], 2, "no such column"),
        (["--newest-by", "users.role", "--on-conflict", "newest"], 2, "doesn't say what came later"),
        (["--newest-by", "a,b", "--on-conflict", "newest"], 2, "TABLE.COLUMN"),
        (["--source", "flusk"], 2, "write flask, fastapi or the URL"),
        (["--source", "postgresql//o:hunter2@db/x"], 2, "***@db/x: write flask, fastapi or the URL"),
        (["--source", "postgresql://o:hunt@hunter2@db/x"], 2, "postgresql://o:***@db/x is not a database URL"),
        (["--target", "mysql://o:hunter2@db/x"], 2, "mysql:// is not supported"),
        (["--target", "postgresql://o:hunter2@no-such-host.invalid/x"], 3, "The host no-such-host.invalid"),
        (["--target", "sqlite:////nowhere/x.db"], 3, "There is no database /nowhere/x.db"),
    ],
)
def test_what_can_not_be_done_is_one_line_and_an_exit_code(here, pair, arguments, code, told):
    pair()

    for command in ("copy", "verify"):
        if command == "verify" and arguments[0] in {"--resume", "--newest-by"}:
            continue
        ended = here(command, *arguments)
        assert (ended.returncode, ended.stdout) == (code, "")
        assert told in ended.stderr.splitlines()[-1]
        assert "hunter2" not in ended.stderr

        answer = json.loads(here(command, *arguments, "--json").stdout)
        assert answer["ok"] is False
        assert told in answer["error"]["message"]
        assert "hunter2" not in answer["error"]["message"]


@pytest.mark.parametrize("arguments", [["--on-conflict", "guess"], ["--batch", "0"], ["--jobs", "0"], ["--nonsense"]])
def test_an_option_that_is_not_understood_is_a_usage_error(here, arguments):
    assert here("copy", *arguments).returncode == 2


def test_a_target_that_init_has_not_made_is_named_before_the_first_row(here, pair, new_database):
    pair()

    ended = here("copy", "--target", new_database())

    assert ended.returncode == 3
    assert "has no tables: `crossfade init --url …` makes them" in ended.stderr


def test_a_package_that_is_missing_is_named(here, pair, monkeypatch):
    pair()
    monkeypatch.setitem(sys.modules, "psycopg", None)

    ended = here("copy", "--target", "postgresql://localhost/x")

    assert ended.returncode == 2
    assert "has no package psycopg" in ended.stderr


def test_the_copied_users_can_log_in_to_the_fastapi_stack(here, pair, variables, home, run):
    old, _ = pair("sqlite", "postgresql")
    hashed = passwords.hash_password("correct horse")
    run(
        old,
        "INSERT INTO users (id, username, email, password_hash, role, is_active)"
        f" VALUES ('u1', 'anna', 'anna@example.com', '{hashed}', 'admin', TRUE)",
    )
    assert here("copy").returncode == 0

    port = servers.free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "--port", str(port), "--no-proxy-headers"]
    base = f"http://127.0.0.1:{port}/api/v2"
    with servers.running(
        [*command, "cronjobs.fastapi_app:create_app"],
        environ=variables | {"SCHEDULER_ENABLED": "false"},
        url=f"{base}/health",
    ):
        answer = httpx2.post(f"{base}/auth/login", json={"username": "anna", "password": "correct horse"})

    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == "u1"
