"""What `make` does, with an interpreter that writes down what it is asked instead of doing it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

# Stands in for Python: small programs are run, an environment is made of a copy of itself, all else is written down.
INTERPRETER = f"""#!/bin/sh
case "$*" in
  -V) echo "Python $FAKE_VERSION"; exit;;
  -c*version_info*) [ "$FAKE_VERSION" != 3.10.13 ]; exit;;
  -c*) exec {sys.executable} "$@";;
  "-m venv --clear .venv")
    [ -z "$FAKE_BROKEN_VENV" ] || {{ mkdir -p .venv; exit 1; }}
    rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "#!$PWD/.venv/bin/python" > .venv/bin/pip;;
esac
echo "$* PORT=$PORT" >> "$FAKE_LOG"
case "$*" in *"$FAKE_FAILURE"*) exit 1;; esac
"""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def place(tmp_path):
    """The project's folder as far as `make` looks at it."""
    folder = tmp_path / "a project"
    (folder / "requirements").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements/run.txt", "requirements/dev.txt"):
        shutil.copy(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture
def make(tmp_path, place, log):
    """Runs `make`; returns the result and what the interpreter was asked."""
    interpreter = tmp_path / "python-of-the-test"
    interpreter.write_text(INTERPRETER)
    interpreter.chmod(0o755)

    def run(*arguments, cwd=place, **variables):
        log.write_text("")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environ = kept | {
            "PYTHON": str(interpreter),
            "FAKE_LOG": str(log),
            "FAKE_VERSION": "3.12.1",
            "FAKE_FAILURE": "nothing fails",
        }
        result = subprocess.run(
            ["make", *arguments],
            cwd=cwd,
            env=environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return result, log.read_text().splitlines()

    return run


def installs(asked):
    return [line for line in asked if "pip" in line]


def test_help_names_every_target(make):
    result, asked = make()

    named = {line.split()[0] for line in result.stdout.splitlines()}
    assert named == {
        "help",
        "up",
        "install",
        "test",
        "coverage",
        "check",
        "docs",
        "bench",
        "bench-copy",
        "bench-copy-memory",
        "bench-scheduler",
        "bench-tests",
        "drill",
        "lock",
    }
    assert asked == []


def test_up_needs_what_running_needs_and_no_more(make):
    result, asked = make("up")

    assert result.returncode == 0, result.stderr
    assert asked[0].startswith("-m venv --clear .venv")
    assert "--require-hashes --requirement requirements/run.txt" in asked[1]
    assert "--no-deps --no-build-isolation --editable ." in asked[2]
    assert asked[3:] == ["-m crossfade up PORT="]


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_port_reaches_the_command(make, how):
    _, asked = make("up", PORT="9000") if how == "before" else make("up", "PORT=9000")

    assert asked[-1] == "-m crossfade up PORT=9000"


def test_what_is_up_to_date_is_not_installed_again(make):
    make("install")

    assert installs(make("install")[1]) == []
    assert installs(make("up")[1]) == []


def test_working_needs_more_than_running(make):
    make("up")

    assert "requirements/dev.txt" in installs(make("test")[1])[0]


@pytest.mark.parametrize("name", ["requirements/dev.txt", "pyproject.toml"])
def test_what_has_changed_is_installed_again(make, place, name):
    make("install")
    later = (place / ".venv" / ".installed-dev").stat().st_mtime + 1
    os.utime(place / name, (later, later))

    assert len(installs(make("install")[1])) == 2


def test_an_environment_behind_a_link_is_left_to_whom_it_belongs(make, place, tmp_path):
    theirs = tmp_path / "theirs"
    (theirs / "bin").mkdir(parents=True)
    (theirs / "bin" / "pip").write_text("theirs")
    (place / ".venv").symlink_to(theirs)

    result, asked = make("install")

    assert result.returncode != 0
    assert f".venv is a link to {theirs}" in result.stderr
    assert (theirs / "bin" / "pip").read_text() == "theirs"
    assert asked == []


def test_an_installation_that_failed_is_tried_again(make):
    result, _ = make("install", FAKE_FAILURE="--editable")

    assert result.returncode != 0
    assert len(installs(make("install")[1])) == 2


@pytest.mark.parametrize("lost", ["bin/python", "bin/pip"])
def test_an_environment_that_lost_something_is_made_anew(make, place, lost):
    make("install")
    (place / ".venv" / lost).unlink()

    _, asked = make("install")

    assert asked[0].startswith("-m venv")
    assert len(installs(asked)) == 2


def test_an_environment_that_was_moved_is_made_anew(make, place):
    make("install")
    moved = place.rename(place.with_name("elsewhere"))

    assert make("up", cwd=moved)[1][0].startswith("-m venv")


def test_a_python_that_is_too_old_is_named_in_one_line(make, place):
    result, asked = make("up", FAKE_VERSION="3.10.13")

    assert result.returncode != 0
    first = result.stderr.splitlines()[0]
    assert "is Python 3.10.13: Python 3.11 or newer is needed" in first
    assert asked == []
    assert not (place / ".venv").exists()


def test_a_python_that_is_not_there_is_named_in_one_line(make):
    result, _ = make("up", PYTHON="/nowhere/python")

    assert result.returncode != 0
    assert result.stderr.splitlines()[0].startswith("There is no /nowhere/python: install Python 3.11")


def test_a_python_without_venv_leaves_nothing_half_made(make, place):
    result, _ = make("up", FAKE_BROKEN_VENV="1")

    assert result.returncode != 0
    assert "can't make a virtual environment" in result.stderr
    assert not (place / ".venv").exists()


@pytest.mark.parametrize("target", ["test", "coverage"])
def test_tests_that_fail_fail_the_target(make, target):
    result, _ = make(target, FAKE_FAILURE="pytest")

    assert result.returncode != 0


def test_tests_are_measured_and_reported(make):
    _, asked = make("coverage")

    measured = [line for line in asked if line.startswith("-m coverage")]
    assert [line.split()[2] for line in measured] == ["erase", "run", "combine", "report"]
    assert "-m pytest" in measured[1]


def test_locking_pins_by_hash_and_names_no_index(make):
    _, asked = make("lock")

    compiled = [line for line in asked if "uv pip compile" in line]
    assert len(compiled) == 3
    assert all("--generate-hashes" in line and "--no-emit-index-url" in line for line in compiled)


@pytest.mark.parametrize("name", ["run.txt", "dev.txt", "bench.txt"])
def test_every_requirement_is_pinned_by_its_hash_and_comes_from_anywhere(name):
    text = (REPOSITORY / "requirements" / name).read_text()
    requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]

    assert "://" not in text
    assert all("==" in line and line.endswith("\\") for line in requirements)
    assert text.count("--hash=sha256:") >= len(requirements)


def test_what_runs_is_what_was_tested():
    def pins(name):
        lines = (REPOSITORY / "requirements" / name).read_text().splitlines()
        return {line.split(" ")[0] for line in lines if "==" in line and not line.startswith(" ")}

    assert pins("run.txt") <= pins("dev.txt")


def test_continuous_integration_does_what_people_do():
    script = (REPOSITORY / ".ci" / "run").read_text()

    assert "set -euo pipefail" in script
    assert script.endswith("exec make check test\n")
