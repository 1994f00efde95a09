"""The databases that jobs are in, for commands: one, or those of both stacks, the anchor's first."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cronjobs.services.errors import ServiceError
from cronjobs.settings import Settings
from crossfade.cli.answers import answering
from crossfade.errors import ConfigurationError, RefusedError
from crossfade.project import Project
from crossfade.revisions import Revisions
from crossfade.router import Router
from crossfade.routes import Route


@dataclass(frozen=True)
class Databases:
    """What the commands work on."""

    settings: Settings
    router: Router

    @property
    def routes(self) -> Sequence[Route]:
        """A route for each database, the anchor's first."""
        anchor = self.router.routes.anchor
        return sorted(self.router.routes.distinct(), key=lambda route: route.url != anchor.url)

    @property
    def are_separate(self) -> bool:
        """Whether each stack has one of its own."""
        return len(self.routes) > 1

    @contextmanager
    def sessions(self) -> Iterator[Sequence[Session]]:
        """A session on each database, the anchor's first; what they write is committed if the block ends well."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.router.session(route.stack)) for route in self.routes]


@contextmanager
def opened(*, as_json: bool) -> Generator[Databases]:
    """The databases of the project, for a command, which ends with an answer and an exit code whatever happens.

    2 for what can't be meant so, 3 for a database that can't be reached or hasn't the schema of this version.
    """
    with answering(as_json=as_json, interrupted="interrupted: nothing was changed"):
        project = Project.find()
        settings: Settings = project.load("settings").load(root=project.root)
        router = Router(settings, name="crossfade:scheduler")
        try:
            databases = Databases(settings, router)
            _ensure_ready(databases, Revisions(project.path("revisions")))
            yield databases
        except ServiceError as error:
            raise ConfigurationError(reason=error.message) from error
        finally:
            router.dispose()


def _ensure_ready(databases: Databases, revisions: Revisions) -> None:
    with databases.sessions() as sessions:
        for route, session in zip(databases.routes, sessions, strict=True):
            lacking = revisions.pending(session.connection())
            if lacking:
                reason = (
                    f"{route.masked} ({route.source}) lacks the revisions {', '.join(lacking)}: run `crossfade init`"
                )
                raise RefusedError(reason=reason)
