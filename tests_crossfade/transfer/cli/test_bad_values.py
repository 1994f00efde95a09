"""Rows that the target can't have as they are: told before the first row goes, or put aside."""

import pytest


@pytest.fixture(autouse=True)
def _at_home(home):
    """Every test here is about our application."""


def test_a_value_that_the_target_can_not_hold_stops_everything_or_is_put_aside(here, pair, people, run):
    old, new = pair("sqlite", "postgresql")
    people(old)
    run(old, "UPDATE jobs SET target_url = 'a' || char(0) || 'b' WHERE id = 'j2'")

    stopped = here("copy")
    aside = here("copy", "--on-bad-value", "quarantine")

    assert stopped.returncode == 1
    assert "jobs id=j2: target_url 'a\\0b' holds U+0000" in stopped.stdout
    assert "--on-bad-value quarantine" in stopped.stdout
    assert "nothing was copied" in stopped.stdout
    assert aside.returncode == 0, aside.stdout + aside.stderr
    assert "put aside in crossfade_quarantine" in aside.stdout
    assert run(new, "SELECT id FROM jobs ORDER BY id") == [("j1",), ("j3",)]
    assert run(new, "SELECT table_name, column_name FROM crossfade_quarantine") == [("jobs", "target_url")]


UNLOOKED = {"sqlite": "PRAGMA foreign_keys=OFF", "postgresql": "SET session_replication_role = replica"}


@pytest.fixture
def lose(run):
    """Lets a job and its run in a database refer to a user who isn't there."""

    def update(url):
        run(
            url,
            UNLOOKED[url.partition(":")[0]],
            "INSERT INTO job_executions (id, job_id, status, state, attempt, trigger_type, started_at)"
            " VALUES ('e1', 'j2', 'success', 'success', 1, 'manual', '2026-01-01 00:00:00')",
            "UPDATE jobs SET created_by = 'gone' WHERE id = 'j2'",
        )

    return update


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
def test_a_reference_that_dangles_in_the_source_is_told_before_the_first_row_where_the_target_would_refuse_it(
    here, pair, people, lose, count, source
):
    old, new = pair(source, "postgresql")
    people(old)
    lose(old)

    dry, stopped = here("copy", "--dry-run"), here("copy")

    assert (dry.returncode, stopped.returncode, count(new, "users")) == (1, 1, 0)
    assert "jobs id=j2: created_by 'gone' refers to no row of users" in dry.stdout
    assert "nothing was copied" in stopped.stdout


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
def test_a_reference_that_dangles_is_carried_to_sqlite_and_told_by_the_proof(here, pair, people, lose, count, source):
    old, new = pair(source, "sqlite")
    people(old)
    lose(old)

    ended = here("copy")

    assert (ended.returncode, count(new, "jobs")) == (1, 3)
    for side in ("source", "target"):
        assert f"jobs id=j2 of the {side}: created_by refers to no row of users" in ended.stdout
    assert "alike, but 2 rows refer to nothing" in ended.stdout


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_rows_that_refer_to_nothing_are_put_aside_with_all_that_refer_to_them(
    here, pair, people, lose, run, count, source, target
):
    old, new = pair(source, target)
    people(old)
    lose(old)

    ended = here("copy", "--on-bad-value", "quarantine")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 row has values that don't fit; put aside in crossfade_quarantine:" in ended.stdout
    assert run(new, "SELECT table_name, reason FROM crossfade_quarantine ORDER BY 1") == [
        ("job_executions", "job_id refers to a row of jobs that is put aside"),
        ("jobs", "created_by refers to no row of users"),
    ]
    assert (count(new, "jobs"), count(new, "job_executions")) == (2, 0)
