"""Rows that meet rows of the target: found, listed, and settled by a policy or by taking two for one."""

import json

import pytest


@pytest.fixture(autouse=True)
def _at_home(home):
    """Every test here is about our application."""


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_second_copy_meets_the_rows_of_the_first_and_changes_nothing(here, pair, people, run, target):
    old, new = pair("sqlite", target)
    people(old)
    here("copy")
    run(old, "UPDATE users SET role = 'viewer' WHERE id = 'u2'")

    ended = here("copy")

    assert ended.returncode == 1
    assert "users id=u2: is there with another role" in ended.stdout
    assert "users id=u1: is there, alike" in ended.stdout
    assert "--on-conflict skip" in ended.stdout
    assert "nothing was copied" in ended.stdout
    assert run(new, "SELECT role FROM users ORDER BY id") == [("admin",), ("user",)]


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("options", "roles"),
    [
        (["--on-conflict", "skip"], ["admin", "mine"]),
        (["--on-conflict", "update"], ["first", "viewer"]),
        (["--on-conflict", "newest"], ["first", "mine"]),
        (["--on-conflict", "newest", "--newest-by", "created_at"], ["admin", "viewer"]),
    ],
)
def test_a_policy_settles_conflicts(here, pair, people, run, target, options, roles):
    old, new = pair("sqlite", target)
    people(old)
    here("copy")
    run(old, "UPDATE users SET role = 'viewer', created_at = '2026-02-02 00:00:00' WHERE id = 'u2'")
    run(
        old,
        "UPDATE users SET role = 'first', updated_at = '2026-02-02 00:00:00', created_at = '2025-01-01 00:00:00'"
        " WHERE id = 'u1'",
    )
    run(
        new,
        "UPDATE users SET role = 'mine', updated_at = '2026-02-02 00:00:00', created_at = '2025-01-01 00:00:00'"
        " WHERE id = 'u2'",
    )
    run(new, "UPDATE users SET created_at = '2026-02-02 00:00:00' WHERE id = 'u1'")

    ended = here("copy", *options)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [role for (role,) in run(new, "SELECT role FROM users ORDER BY id")] == roles


@pytest.fixture
def run_twice(run):
    """Puts a run of a job into both databases, which the second has seen end."""

    def fill(old, new):
        for url, status, completed in ((old, "running", "NULL"), (new, "success", "'2026-01-01 00:01:00'")):
            run(
                url,
                "INSERT INTO job_executions (id, job_id, status, trigger_type, started_at, completed_at)"
                f" VALUES ('e1', 'j1', '{status}', 'manual', '2026-01-01 00:00:00', {completed})",
            )

    return fill


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_newest_stops_at_a_table_that_nobody_can_say_it_of_and_is_told_what_to_compare(
    here, pair, people, run, run_twice, target
):
    old, new = pair("sqlite", target)
    people(old)
    here("copy")
    run_twice(old, new)
    run(old, "UPDATE jobs SET name = 'first', updated_at = '2026-02-02 00:00:00' WHERE id = 'j1'")

    stopped = here("copy", "--on-conflict", "newest")
    before = run(new, "SELECT name FROM jobs WHERE id = 'j1'")
    told = here("copy", "--on-conflict", "newest", "--newest-by", "job_executions.completed_at")

    assert (stopped.returncode, before) == (1, [("job 1",)])
    assert "1 row meets a row of the target" in stopped.stdout
    doubt = "job_executions id=e1: is there with another status, completed_at, and neither says which is newer"
    assert doubt in stopped.stdout
    assert "--newest-by TABLE.COLUMN names what does" in stopped.stdout
    assert "--tables job_executions" in stopped.stdout
    assert "alike" not in stopped.stdout
    assert told.returncode == 0, told.stdout + told.stderr
    assert run(new, "SELECT name FROM jobs WHERE id = 'j1'") == [("first",)]
    assert run(new, "SELECT status FROM job_executions") == [("success",)]


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_people_who_are_registered_on_both_sides_are_found_and_merged_when_asked_for(
    here, pair, people, run, target, count
):
    old, new = pair("sqlite", target)
    people(old)
    people(new, prefix="other-")

    found = here("copy")
    merged = here("copy", "--remap", "--on-conflict", "skip")

    assert found.returncode == 1
    assert "2 rows meet a row of the target" in found.stdout
    assert "users id=u1: the target has this email under id=other-u1" in found.stdout
    assert "--remap" in found.stdout
    assert merged.returncode == 0, merged.stdout + merged.stderr
    assert count(new, "users") == 2
    assert "verified: all 12 rows are in the target, as --on-conflict has them" in merged.stdout
    assert run(new, "SELECT DISTINCT created_by FROM jobs") == [("other-u1",)]
    assert count(new, "jobs") == 6


def test_a_row_that_only_the_target_has_yet_may_be_referred_to(here, pair, people, run, count):
    old, new = pair("sqlite", "postgresql")
    people(old)
    assert here("copy", "--tables", "users").returncode == 0
    run(old, "PRAGMA foreign_keys=OFF", "DELETE FROM users WHERE id = 'u1'")

    ended = here("copy", "--on-conflict", "skip", "--no-verify")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert count(new, "jobs") == 3


def test_a_dry_run_finds_conflicts(here, pair, people):
    old, _ = pair()
    people(old)
    here("copy")

    ended = here("copy", "--dry-run")

    assert ended.returncode == 1
    assert "users id=u1: is there, alike" in ended.stdout
    assert ended.stdout.endswith("nothing was changed: a copy would stop here\n")


def test_conflicts_are_in_the_json_too(here, pair, people):
    old, _ = pair()
    people(old)
    here("copy")

    ended = here("copy", "--json")

    answer = json.loads(ended.stdout)
    assert (ended.returncode, answer["ok"]) == (1, False)
    assert answer["conflicting_rows"] == 12
