"""Brings databases to the newest revision, whatever state they are in, and says whether they are there.

An empty database is made and filled with its seed, an older one upgraded, one from before there were revisions adopted,
one that isn't ours refused. For each database all of it is one transaction: it happens once, whoever else tries at the
same time, or not at all. Nothing is ever dropped. Which databases is left to `places`, printing to the command.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, MetaData, create_engine, inspect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from crossfade import clock, fence
from crossfade.database import stamps
from crossfade.database.engines import Engines
from crossfade.database.sessions import WriteSession, begin_write
from crossfade.errors import (
    CrossfadeError,
    DatabaseMissingError,
    ForeignSchemaError,
    SchemaBusyError,
    UnknownRevisionError,
)
from crossfade.project import Project
from crossfade.revisions import adoption as adoptions
from crossfade.revisions import opening, seeds
from crossfade.revisions.adoption import Adoption
from crossfade.revisions.drift import BOOKKEEPING, Difference, drift
from crossfade.revisions.steps import Revisions, contention, current, lock
from crossfade.router import Router
from crossfade.routes import STACKS, Route, Stack
from crossfade.settings import Settings

Action = Literal["created", "upgraded", "adopted", "current", "memory"]


@dataclass(frozen=True)
class Report:
    """What was done to one database, or what is wrong with it."""

    url: str
    """Its password masked."""
    stacks: tuple[str, ...]
    mode: str
    source: str
    """Who named the database."""
    action: Action | None = None
    """What `initialise` did; None from `check`. `memory`: it lives in the process that uses it, so nothing was done."""
    before: str | None = None
    """The revision at the start; None without one."""
    after: str | None = None
    """The revision at the end."""
    applied: tuple[str, ...] = ()
    """The revisions that were run."""
    added: tuple[str, ...] = ()
    """What an adopted database lacked of the first revision."""
    copy: str | None = None
    """The file that holds an adopted SQLite database as it was."""
    environment: str | None = None
    """What its stamp says."""
    oddities: tuple[str, ...] = ()
    """What a person should know about the rows of an adopted database."""
    problems: tuple[str, ...] = ()
    """Found by `check`: what doesn't agree."""

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class _Parts:
    """What the project says about its schema."""

    revisions: Revisions
    metadata: MetaData
    adoption: Adoption
    seed: Callable[[WriteSession], object] | None
    settings: Callable[[], Settings]

    @classmethod
    def of(cls, project: Project, router: Router | None = None) -> "_Parts":
        return cls(
            revisions=Revisions(project.path("revisions")),
            metadata=project.load("metadata"),
            adoption=project.load("adoption") if project.adoption else Adoption(),
            seed=project.load("seed") if project.seed else None,
            settings=lambda: project.load("settings").load(root=project.root) if router is None else router.settings,
        )


def initialise(
    databases: Router | Iterable[Route], project: Project, *, stacks: Sequence[Stack] = STACKS
) -> list[Report]:
    """Creates, upgrades or adopts each database that the routes of `stacks` name, and reports in their order.

    A database in memory can be made for a Router only, because it lives in the process that uses it. Safe to repeat and
    to run twice at once. Raises the first error that it meets: UnreachableError and its kin, ForeignSchemaError,
    UnknownRevisionError, SchemaBusyError, WritesFrozenError; the databases before it are done, its own is unchanged.
    """
    router = databases if isinstance(databases, Router) else None
    parts = _Parts.of(project, router)
    return [_initialise(group, parts, router) for group in grouped(databases, stacks=stacks)]


def check(databases: Router | Iterable[Route], project: Project, *, stacks: Sequence[Stack] = STACKS) -> list[Report]:
    """Whether models, revisions and databases agree: reports whose `problems` say what doesn't. Changes nothing.

    Raises UnreachableError and its kin for a server that doesn't answer; a missing database is a problem like others.
    """
    parts = _Parts.of(project)
    models = models_drift(project)
    return [_check(group, parts, models) for group in grouped(databases, stacks=stacks)]


def grouped(databases: Router | Iterable[Route], *, stacks: Sequence[Stack] = STACKS) -> list[tuple[Route, ...]]:
    """The routes of `stacks` by database, in their order."""
    routes = map(databases.route, stacks) if isinstance(databases, Router) else databases
    groups: dict[str, list[Route]] = {}
    for route in routes:
        if route.stack in stacks:
            groups.setdefault(route.url.render_as_string(hide_password=False), []).append(route)
    return [tuple(group) for group in groups.values()]


def models_drift(project: Project) -> list[str]:
    """Where the models differ from what the revisions make, found in a database in memory."""
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            Revisions(project.path("revisions")).upgrade(connection)
            return drift(connection, project.load("metadata"))
    finally:
        engine.dispose()


def _initialise(routes: Sequence[Route], parts: _Parts, router: Router | None) -> Report:
    route = routes[0]
    if route.in_memory:
        if router is None:
            return _report(routes, action="memory")
        with router.engine(route.stack).begin() as connection:
            lock(connection)
            return _bring_up(connection, routes, parts)
    engines = Engines(name="crossfade:init", statement_timeout=0)
    try:
        if not opening.make_place(route, engines):
            with opening.reading(route, engines) as connection:
                _refuse_foreign(connection, route, parts)
        return _brought_up(engines, routes, parts)
    finally:
        engines.dispose()


def _brought_up(engines: Engines, routes: Sequence[Route], parts: _Parts) -> Report:
    route = routes[0]
    try:
        with engines.sync_engine(route).begin() as connection:
            lock(connection)
            return _bring_up(connection, routes, parts)
    except OperationalError as error:
        reason = contention(error)
        if reason is None:
            raise
        raise SchemaBusyError(url=route.masked, source=route.source, reason=reason) from error


def _bring_up(connection: Connection, routes: Sequence[Route], parts: _Parts) -> Report:
    """What is to be done is decided under the lock: another `init` may have done it a moment ago."""
    route, revisions = routes[0], parts.revisions
    before = current(connection)
    if before is not None:
        if revisions.pending(connection):
            fence.refuse_frozen(connection, route)
        applied = revisions.upgrade(connection)
        return _report(
            routes,
            action="upgraded" if applied else "current",
            before=before,
            after=current(connection),
            applied=applied,
            environment=stamps.read(connection).get("environment"),
        )
    if _tables(connection, parts):
        return _adopt(connection, routes, parts)
    applied = revisions.upgrade(connection)
    environment = stamps.write(connection, route.environment)
    _seed(connection, parts)
    seeds.record(connection, parts.metadata)
    return _report(routes, action="created", after=current(connection), applied=applied, environment=environment)


def _adopt(connection: Connection, routes: Sequence[Route], parts: _Parts) -> Report:
    route, revisions = routes[0], parts.revisions
    mendable = _refuse_foreign(connection, route, parts)
    fence.refuse_frozen(connection, route)
    copy = opening.copy_beside(route, clock.now().strftime("%Y%m%dT%H%M%S%fZ"))
    added = adoptions.mend(connection, revisions.baseline(connection.dialect), mendable)
    revisions.stamp(connection, revisions.base)
    applied = revisions.upgrade(connection)
    _seed(connection, parts)
    with Session(bind=connection) as session:
        oddities = parts.adoption.oddities(session, parts.settings())
    return _report(
        routes,
        action="adopted",
        after=current(connection),
        applied=applied,
        added=tuple(added),
        copy=None if copy is None else str(copy),
        environment=stamps.read(connection).get("environment"),
        oddities=tuple(oddities),
    )


def _refuse_foreign(connection: Connection, route: Route, parts: _Parts) -> tuple[Difference, ...]:
    """What an adoption has to add, nothing for databases that need none; raises for those that aren't ours."""
    if current(connection) is not None:
        try:
            parts.revisions.pending(connection)
        except UnknownRevisionError as error:
            # A connection doesn't know which file it was opened for, nor who named it.
            raise UnknownRevisionError(**error.facts | {"url": route.masked, "source": route.source}) from error
        return ()
    if not _tables(connection, parts):
        return ()
    survey = adoptions.survey(connection, parts.revisions.baseline(connection.dialect), parts.adoption)
    if survey.obstacles:
        listed = "; ".join(one.sentence for one in (*survey.obstacles, *survey.mendable))
        raise ForeignSchemaError(url=route.masked, source=route.source, differences=listed)
    return survey.mendable


def _tables(connection: Connection, parts: _Parts) -> set[str]:
    return set(inspect(connection).get_table_names()) - BOOKKEEPING - parts.adoption.ignored_tables


def _seed(connection: Connection, parts: _Parts) -> None:
    if parts.seed is None:
        return
    # The session joins the transaction of the connection, so its commit only flushes.
    with Session(bind=connection) as session:
        parts.seed(begin_write(session))
        session.commit()


def _check(routes: Sequence[Route], parts: _Parts, models: Sequence[str]) -> Report:
    route = routes[0]
    disagreement = [f"models and revisions differ: {sentence}" for sentence in models]
    if route.in_memory:
        return _report(routes, action="memory", problems=tuple(disagreement))
    engines = Engines(name="crossfade:init", statement_timeout=0)
    try:
        with opening.reading(route, engines) as connection:
            before = current(connection)
            problems = disagreement + _problems(connection, route, parts)
            environment = stamps.read(connection).get("environment")
    except DatabaseMissingError as error:
        return _report(routes, problems=(*disagreement, str(error)))
    finally:
        engines.dispose()
    return _report(routes, before=before, after=before, environment=environment, problems=tuple(problems))


def _problems(connection: Connection, route: Route, parts: _Parts) -> list[str]:
    try:
        _refuse_foreign(connection, route, parts)
    except CrossfadeError as error:
        return [str(error)]
    if current(connection) is None:
        if _tables(connection, parts):
            return ["it has the tables of the legacy application and no revision: `crossfade init` adopts it"]
        return ["it is empty: `crossfade init` makes its tables"]
    pending = parts.revisions.pending(connection)
    if pending:
        return [f"it lacks the revisions {', '.join(pending)}: `crossfade init` applies them"]
    return drift(connection, parts.metadata, ignored=parts.adoption.ignored_tables)


def _report(routes: Sequence[Route], **facts: Any) -> Report:
    route = routes[0]
    return Report(
        url=route.masked,
        stacks=tuple(dict.fromkeys(one.stack for one in routes)),
        mode=route.mode,
        source=route.source,
        **facts,
    )
