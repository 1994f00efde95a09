"""The project's applications: made by a factory, or standing where a factory could.

A factory that can take `router=` gets the one that is there; one that must have it gets one that is made as the
environment says. The same in tests, in the servers that tests start, and behind the front door.
"""

import inspect
from typing import Any

from crossfade.project import Project
from crossfade.router import Router
from crossfade.routes import Stack


def application(project: Project, stack: Stack, router: Router | None = None) -> Any:
    """The application of a stack. Raises ProjectError if the project doesn't name it."""
    made = project.load(stack)
    if not _is_factory(made):
        return made
    wanted = inspect.signature(made).parameters.get("router")
    if wanted is None:
        return made()
    if router is None and wanted.default is inspect.Parameter.empty:
        settings = project.load("settings").load(root=project.root)
        router = Router(settings, name=f"{stack}:web")
    return made() if router is None else made(router=router)


def _is_factory(made: Any) -> bool:
    """A function that makes an application, and not an application, which can be called too."""
    return inspect.isfunction(made) or inspect.isclass(made) or inspect.ismethod(made)
