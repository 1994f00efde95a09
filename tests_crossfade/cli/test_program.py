"""The command as a whole: help, version, and how errors end."""

import subprocess
import sys
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


ALONE = """
import sys

extras = "aiohttp asyncpg django fastapi flask flask_sqlalchemy gunicorn httpx2 psycopg pytest uvicorn"
sys.modules |= dict.fromkeys(extras.split())
from crossfade.cli import main

main()
"""


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [("--help", 0, "Serve both stacks"), ("up", 2, "has no package uvicorn; pip install 'crossfade[gateway]'")],
)
def test_it_works_without_any_extra_or_says_which_one_it_needs(bookshop, environ, asked, code, said):
    command = [sys.executable, "-c", ALONE, asked]

    ended = subprocess.run(command, cwd=bookshop, env=environ, capture_output=True, text=True, check=False, timeout=60)

    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False), ended.stderr
    assert said in ended.stdout + ended.stderr


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


GHOSTS = """
ghost = "bookshop.nowhere:app"
models = "bookshop.models:metadata"
verify = "bookshop.till:app"
"""


@pytest.fixture
def haunted(bookshop):
    """The shop with commands that are none."""
    file = bookshop / "pyproject.toml"
    file.write_text(file.read_text() + GHOSTS)


@pytest.mark.usefixtures("haunted")
def test_a_project_s_commands_are_listed_without_importing_it(crossfade, bookshop):
    (bookshop / "bookshop" / "__init__.py").write_text("raise RuntimeError('imported')")

    result = crossfade("--help")

    assert (result.returncode, result.stderr) == (0, "")
    assert "Count what the shop has." in result.stdout
    assert "A command of this project: bookshop.nowhere:app." in result.stdout


def test_a_project_s_command_is_called_with_its_arguments_and_ends_with_its_exit_code(here):
    result = here("till", "count", "--books", "3")

    assert (result.returncode, result.stdout) == (1, "3 books\n")


def test_a_project_s_command_explains_itself(here):
    assert "Say how many." in here("till", "--help").stdout


@pytest.mark.usefixtures("haunted")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("ghost", "there is no module bookshop.nowhere"),
        ("models", "is no Typer app"),
        ("verify", "crossfade has a command of this name: choose another one"),
    ],
)
def test_a_project_s_command_that_is_none_is_named_with_its_file(here, bookshop, command, words):
    result = here(command)

    assert result.returncode == 2
    assert f"[tool.crossfade] commands.{command} of {bookshop}/pyproject.toml" in result.stderr
    assert words in result.stderr


@pytest.mark.usefixtures("haunted")
def test_the_other_commands_do_not_mind(here):
    assert here("init").returncode == 0


def test_what_is_nobody_s_command_is_said_to_be_none(here):
    result = here("tilll")

    assert result.returncode == 2
    assert "No such command 'tilll'. Did you mean 'till'?" in result.stderr


def test_what_may_be_a_command_of_a_project_that_is_not_there_says_so(crossfade, tmp_path):
    result = crossfade("till", CROSSFADE_PROJECT=str(tmp_path))

    assert result.returncode == 2
    assert "No pyproject.toml" in result.stderr
