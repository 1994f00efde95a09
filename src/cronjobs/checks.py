"""What only this application knows to be wrong, for `crossfade doctor`, and what a copy of it means.

What can't be used at all (an unknown time zone, in production a default, short or equal secret) is an error of the
settings, which the doctor reports itself; this is about what can be used, and shouldn't.
"""

from collections.abc import Collection, Generator, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cronjobs.scheduler import complaints, gate
from cronjobs.settings import Settings
from crossfade import settings as router_settings
from crossfade.database.engines import Engines
from crossfade.errors import CrossfadeError
from crossfade.findings import Finding
from crossfade.project import Project
from crossfade.revisions import Revisions, opening
from crossfade.routes import resolve

_STATEMENT_SECONDS = 10


def findings(settings: router_settings.Settings) -> list[Finding]:
    """What is wrong with the settings, and with the scheduler as the databases show it.

    Nothing if the settings are the router's own, because ours couldn't be read.
    """
    if not isinstance(settings, Settings):
        return []
    return [
        *_scheduler(settings),
        *_jobs(settings),
        *_private_targets(settings),
        *_origins(settings),
        *_mail(settings),
    ]


def copied(settings: router_settings.Settings, tables: Collection[str]) -> list[str]:
    """What must be known when rows of these tables are in two databases."""
    if settings.testing or "jobs" not in tables:
        return []
    sentence = (
        "a job that is in both databases is fired once, as the job of Flask's database says: what is changed of it in "
        "FastAPI's has no effect on when it runs until FastAPI's database takes over"
    )
    return [sentence]


def _scheduler(settings: Settings) -> list[Finding]:
    # The default is on: only somebody who said so expects something.
    if not (settings.testing and settings.scheduler_enabled and "scheduler_enabled" in settings.model_fields_set):
        return []
    return [
        Finding(
            "scheduler-under-testing",
            "warning",
            f"{settings.source_of('scheduler_enabled')} switches the scheduler on, but "
            f"{settings.source_of('testing')} says that this is a test run: nothing will be fired",
            "Unset SCHEDULER_ENABLED for test runs, or TESTING where jobs shall be fired.",
        )
    ]


def _jobs(settings: Settings) -> list[Finding]:
    """What keeps jobs from being fired, where this environment wants them to be."""
    if not gate.enabled(settings):
        return []
    try:
        with _sessions(settings) as sessions:
            always_on = settings.app_env == "production"
            return complaints.complaints(sessions, always_on=always_on) if sessions else []
    except (CrossfadeError, SQLAlchemyError):
        # A database that can't be reached, or hasn't our schema: the doctor's own questions say so, and what to do.
        return []


@contextmanager
def _sessions(settings: Settings) -> Generator[Sequence[Session]]:
    """A session on each database, the anchor's first, which only reads; none if one of them isn't brought up."""
    routes = resolve(settings)
    line = Revisions(Project.find(settings.root).path("revisions"))
    engines = Engines(name="crossfade:doctor", statement_timeout=_STATEMENT_SECONDS)
    with ExitStack() as stack:
        stack.callback(engines.dispose)
        found = sorted(routes.distinct(), key=lambda route: route.url != routes.anchor.url)
        connections = [stack.enter_context(opening.reading(route, engines)) for route in found]
        behind = any(line.pending(connection) for connection in connections)
        yield [] if behind else [stack.enter_context(Session(connection)) for connection in connections]


def _private_targets(settings: Settings) -> list[Finding]:
    if settings.app_env != "production" or not settings.private_targets_allowed:
        return []
    return [
        Finding(
            "private-targets",
            "warning",
            f"{settings.source_of('webhook_allow_private')} lets every user's job call this machine and its network",
            "Unset WEBHOOK_ALLOW_PRIVATE in production.",
        )
    ]


def _origins(settings: Settings) -> list[Finding]:
    """An origin that no browser sends never matches, and nothing says so."""
    odd = [origin for origin in settings.origins if not _is_origin(origin)]
    return [
        Finding(
            "cors-origin",
            "warning",
            f"{settings.source_of('cors_origins')}: {origin!r} is not an origin, so it allows nobody",
            "Write scheme, host and port alone, such as https://jobs.example.com.",
        )
        for origin in odd
    ]


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.path or parts.query)


def _mail(settings: Settings) -> list[Finding]:
    if settings.mail_server or not {"mail_username", "mail_password"} & settings.model_fields_set:
        return []
    return [
        Finding(
            "mail-off",
            "warning",
            "MAIL_USERNAME or MAIL_PASSWORD is set, but MAIL_SERVER is not: no e-mail is sent",
            "Set MAIL_SERVER, or unset the others.",
        )
    ]
