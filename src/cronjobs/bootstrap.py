"""What both factories begin with: settings, a router named after the process, a schema where only we can make it."""

from dataclasses import dataclass

from cronjobs.settings import Settings, load
from crossfade import logs, revisions
from crossfade.project import Project
from crossfade.router import Router
from crossfade.routes import Stack


@dataclass(frozen=True)
class Beginning:
    """What an application stands on."""

    settings: Settings
    router: Router


def parts(stack: Stack, settings: Settings | None, router: Router | None) -> Beginning:
    """The settings and the router for a stack's process; those that are given are used as they are."""
    settings = settings or (load() if router is None else _settings_of(router))
    logs.configure(settings.log_format, application="cronjobs", stack=stack)
    router = router or Router(settings, name=f"{stack}:web")
    if router.route(stack).in_memory:
        # It lives in this process alone, where no `crossfade init` could reach it.
        revisions.initialise(router, Project.find(settings.root), stacks=(stack,))
    return Beginning(settings, router)


def _settings_of(router: Router) -> Settings:
    if not isinstance(router.settings, Settings):
        raise TypeError(
            "the router was made with the router's own settings: give create_app cronjobs.settings.Settings"
        )
    return router.settings
