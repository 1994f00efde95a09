"""The pytest plugin: in a project that crossfade serves, a test run touches disposable databases alone.

It makes TESTING true for the run and everything that it starts, so that no route falls back to DATABASE_URL, and looks
at the databases that the run would use before the first test is collected. A run that would touch one that is not
disposable ends there, with exit code 4. In a folder without `[tool.crossfade]` it does nothing.

Imports of the router stand inside the functions: a plugin is loaded before coverage measures anything.
"""

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crossfade.project import Project

USAGE_ERROR = 4
"""pytest's own exit code for a command line that can't be run."""


def pytest_configure(config: pytest.Config) -> None:
    """Refuses the run, before collection, when it would touch a database that is not disposable."""
    from crossfade.errors import CrossfadeError, ProjectNotFoundError
    from crossfade.project import Project

    try:
        project = Project.find(config.rootpath)
        _force_testing()
        _look_before_the_first_test(project)
    except ProjectNotFoundError:
        return
    except CrossfadeError as error:
        pytest.exit(f"crossfade refuses this test run: {error}", returncode=USAGE_ERROR)


def _force_testing() -> None:
    from crossfade.errors import SettingsError
    from crossfade.settings import flag

    said = os.environ.get("TESTING", "").strip()
    if said and not flag(said):
        raise SettingsError(reason=f"TESTING is {said!r} (environment): a test run needs it true, or unset")
    os.environ["TESTING"] = "true"


def _look_before_the_first_test(project: "Project") -> None:
    from crossfade.database import stamps
    from crossfade.errors import DatabaseMissingError
    from crossfade.router import Router

    router = Router(project.load("settings").load(root=project.root), name="crossfade:pytest")
    try:
        for route in router.routes.distinct():
            if route.in_memory or (route.path is not None and not route.path.exists()):
                continue
            try:
                with router.engine(route.stack).connect() as connection:
                    stamps.ensure_disposable(connection, route)
            except DatabaseMissingError:
                continue
    finally:
        router.dispose()
