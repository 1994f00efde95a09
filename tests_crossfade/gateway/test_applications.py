"""An application is made by its factory as that wants it, or stands where a factory could."""

import sys
import types

import pytest

from crossfade.errors import ProjectError
from crossfade.gateway.applications import application
from crossfade.project import Project
from crossfade.router import Router


class App:
    """One that can be called too, as applications can."""

    def __call__(self) -> None:
        raise AssertionError("an application was taken for a factory")


def needing(router):
    return router


def taking(router=None):
    return router


def nothing():
    return "made"


@pytest.fixture
def project(monkeypatch, tmp_path):
    """A project whose Flask part is what is given."""
    module = types.ModuleType("shop_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("TEST_DATABASE_URL", f"sqlite:///{tmp_path}/environment_test.db")

    def make(flask):
        module.app = flask
        return Project(tmp_path, metadata="a:b", flask=f"{module.__name__}:app")

    return make


@pytest.mark.parametrize(("made", "expected"), [(needing, "it"), (taking, "it"), (nothing, "made")])
def test_the_router_that_is_there_is_given_to_a_factory_that_takes_one(project, made, expected) -> None:
    assert application(project(made), "flask", "it") == expected


def test_where_there_is_none_a_factory_that_must_have_one_gets_one_by_the_environment(project, tmp_path) -> None:
    assert application(project(taking), "flask") is None
    assert application(project(nothing), "flask") == "made"

    router = application(project(needing), "flask")

    assert isinstance(router, Router)
    assert router.route("flask").path == tmp_path / "environment_test.db"
    router.dispose()


def test_an_application_stands_where_a_factory_could(project) -> None:
    app = App()

    assert application(project(app), "flask") is app


def test_an_application_that_the_project_does_not_name_is_an_error(project) -> None:
    with pytest.raises(ProjectError, match=r"fastapi of .*: not set"):
        application(project(nothing), "fastapi")
