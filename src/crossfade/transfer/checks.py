"""What can be known before the first row: whether both ends have the tables of the plan, as the plan has them.

Both must be at one revision, the newest unless neither lacks anything that is carried, and as it makes them. Indexes
are not looked at: no row depends on them. What the values are like is left to `preflight`, which rows would refer to
nothing to `dangling`.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, inspect

from crossfade.errors import NotReadyError, SelectionError, UnknownRevisionError
from crossfade.revisions import Revisions, current
from crossfade.revisions.drift import BOOKKEEPING, Difference, differences
from crossfade.transfer import ledger
from crossfade.transfer.ends import End
from crossfade.transfer.plan import Plan

_MOST = 10
"""Problems that are told at once."""


def ensure_ready(source: End, target: End, plan: Plan) -> None:
    """Raises NotReadyError, which names everything that is in the way; UnreachableError and its kin. Changes nothing.

    UnknownRevisionError for a schema that newer code has made; SelectionError for an excluded table that is nowhere.
    """
    line = Revisions(plan.revisions) if plan.revisions is not None else None
    with source.looking() as here, target.looking() as there:
        opened = ((source, here), (target, there))
        problems = [] if line is None else _revisions(opened, line, plan)
        # What a pending revision makes is no news.
        problems = problems or [sentence for end, connection in opened for sentence in _drift(connection, end, plan)]
        unfinished = ledger.unfinished(there.connection.driver_connection) if problems else None
        unknown = sorted(
            plan.excluded - plan.metadata.tables.keys() - set(inspect(here).get_table_names()) - plan.ignored
        )
    if problems:
        more = f" (and {len(problems) - _MOST} more)" if len(problems) > _MOST else ""
        if unfinished is not None:
            more += (
                f". A copy from {unfinished.source} into it isn't finished: calling it again brings back what is aside"
            )
        raise NotReadyError(reason="; ".join(problems[:_MOST]) + more)
    if unknown:
        raise SelectionError(
            reason=f"--exclude {', '.join(unknown)}: neither the metadata nor the source has that table"
        )


def ensure_texts_fit(source: End, target: End) -> None:
    """Raises NotReadyError for a target of PostgreSQL that can't keep every text that the source may have."""
    if target.engine != "postgresql":
        return
    with source.looking() as here, target.looking() as there:
        kept, given = _encoding(there, target), _encoding(here, source)
    if kept not in {"UTF8", given}:
        reason = f"{_named(target)} keeps texts as {kept}, which has no place for all that the source may have"
        raise NotReadyError(reason=f"{reason}; make that database anew, with ENCODING 'UTF8' TEMPLATE template0")


def _encoding(connection: Connection, end: End) -> str:
    sqlite = end.engine == "sqlite"
    return "" if sqlite else str(connection.exec_driver_sql("SHOW server_encoding").scalar_one())


def _named(end: End) -> str:
    return f"the {end.role} {end.masked}"


def _command(end: End) -> str:
    """How its schema is brought up."""
    return "`crossfade init --url …`" if end.name == "URL" else "`crossfade init`"


def _revisions(opened: Sequence[tuple[End, Connection]], line: Revisions, plan: Plan) -> list[str]:
    found = {end: _revision(connection, end, line) for end, connection in opened}
    without = [_untold(connection, end, plan) for end, connection in opened if found[end] is None]
    if without or len(set(found.values())) == 1:
        return without
    said = " and ".join(f"{_named(end)} at {revision}" for end, revision in found.items())
    commands = " and ".join(dict.fromkeys(_command(end) for end, revision in found.items() if revision != line.head))
    return [f"they are at two revisions, {said}; {commands} brings both to {line.head}"]


def _revision(connection: Connection, end: End, line: Revisions) -> str | None:
    try:
        line.pending(connection)
    except UnknownRevisionError as error:
        # A connection doesn't know which file it was opened for, nor who named it.
        raise UnknownRevisionError(**error.facts | {"url": end.masked, "source": end.route.source}) from error
    return current(connection)


def _untold(connection: Connection, end: End, plan: Plan) -> str:
    if set(inspect(connection).get_table_names()) - BOOKKEEPING - plan.ignored:
        return f"{_named(end)} has tables, but no revision: {_command(end)} adopts those of the legacy application"
    return f"{_named(end)} has no tables: {_command(end)} makes them"


def _drift(connection: Connection, end: End, plan: Plan) -> list[str]:
    found = differences(connection, plan.metadata, ignored=plan.ignored | plan.excluded)
    return [f"{_named(end)}: {one.sentence}{_advice(one, end)}" for one in found if _matters(one, end, plan)]


def _matters(difference: Difference, end: End, plan: Plan) -> bool:
    match difference.kind:
        case "missing index" | "extra index":
            return False
        case "extra table":
            # Whoever asked for everything must not lose a table that nobody told of; what the target has is its own.
            return end.role == "source" and not plan.chosen
        case "missing table" | "missing column" | "other":
            # SQLite knows no schemas: there a table goes by its bare name.
            return difference.table in {name for shape in plan.shapes for name in (shape.name, shape.bare)}


def _advice(difference: Difference, end: End) -> str:
    if difference.kind == "extra table":
        return f", and would stay behind; --exclude {difference.table} says that it shall"
    behind = difference.kind in {"missing table", "missing column"}
    return f" ({_command(end)} --check says more)" if behind else ""
