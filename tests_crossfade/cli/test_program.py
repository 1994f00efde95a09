"""The command as a whole: help, version, and how errors end."""

from importlib import metadata

import pytest


def test_the_version_is_the_distributions(crossfade):
    assert crossfade("--version").stdout == f"crossfade {metadata.version('crossfade')}\n"


@pytest.mark.parametrize("command", ["init", "up", "routes", "doctor", "copy", "verify"])
def test_every_command_explains_itself_anywhere(crossfade, command, tmp_path):
    result = crossfade(command, "--help", cwd=tmp_path)

    assert result.returncode == 0
    assert f"{command} [OPTIONS]" in result.stdout


def test_without_a_command_it_shows_the_commands(crossfade):
    result = crossfade()

    assert result.returncode == 2
    assert all(command in result.stdout + result.stderr for command in ("init", "up", "routes", "doctor"))


def test_an_error_is_one_line_with_its_exit_code_and_no_traceback(crossfade):
    result = crossfade("routes", TESTING="perhaps")

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: TESTING='perhaps' (environment): not a yes or a no")
    assert result.stderr.count("\n") == 1


def test_an_error_shows_no_password(crossfade):
    result = crossfade("routes", DATABASE_URL="mysql://owner:hunter2@till/books")

    assert result.returncode == 2
    assert "mysql" in result.stderr
    assert "hunter2" not in result.stderr


def test_outside_of_any_project_it_says_so(crossfade, tmp_path):
    result = crossfade("routes", CROSSFADE_PROJECT=str(tmp_path))

    assert result.returncode == 2
    assert "No pyproject.toml" in result.stderr


def test_a_reader_that_goes_away_is_no_failure_with_a_trace(bookshop, environ):
    import subprocess
    import sys

    command = f"{sys.executable} -m crossfade routes | true"
    result = subprocess.run(
        ["bash", "-c", command], cwd=bookshop, env=environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert "Traceback" not in result.stderr
