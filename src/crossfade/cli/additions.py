"""The commands that a project adds to `crossfade`: `[tool.crossfade.commands]` of its pyproject.toml.

Their names and a sentence for each come from the file. The application is imported when one of them is called, so that
`crossfade --help` and the other commands need no more of it than they ask for.
"""

import sys
from typing import Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup
from typing_extensions import override

from crossfade.cli.commands import OURS
from crossfade.errors import CrossfadeError, ProjectError
from crossfade.project import Project


def extended(app: typer.Typer) -> TyperGroup:
    """`app` with the commands of the project around the working directory.

    Raises the error of a project that can't be found or read, if what was called may be one of its commands.
    """
    group = typer.main.get_group(app)
    try:
        project = Project.find()
    except CrossfadeError:
        called = sys.argv[1] if len(sys.argv) > 1 else ""
        if called and not called.startswith("-") and called not in OURS:
            raise
        return group
    for name in project.commands:
        group.add_command(_Added(project, name, taken=name in OURS), name)
    return group


class _Added(TyperCommand):
    """Stands for a project's command in lists, and becomes it when it is called."""

    def __init__(self, project: Project, name: str, *, taken: bool) -> None:
        """`taken`: a command of our own has this name."""
        said = project.commands[name]
        super().__init__(name, help=said.help or f"A command of this project: {said.path}.")
        self._project = project
        self._called = name
        self._taken = taken

    @override
    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        if self._taken:
            raise self._error("crossfade has a command of this name: choose another one")
        app = self._project.load_command(self._called)
        if not isinstance(app, typer.Typer):
            raise self._error(f"{app!r} is no Typer app")
        return typer.main.get_command(app).make_context(*args, **kwargs)

    def _error(self, reason: str) -> ProjectError:
        return ProjectError(key=f"commands.{self._called}", file=self._project.root / "pyproject.toml", reason=reason)
