"""Finding the application that the router serves."""

import sys
from pathlib import Path

import pytest

from crossfade.errors import ProjectError, ProjectNotFoundError
from crossfade.project import Command, Project

TABLE = '[tool.crossfade]\nmetadata = "json:loads"\nrevisions = "json"\n'


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pyproject.toml").write_text(TABLE)
    return tmp_path


def test_a_project_is_found_from_a_folder_inside_it(root):
    inside = root / "src" / "deep"
    inside.mkdir(parents=True)

    assert Project.find(inside, environ={}).root == root


def test_the_variable_goes_before_the_folder(root, tmp_path_factory):
    found = Project.find(tmp_path_factory.mktemp("elsewhere"), environ={"CROSSFADE_PROJECT": f" {root} "})

    assert found.root == root


def test_a_process_that_works_elsewhere_finds_the_project_of_its_environment(root, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setattr(sys, "prefix", str(root / ".venv"))

    assert Project.find(environ={}).root == root


def test_a_pyproject_without_the_table_is_passed_by(root):
    inner = root / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n")

    assert Project.find(inner, environ={}).root == root


def test_no_project_at_all_says_where_it_looked():
    with pytest.raises(ProjectNotFoundError, match="/proc"):
        Project.find("/proc", environ={})


def test_a_variable_that_names_no_project_is_an_error(tmp_path):
    with pytest.raises(ProjectNotFoundError, match="CROSSFADE_PROJECT"):
        Project.find(environ={"CROSSFADE_PROJECT": str(tmp_path)})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[tool.crossfade]\nrevisions = 'a'\n", "metadata of .*: missing"),
        (TABLE + "flsk = 'a:b'\n", "flsk"),
        (TABLE + "flask = 3\n", "import path"),
        ("not toml", "can't be read"),
        (TABLE + 'front = "flask"\n', "front"),
        (TABLE + 'front = { "/api" = "django" }\n', "front"),
        (TABLE + 'front = { "api" = "flask" }\n', "front"),
        (TABLE + 'commands = "jobs"\n', "commands of .*: 'jobs' is not a table"),
        (TABLE + 'commands = { Jobs = "a:b" }\n', "commands.Jobs of .*: a command is called by small letters"),
        (TABLE + "commands = { jobs = 3 }\n", "commands.jobs of .*: 3 is neither"),
        (TABLE + 'commands = { jobs = { app = "a:b", hlp = "" } }\n', "commands.jobs of .* is neither"),
        (TABLE + 'commands = { jobs = { app = "a:b", help = 3 } }\n', "commands.jobs of .* is neither"),
    ],
)
def test_a_table_that_is_wrong_is_named(tmp_path, content, words):
    (tmp_path / "pyproject.toml").write_text(content)

    with pytest.raises(ProjectError, match=words):
        Project.find(tmp_path, environ={})


def test_a_part_is_imported_when_it_is_asked_for(root):
    import json

    project = Project.find(root, environ={})

    assert project.load("metadata") is json.loads
    assert project.load("revisions") is json


def test_the_routers_own_settings_are_the_default(root):
    from crossfade.settings import Settings

    assert Project.find(root, environ={}).load("settings") is Settings


@pytest.mark.parametrize(
    ("path", "words"),
    [("nowhere.at.all:x", "no module nowhere"), ("json:nothing", "json has no nothing"), ("json.nowhere", "no module")],
)
def test_a_part_that_is_not_there_names_its_key(tmp_path, path, words):
    project = Project(root=tmp_path, metadata=path, revisions="json")

    with pytest.raises(ProjectError, match=words) as caught:
        project.load("metadata")
    assert "metadata" in str(caught.value)


def test_a_part_that_is_not_set_is_an_error(root):
    with pytest.raises(ProjectError, match="demo"):
        Project.find(root, environ={}).load("demo")


def test_a_module_that_lacks_a_dependency_shows_its_own_trace(tmp_path, monkeypatch):
    (tmp_path / "needs_something.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        Project(root=tmp_path, metadata="needs_something:x", revisions="json").load("metadata")


def test_the_front_door_has_a_default_and_can_be_said(root):
    assert Project.find(root, environ={}).front["/api/v2"] == "fastapi"

    (root / "pyproject.toml").write_text(TABLE + 'front = { "/old" = "flask", "/new" = "fastapi" }\n')

    assert Project.find(root, environ={}).front == {"/old": "flask", "/new": "fastapi"}


def test_commands_are_named_with_or_without_a_sentence(root):
    assert Project.find(root, environ={}).commands == {}

    lines = ['one = "json:loads"', 'two = { app = "json:dumps", help = "Dump." }']
    (root / "pyproject.toml").write_text("\n".join([TABLE, "[tool.crossfade.commands]", *lines]))
    project = Project.find(root, environ={})

    assert project.commands == {"one": Command("json:loads"), "two": Command("json:dumps", "Dump.")}
    assert project.load_command("two").__name__ == "dumps"


def test_this_project_is_one():
    assert Project.find(Path(__file__).parent, environ={}).metadata == "cronjobs.models:metadata"
