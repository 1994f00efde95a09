"""`crossfade scheduler`: what an operator is told, by people's words, by JSON and by the exit code."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from cronjobs.models import AuditEvent, Job, JobExecution
from cronjobs.scheduler import nodes
from cronjobs.scheduler.nodes import Node
from crossfade import clock
from crossfade.project import Project

ON_SQLITE = pytest.mark.parametrize("world", ["sqlite"], indirect=True)
"""What has nothing to do with the database."""


@pytest.fixture
def variables(world):
    return _variables(world)


def _variables(world, **others):
    url = world.router.route("flask").url.render_as_string(hide_password=False)
    return {"TESTING": "true", "TEST_DATABASE_URL": url, "CROSSFADE_PROJECT": str(Project.find().root), **others}


@pytest.fixture
def here(variables, in_process):
    """Runs `crossfade scheduler` in this process."""
    return lambda *arguments, **others: in_process("scheduler", *arguments, **(variables | others))


@pytest.fixture
def ask(here):
    """The same with --json, read; the exit code agrees with `ok`."""

    def run(*arguments, **others):
        result = here(*arguments, "--json", **others)
        answer = json.loads(result.stdout)
        assert answer["ok"] is (result.returncode == 0)
        return answer

    return run


@pytest.fixture
def ran(router):
    """Stores a run of a job."""

    def add(job_id, minutes_ago, **fields):
        at = clock.naive_utc() - timedelta(minutes=minutes_ago)
        values = {"status": "success", "state": "success", "trigger_type": "scheduled", "started_at": at} | fields
        with router.session("flask") as session:
            session.add(run := JobExecution(job_id=job_id, **values))
        return run.id

    return add


def naive(minutes_ago):
    return (clock.naive_utc() - timedelta(minutes=minutes_ago)).replace(second=0, microsecond=0)


# --- status -----------------------------------------------------------------------------------------------------------


def test_status_says_who_ticks_and_how_much_there_is_to_do(ask, here, add_job, write):
    add_job("later", ago=timedelta(hours=-1))
    write(
        nodes.beat,
        Node("fastapi", host="there", process=7),
        last_pass={"at": "2026-11-23T12:00:00+00:00", "claimed": 3},
    )

    answer = ask("status")

    (node,) = answer["nodes"]
    (database,) = answer["databases"]
    assert (answer["owner"], node["host"], answer["last_pass"]) == (
        "both",
        "there",
        {"at": "2026-11-23T12:00:00+00:00", "claimed": 3},
    )
    assert database["counts"]["scheduled_jobs"] == 1
    assert database["overdue_seconds"] == 0
    lines = here("status").stdout
    assert "owner: both (nobody has ever turned it)" in lines
    assert "there" in lines
    assert "scheduled jobs 1" in lines


def test_status_complains_when_runs_are_overdue_though_somebody_may_fire(ask, here, add_job):
    add_job("late", ago=timedelta(minutes=5))

    result = here("status")

    assert result.returncode == 1
    assert "no process ticks: nothing is fired" in result.stdout
    assert "overdue: the oldest run has been due for 30" in result.stdout
    assert not ask("status")["ok"]
    here("owner", "--set", "off")
    assert ask("status")["ok"]


# --- owner ------------------------------------------------------------------------------------------------------------


def test_the_owner_is_shown_turned_and_recorded(ask, here, session):
    assert ask("owner")["changed_at"] is None

    turned = ask("owner", "--set", "fastapi")

    assert (turned["owner"], ask("owner")) == ("fastapi", turned)
    assert "@" in turned["changed_by"]
    assert f"owner: fastapi (turned by {turned['changed_by']} at " in here("owner").stdout
    (event,) = session.scalars(select(AuditEvent))
    assert json.loads(event.changes)["owner"] == {"before": "both", "after": "fastapi"}


@ON_SQLITE
def test_an_owner_that_there_is_not_is_refused(here, session):
    assert here("owner", "--set", "django").returncode == 2
    assert session.scalars(select(AuditEvent)).all() == []


# --- runs -------------------------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_of_all_jobs_or_one_of_all_states_or_some(ask, here, add_job, ran):
    nightly, other = add_job("nightly"), add_job("other")
    old, new = ran(nightly, 30, scheduled_for=naive(30)), ran(nightly, 10, scheduled_for=naive(10), attempt=2)
    gap = {"state": "missed", "status": "failed", "missed_from": naive(25), "missed_count": 5}
    missed = ran(other, 20, scheduled_for=naive(20), error_message="Nobody ticked.", **gap)

    def ids(*arguments):
        return [run["id"] for run in ask("runs", *arguments)["runs"]]

    assert ids() == [new, missed, old]
    assert ids("--limit", "1") == [new]
    assert ids("--job", "nightly") == ids("--job", nightly) == [new, old]
    assert ids("--state", "missed", "--state", "skipped") == [missed]
    lines = here("runs").stdout
    assert "missed" in lines
    assert "5 from " in lines
    assert "Nobody ticked." in lines


@ON_SQLITE
def test_there_may_be_no_runs(here):
    assert here("runs").stdout == "no runs\n"


def test_the_next_runs_of_a_job_are_told_in_its_zone(ask, here, add_job):
    add_job("nightly", cron_expression="30 2 * * *", timezone="Europe/Berlin")

    answer = ask("runs", "--next", "3", "--job", "nightly")

    assert len(answer["next_runs"]) == 3
    assert answer["timezone"] == "Europe/Berlin"
    assert here("runs", "--next", "3", "--job", "nightly").stdout.count("02:30 CE") == 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"is_active": False}, "it is paused"),
        ({"end_date": clock.now().date() - timedelta(days=9)}, "its last day is over"),
    ],
)
def test_a_job_without_a_next_run_says_why(here, add_job, fields, words):
    add_job("quiet", **fields)

    result = here("runs", "--next", "1", "--job", "quiet")

    assert (result.returncode, words in result.stdout) == (0, True)


@ON_SQLITE
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--job", "nobody"], "no job with the id or the name 'nobody'"),
        (["--state", "lost"], "--state lost: there are due, running"),
        (["--next", "3"], "--next needs --job"),
        (["--next", "3", "--job", "x", "--prove", "2026-01-01", "now"], "two questions"),
        (["--next", "3", "--job", "x", "--state", "due"], "--state narrows"),
        (["--prove", "yesterday", "now"], "--prove yesterday: write an instant like"),
        (["--prove", "now", "2026-01-01"], "FROM must come before TO"),
        (["--prove", "9999-12-31", "9999-12-31"], "write an instant like"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_words(here, arguments, words):
    result = here("runs", *arguments)

    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr


@ON_SQLITE
def test_a_job_that_can_not_be_read_is_an_error_and_no_trace(here, add_job):
    add_job("broken", cron_expression="every day")

    result = here("runs", "--next", "1", "--job", "broken")

    assert result.returncode == 2
    assert "'every day' has 2 fields" in result.stderr


@ON_SQLITE
def test_a_database_without_the_schema_says_what_to_do(here, tmp_path):
    (tmp_path / "empty.db").touch()

    result = here("status", TEST_DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}")

    assert result.returncode == 3
    assert "crossfade init" in result.stderr


# --- the ledger -------------------------------------------------------------------------------------------------------


@pytest.fixture
def minutely(router):
    """A job that somebody inserted 20 minutes ago, due each minute."""
    at = naive(20)
    stamps = {"created_at": at, "updated_at": at, "planned_at": at, "next_run_at": naive(0) + timedelta(minutes=1)}
    with router.session("flask") as session:
        session.add(
            job := Job(name="minutely", cron_expression="* * * * *", target_url="http://127.0.0.1:9/", **stamps)
        )
    return job.id


def test_the_proof_is_told(ask, here, minutely, ran):
    for minutes in range(1, 16):
        ran(minutely, minutes, scheduled_for=naive(minutes))
    window = (f"{naive(14)}", f"{naive(1)}Z")

    answer = ask("runs", "--prove", *window)

    assert (answer["expected"], answer["run"], answer["absent"], answer["jobs"]) == (14, 14, 0, 1)
    assert "proved: every tick was answered once" in here("runs", "--prove", *window).stdout


def test_what_is_lost_or_ran_twice_is_named_and_the_exit_code_says_so(ask, here, minutely, ran):
    for minutes in (*range(1, 5), *range(6, 15)):
        ran(minutely, minutes, scheduled_for=naive(minutes))
    doubled = {"state": "missed", "status": "failed", "missed_from": naive(10) - timedelta(seconds=30)}
    ran(minutely, 9, scheduled_for=naive(10) + timedelta(seconds=30), **doubled)
    window = ("--prove", f"{naive(14)}", f"{naive(1)}")

    answer = ask("runs", *window, "--job", "minutely")
    people = here("runs", *window)

    assert not answer["ok"]
    assert [(one["verdict"], len(one["runs"])) for one in answer["offenders"]] == [("double", 2), ("absent", 0)]
    assert people.returncode == 1
    assert f"absent: minutely ({minutely}) at {naive(5).isoformat(timespec='milliseconds')}Z: no row" in people.stdout
    assert people.stdout.endswith("not proved: 1 absent, 1 double, 0 extra\n")


def test_where_runs_are_deleted_the_proof_says_that_it_can_not_know(ask, minutely, router):
    with router.session("flask") as session:
        job = session.get_one(Job, minutely)
        job.created_at = job.updated_at = job.planned_at = naive(60 * 24 * 9)
        job.is_active = False

    answer = ask("runs", "--prove", f"{naive(60 * 24 * 8)}", "now", EXECUTION_RETENTION_DAYS="3")

    assert any(one["reason"] == "runs as old as this are deleted" for one in answer["not_provable"])


# --- two databases ----------------------------------------------------------------------------------------------------


@pytest.fixture
def other(open_world):
    """FastAPI's own database, where Flask's is the anchor."""
    chosen = open_world("postgresql")
    yield chosen
    chosen.restore()


@ON_SQLITE
def test_with_two_databases_both_are_looked_at_and_the_anchor_rules(ask, here, world, other, add_job, ran):
    separate = {
        "FASTAPI_TEST_DATABASE_URL": other.router.route("flask").url.render_as_string(hide_password=False),
    }
    both, at = add_job("copied", is_active=False), naive(0)
    stamps = {"created_at": at, "updated_at": at, "planned_at": at, "is_active": False}
    with other.router.session("flask") as session:
        for name, fields in {"copied": {"id": both}, "own": {}}.items():
            said = {"name": name, "cron_expression": "0 0 1 1 *", "target_url": "http://127.0.0.1:9/"}
            session.add(job := Job(**(stamps | fields | said)))
            session.flush()
            session.add(
                JobExecution(job_id=job.id, status="success", trigger_type="manual", started_at=clock.naive_utc())
            )
    ran(both, 5)

    runs = ask("runs", **separate)["runs"]
    ask("owner", "--set", "off", **separate)

    assert [(run["database"], run["job_name"]) for run in runs[-1:]] == [("flask", "copied")]
    assert {(run["database"], run["job_name"]) for run in runs[:2]} == {("fastapi", "copied"), ("fastapi", "own")}
    assert ask("runs", "--next", "1", "--job", "own", **separate)["next_runs"] == []
    assert ask("owner")["owner"] == "off"
    assert [one["stack"] for one in ask("status", **separate)["databases"]] == ["flask", "fastapi"]
    assert ask("runs", "--prove", f"{naive(30)}", "now", **separate)["jobs"] == 2
    assert "database" in here("runs", **separate).stdout
