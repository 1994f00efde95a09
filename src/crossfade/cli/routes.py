"""`crossfade routes`: for each stack the database that it uses, who said so, and whether it is there."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from crossfade.database.engines import Engines
from crossfade.errors import CrossfadeError, UnreachableError
from crossfade.project import Project
from crossfade.revisions import current, opening
from crossfade.routes import STACKS, Mode, Route, Stack, resolve

_STATEMENT_SECONDS = 10


@dataclass(frozen=True)
class Sight:
    """What can be seen of a route."""

    stack: Stack
    mode: Mode
    url: str
    """Its password masked."""
    source: str
    reachable: bool
    reason: str | None
    """Why not."""
    revision: str | None
    """None for a database without one, and for one in memory: that is another in each process."""


def routes(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show for each stack its mode, its database, who said so, whether it can be reached, and its revision.

    The exit code is 1 if one of them can't be reached; why stands below the table. Nothing is created or changed.
    """
    project = Project.find()
    found = resolve(project.load("settings").load(root=project.root))
    sights = [_look(found.of(stack)) for stack in STACKS]
    if as_json:
        print(json.dumps({"routes": [asdict(sight) for sight in sights]}, indent=2))
    else:
        _show(sights)
    if not all(sight.reachable for sight in sights):
        raise typer.Exit(1)


def _look(route: Route) -> Sight:
    # Read only: not even the journal mode of a file that may be somebody else's is changed.
    engines = Engines(name="crossfade:routes", statement_timeout=_STATEMENT_SECONDS)
    error: CrossfadeError | None = None
    revision = None
    try:
        with opening.reading(route, engines) as connection:
            revision = current(connection)
    except CrossfadeError as failure:
        error = failure
    except SQLAlchemyError as failure:
        error = UnreachableError(url=route.masked, source=route.source, reason=str(failure))
    finally:
        engines.dispose()
    return Sight(
        stack=route.stack,
        mode=route.mode,
        url=route.masked,
        source=route.source,
        reachable=error is None,
        reason=None if error is None else str(error),
        revision=revision,
    )


def _show(sights: list[Sight]) -> None:
    # Columns of our own: a table that fits the terminal would cut URLs, and then nobody can copy them.
    rows = [("stack", "mode", "database", "said by", "reachable", "revision")]
    for sight in sights:
        answer = "yes" if sight.reachable else "no"
        rows.append((sight.stack, sight.mode, sight.url, sight.source, answer, sight.revision or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    for reason in dict.fromkeys(sight.reason for sight in sights if sight.reason):
        print(reason)
