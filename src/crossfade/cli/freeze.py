"""`crossfade freeze` and `crossfade thaw`: no writes to the databases of the routes from now on, and writes again.

How a database is frozen is left to `crossfade.fence`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from sqlalchemy import Engine

from crossfade import fence
from crossfade.cli.answers import answering, tell, tell_json
from crossfade.database.engines import Engines
from crossfade.errors import SelectionError
from crossfade.fence import Freeze
from crossfade.project import Project
from crossfade.revisions import grouped
from crossfade.routes import STACKS, Route, Stack, resolve

StackOption = Annotated[
    str | None,
    typer.Option("--stack", metavar="flask|fastapi", help="The database of this stack alone; otherwise of both."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Seconds = Annotated[float, typer.Option("--patience", min=0, help="Seconds that those in the way get to end.")]

_INTERRUPTED = "interrupted: a database that was not reported is as it was"


@dataclass(frozen=True)
class Report:
    """What was done to one database."""

    url: str
    """Its password masked."""
    stacks: tuple[str, ...]
    source: str
    """Who named the database."""
    frozen: bool
    """Whether it is, now."""
    changed: bool
    since: str | None = None
    reason: str | None = None
    tables: tuple[str, ...] = ()
    """Those that refuse writes."""


def freeze(
    *,
    stack: StackOption = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for whoever finds it frozen.")] = None,
    patience: Seconds = fence.PATIENCE,
    as_json: Json = False,
) -> None:
    """Refuse every write to the databases that the routes name, once those under way have ended. Reading goes on.

    Whoever writes is refused, with the router or past it; both stacks answer 503 with Retry-After. It lasts until
    `crossfade thaw`, whatever becomes of this process. Exit code 3 if writers don't end in time: then nothing changed.
    """

    def close(engine: Engine, project: Project) -> tuple[bool, Freeze | None]:
        with engine.connect() as connection:
            before = fence.frozen(connection)
        tables = fence.fenced(project.load("metadata"))
        now = fence.freeze(engine, tables, reason=reason, patience=patience)
        return before != now, now

    with answering(as_json=as_json, interrupted=_INTERRUPTED):
        _each(close, stack, as_json=as_json)


def thaw(*, stack: StackOption = None, patience: Seconds = fence.PATIENCE, as_json: Json = False) -> None:
    """Let everybody write again to the databases that the routes name. Nothing is left of the freeze.

    Exit code 3 if readers of PostgreSQL keep what is left of it from being cleared away: everybody can write by then.
    """

    def open_up(engine: Engine, _: Project) -> tuple[bool, Freeze | None]:
        return fence.thaw(engine, patience=patience), None

    with answering(as_json=as_json, interrupted=_INTERRUPTED):
        _each(open_up, stack, as_json=as_json)


def _each(work: Callable[[Engine, Project], tuple[bool, Freeze | None]], stack: str | None, *, as_json: bool) -> None:
    project = Project.find()
    routes = resolve(project.load("settings").load(root=project.root))
    reports: list[Report] = []
    for group in grouped([routes.of(one) for one in _stacks(stack)]):
        route = group[0]
        if route.in_memory:
            where = f"{route.masked} ({route.source})"
            raise SelectionError(reason=f"{where} lives in the memory of the process that uses it")
        engines = Engines(name="crossfade:freeze", statement_timeout=0)
        try:
            changed, found = work(engines.sync_engine(route), project)
        finally:
            engines.dispose()
        reports.append(_report(group, found, changed=changed))
        if not as_json:
            tell(*lines(reports[-1]))
    if as_json:
        tell_json({"ok": True, "databases": [asdict(report) for report in reports]})


def _stacks(named: str | None) -> Sequence[Stack]:
    if named is None:
        return STACKS
    found = [stack for stack in STACKS if stack == named]
    if not found:
        raise SelectionError(reason=f"--stack {named}: write flask or fastapi")
    return found


def _report(routes: Sequence[Route], found: Freeze | None, *, changed: bool) -> Report:
    route = routes[0]
    return Report(
        url=route.masked,
        stacks=tuple(dict.fromkeys(one.stack for one in routes)),
        source=route.source,
        frozen=found is not None,
        changed=changed,
        since=None if found is None else found.since.isoformat(timespec="seconds"),
        reason=None if found is None else found.reason,
        tables=() if found is None else found.tables,
    )


def lines(report: Report) -> list[str]:
    """What to tell a person of a report."""
    where = f"{report.url} ({' and '.join(report.stacks)}; {report.source})"
    if not report.frozen:
        return [f"{where}: {'everybody can write again' if report.changed else 'nothing to do, it is not frozen'}"]
    why = f": {report.reason}" if report.reason else ""
    done = "frozen" if report.changed else "nothing to do, it is frozen"
    return [
        f"{where}: {done} since {report.since}{why}",
        f"  tables that refuse writes: {len(report.tables)}; `crossfade thaw` lets writers in again",
    ]
