"""A copy that is interrupted says so, and the same command goes on."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

ROWS = 6_000


@pytest.fixture
def slow(home, pair, run):
    """Databases for a copy that takes a while: every row is a transaction of its own."""
    old, new = pair("sqlite", "postgresql")
    run(
        old,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        f"{ROWS}) INSERT INTO pic_teams (id, slug, name, is_active, created_at, updated_at)"
        " SELECT 't' || i, 't' || i, 'Team', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00' FROM n",
    )
    return old, new


def begun(run, new, process):
    """Waits until some rows are committed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        if run(new, "SELECT count(*) FROM pic_teams")[0][0] > 20:
            return
        time.sleep(0.02)
    raise TimeoutError


@pytest.mark.parametrize("given", [(), ("--json",)])
def test_ctrl_c_leaves_what_was_committed_and_the_same_command_goes_on(here, slow, run, variables, tmp_path, given):
    _, new = slow
    process = subprocess.Popen(
        [sys.executable, "-m", "crossfade", "copy", "--batch", "1", *given],
        cwd=tmp_path,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    begun(run, new, process)

    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err
    if given:
        assert json.loads(out)["error"]["code"] == "interrupted"
    else:
        assert "what was committed stays, and the same command goes on" in err.splitlines()[-1]
    committed = run(new, "SELECT count(*) FROM pic_teams")[0][0]
    assert 20 < committed < ROWS

    went_on = here("copy", "--resume")

    assert went_on.returncode == 0, went_on.stdout + went_on.stderr
    assert "finished what was begun" in went_on.stdout
    assert run(new, "SELECT count(*) FROM pic_teams") == [(ROWS,)]


def test_another_selection_is_refused_while_one_is_unfinished_unless_it_is_given_up(
    here, slow, run, variables, tmp_path
):
    _, new = slow
    process = subprocess.Popen(
        [sys.executable, "-m", "crossfade", "copy", "--batch", "1"],
        cwd=tmp_path,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    begun(run, new, process)
    process.kill()
    process.wait()

    refused = here("copy", "--tables", "pic_teams")
    restarted = here("copy", "--tables", "pic_teams", "--restart")

    assert refused.returncode == 3
    assert "holds an unfinished copy" in refused.stderr
    assert "--restart" in refused.stderr
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    assert run(new, "SELECT count(*) FROM pic_teams") == [(ROWS,)]


def test_a_second_copy_is_refused_while_one_is_at_work(here, slow, run, variables, tmp_path):
    _, new = slow
    process = subprocess.Popen(
        [sys.executable, "-m", "crossfade", "copy", "--batch", "1"],
        cwd=tmp_path,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        begun(run, new, process)
        os.kill(process.pid, signal.SIGSTOP)

        refused = here("copy")
    finally:
        process.kill()
        process.wait()

    assert refused.returncode == 3
    assert "Another copy" in refused.stderr


def test_a_server_that_goes_away_is_one_line_and_exit_code_3(slow, run, variables, tmp_path):
    _, new = slow
    process = subprocess.Popen(
        [sys.executable, "-m", "crossfade", "copy", "--batch", "1"],
        cwd=tmp_path,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    begun(run, new, process)

    run(new, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crossfade:target'")
    _, err = process.communicate(timeout=60)

    assert process.returncode == 3
    assert "Traceback" not in err
    assert "goes on" in err.splitlines()[-1]
