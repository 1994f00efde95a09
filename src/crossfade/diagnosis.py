"""Everything about a project's configuration that can be told to be wrong, found without changing anything.

What keeps one question from being answered is a finding itself, and the other questions are asked all the same. How the
findings are shown is left to the command.
"""

import asyncio
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from crossfade import fence, redaction, revisions, urls
from crossfade.database import probe
from crossfade.database.engines import Engines
from crossfade.errors import (
    CrossfadeError,
    DatabaseMissingError,
    DatabaseUrlError,
    DifferentDatabasesError,
    DriverNotSupportedError,
    ForeignSchemaError,
    HostSilentError,
    HostUnknownError,
    LoginRefusedError,
    ProjectError,
    RevisionsError,
    SettingsError,
    UnknownRevisionError,
    UnreachableError,
)
from crossfade.fence import Freeze
from crossfade.findings import Finding
from crossfade.project import Project
from crossfade.revisions import opening
from crossfade.router import Router
from crossfade.routes import STACKS, Route
from crossfade.settings import Settings

# For errors whose own text ends without an advice in a paragraph of its own; the nearest class counts.
_REMEDIES: Mapping[type[CrossfadeError], str] = {
    SettingsError: "Correct the variable where it is set, or unset it.",
    ProjectError: "Correct [tool.crossfade] in the file.",
    DatabaseUrlError: "Write it as sqlite:///name.db or postgresql://user:password@host:5432/name.",
    DriverNotSupportedError: "Use one of the supported databases and drivers.",
    RevisionsError: "Correct the project's revisions.",
    DatabaseMissingError: "Run `crossfade init`.",
    HostUnknownError: "Correct the host's name where it is set, or the network's DNS.",
    HostSilentError: "Check the host, the port and the firewalls between.",
    LoginRefusedError: "Correct user and password where they are set.",
    ForeignSchemaError: "Point the variable at the application's own database.",
    UnknownRevisionError: "Run the code that brought the database to this revision, or a newer one.",
    UnreachableError: "See that the database is there and can be reached from this machine.",
    DifferentDatabasesError: "Ask the router for both engines, and see what else tells the drivers where to go.",
    CrossfadeError: "Correct what the message names, then run `crossfade doctor` again.",
}

_URL_FIELDS = ("database_url", "fastapi_database_url", "test_database_url", "fastapi_test_database_url")


def diagnose(project: Project, *, environ: Mapping[str, str] | None = None) -> list[Finding]:
    """What is wrong with the project in this environment; empty if nothing can be found."""
    findings: list[Finding] = []
    settings = _settings(project, environ, findings)
    if settings is None:
        return findings
    findings += _application(project, settings)
    findings += _commands(project)
    findings += _ambiguous_paths(settings)
    try:
        router = Router(settings, name="crossfade:doctor")
    except CrossfadeError as error:
        return _distinct([*findings, of_error(error)])
    try:
        findings += _databases(project, router)
    finally:
        router.dispose()
    return _distinct(findings)


def of_error(error: CrossfadeError) -> Finding:
    """An error as a finding: its advice apart from its fact."""
    fact, _, advice = cleandoc(type(error).__doc__ or "").partition("\n\n")
    if advice:
        return Finding(error.code, "error", _filled(fact, error.facts), _filled(advice, error.facts))
    remedy = next(_REMEDIES[kind] for kind in type(error).__mro__ if kind in _REMEDIES)
    return Finding(error.code, "error", str(error), remedy)


def _settings(project: Project, environ: Mapping[str, str] | None, findings: list[Finding]) -> Settings | None:
    """The application's settings; the router's part of them if the rest can't be used."""
    try:
        kind: type[Settings] = project.load("settings")
    except CrossfadeError as error:
        findings.append(of_error(error))
        kind = Settings
    try:
        return kind.load(root=project.root, environ=environ)
    except SettingsError as error:
        findings += _by_line(error)
    try:
        return Settings.load(root=project.root, environ=environ)
    except SettingsError as error:
        findings += [finding for finding in _by_line(error) if finding not in findings]
        return None


def _by_line(error: SettingsError) -> list[Finding]:
    """A finding for each variable: the error names them all at once."""
    return [of_error(SettingsError(reason=line)) for line in str(error.facts["reason"]).splitlines()]


def _application(project: Project, settings: Settings) -> Iterable[Finding]:
    """What the application's own checks find."""
    if project.checks is None:
        return []
    try:
        found: list[Finding] = list(project.load("checks")(settings))
    except CrossfadeError as error:
        return [of_error(error)]
    return found


def _commands(project: Project) -> Iterable[Finding]:
    """Commands of the project's that can't be called."""
    for name in project.commands:
        try:
            project.load_command(name)
        except CrossfadeError as error:
            yield of_error(error)


def _ambiguous_paths(settings: Settings) -> Iterable[Finding]:
    """Relative paths for which several files exist: the router takes one, other tools take another."""
    for field in _URL_FIELDS:
        text = getattr(settings, field)
        try:
            found = [] if text is None else [one for one in urls.meanings(text, settings.root) if one.exists]
        except CrossfadeError:
            # The routes say it better.
            continue
        if len(found) > 1:
            used = next((str(one.path) for one in found if one.used), "none of them")
            others = " and ".join(str(one.path) for one in found if not one.used)
            yield Finding(
                "relative-path",
                "warning",
                f"{settings.source_of(field)}: {redaction.mask(text)} is a relative path; the router takes {used}, "
                f"but {others} exists too",
                "Write the absolute path of the file you mean, and remove the other one if nobody needs it.",
            )


def _databases(project: Project, router: Router) -> list[Finding]:
    findings: list[Finding] = []
    sound: list[Route] = []
    for route in router.routes.distinct():
        found, ours = _database(project, route)
        findings += found
        sound += [route] if ours else []
    # The probes open databases as the stacks do, which is not for a file that may be somebody else's.
    for route in (router.routes.of(stack) for stack in STACKS):
        if any(route.url == one.url for one in sound):
            findings += asyncio.run(_one_database(router, route))
    if len(sound) > 1:
        findings += asyncio.run(_separate_indeed(router))
    return findings


def _database(project: Project, route: Route) -> tuple[list[Finding], bool]:
    """Is it there, at the newest revision, like the models, and meant for this? And is it ours at all?"""
    engines = Engines(name="crossfade:doctor", statement_timeout=0)
    try:
        with opening.reading(route, engines) as connection:
            freeze = fence.frozen(connection)
        (report,) = revisions.check([route], project)
    except CrossfadeError as error:
        return [of_error(error)], False
    except SQLAlchemyError as error:
        return [of_error(UnreachableError(url=route.masked, source=route.source, reason=str(error)))], False
    finally:
        engines.dispose()
    findings = [
        Finding(
            "schema",
            "error",
            f"{report.url} ({report.source}): {problem}",
            "Run `crossfade init`; if it finds nothing to do, the models and the revisions have to be made to agree.",
        )
        for problem in report.problems
    ]
    if report.environment not in {None, route.environment}:
        findings.append(
            Finding(
                "stamp",
                "warning",
                f"{report.url} ({report.source}) is stamped {report.environment}, but this environment is "
                f"{route.environment}",
                "Point this environment at a database of its own, or set APP_ENV to what the database is for.",
            )
        )
    if freeze is not None:
        findings.append(_of_freeze(route, freeze))
    return findings, route.in_memory or report.before is not None


def _of_freeze(route: Route, freeze: Freeze) -> Finding:
    why = f": {redaction.mask(freeze.reason)}" if freeze.reason else ""
    since = freeze.since.isoformat(timespec="seconds")
    message = f"{route.masked} ({route.source}): writes have been frozen since {since}{why}"
    return Finding("writes-frozen", "warning", message, "Run `crossfade thaw` when that is over.")


async def _one_database(router: Router, route: Route) -> list[Finding]:
    """Do the sync and the async engine of a stack reach the same database?"""
    asynchronous = router.async_engine(route.stack)
    try:
        await probe.ensure_same(
            router.engine(route.stack), asynchronous, source=route.source, async_source=route.source
        )
    except CrossfadeError as error:
        return [of_error(error)]
    finally:
        await asynchronous.dispose()
    return []


async def _separate_indeed(router: Router) -> list[Finding]:
    """Two URLs, one database: a link, another name of the same host."""
    routes = router.routes
    asynchronous = router.async_engine("fastapi")
    try:
        same = await probe.same_database(router.engine("flask"), asynchronous)
    finally:
        await asynchronous.dispose()
    if not same:
        return []
    flask, fastapi = routes.flask, routes.fastapi
    return [
        Finding(
            "one-database",
            "error",
            f"{flask.masked} ({flask.source}) and {fastapi.masked} ({fastapi.source}) are one and the same database",
            "Unset FASTAPI_DATABASE_URL to share a database, or point it at another one.",
        )
    ]


def _filled(template: str, facts: Mapping[str, Any]) -> str:
    return redaction.mask(" ".join(template.split()).format(**facts).replace("..", "."))


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))
