"""`crossfade copy`: the rows of one database into another, proved afterwards.

What is done is `crossfade.transfer`; here is what can be asked for, and how it is told. The script
`migrate_data_to_fastapi.py` is the same command.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Literal

import typer
from sqlalchemy.exc import DBAPIError

from crossfade.cli import progress, verify
from crossfade.cli.answers import answering, tell, tell_json
from crossfade.cli.selection import Exclude, Json, Source, Tables, Target, WithParents, plan_of
from crossfade.cli.tables import aligned, key, more
from crossfade.errors import SelectionError
from crossfade.project import Project
from crossfade.settings import Settings
from crossfade.transfer import copying, ends, newness
from crossfade.transfer.ends import End
from crossfade.transfer.plan import Plan
from crossfade.transfer.reports import BadValue, Conflict, CopyReport, Policy, TableCopied
from crossfade.transfer.work import BATCH, Options

_SHOWN = 20
"""Of a long list, for a person; JSON has more."""
_INTERRUPTED = "interrupted: what was committed stays, and the same command goes on from there (--restart begins anew)"
_MOST_JOBS = 4

OnBadValue = Literal["stop", "quarantine"]


def copy(
    *,
    source: Source = "flask",
    target: Target = "fastapi",
    tables: Tables = None,
    exclude: Exclude = None,
    with_parents: WithParents = False,
    on_conflict: Annotated[
        Policy, typer.Option("--on-conflict", help="What happens to a row that is in the target already.")
    ] = "error",
    newest_by: Annotated[
        str | None,
        typer.Option(
            "--newest-by",
            metavar="COLUMN,TABLE.COLUMN",
            help="What --on-conflict newest compares; with a table's name before it, in that table.",
            show_default=newness.DEFAULT,
        ),
    ] = None,
    remap: Annotated[
        bool,
        typer.Option("--remap", help="Take rows with the same unique value under another key for one row, and merge."),
    ] = False,
    on_bad_value: Annotated[
        OnBadValue,
        typer.Option(
            "--on-bad-value",
            help="What happens to rows with a value that the target can't hold, or that refer to nothing: nothing at "
            "all is copied (SQLite takes the latter), or they are put aside, into the target's crossfade_quarantine.",
        ),
    ] = "stop",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Rows that are committed together.")] = BATCH,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", min=1, help="Indexes that PostgreSQL builds at once.", show_default="processors, at most 4"
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished copy; it happens without this, too.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Take back what an unfinished copy has put there, and begin anew.")
    ] = False,
    check: Annotated[bool, typer.Option("--verify/--no-verify", help="Prove afterwards that both are alike.")] = True,
    as_json: Json = False,
) -> None:
    """Copy rows from one database to the other, and prove that they arrived.

    Without options: every table, from Flask's database to FastAPI's. Where both are one, nothing is done. The source
    is never changed, and may be in use: one moment of it is copied. Nothing that the target has is deleted.

    Exit code: 0 done and alike, 1 differences, conflicts or values that the target can't hold, 2 the command can't be
    meant so, 3 a database can't be reached or isn't ready, 130 interrupted.
    """
    with answering(as_json=as_json, interrupted=_INTERRUPTED):
        options = Options(
            policy=on_conflict,
            newest_by=_newest_by(newest_by, on_conflict),
            remap=remap,
            batch=batch,
            jobs=jobs or min(_MOST_JOBS, os.cpu_count() or 1),
            dry_run=dry_run,
            resume=_resume(resume=resume, restart=restart),
            verify=check,
            bad_values=on_bad_value,
        )
        project = Project.find()
        plan = plan_of(project, tables=tables, exclude=exclude, with_parents=with_parents)
        if newest_by is not None:
            newness.ensure_known(newest_by, plan.shapes)
        settings = project.load("settings").load(root=project.root)
        with ends.ends(settings, source=source, target=target) as (here, there):
            report = _copied(project, settings, here, there, plan, options, as_json=as_json)
        _tell(report, as_json=as_json)
        raise typer.Exit(0 if report.ok else 1)


def main() -> None:
    """The command on its own, for the script."""
    typer.run(copy)


def _newest_by(column: str | None, policy: Policy) -> str:
    if column is not None and policy != "newest":
        raise SelectionError(reason=f"--newest-by {column} needs --on-conflict newest")
    return column or Options.newest_by


def _resume(*, resume: bool, restart: bool) -> Literal["auto", "restart"]:
    if resume and restart:
        raise SelectionError(reason="--resume goes on, --restart begins anew: give one of them")
    return "restart" if restart else "auto"


def _copied(
    project: Project, settings: Settings, source: End, target: End, plan: Plan, options: Options, *, as_json: bool
) -> CopyReport:
    if ends.same_database(source, target):
        return CopyReport(source=source.masked, target=target.masked, shared=True)
    total = _rows(source, plan) if sys.stderr.isatty() and not as_json else None
    notes = [*plan.notes, *(project.load("copied")(settings, plan.names) if project.copied else [])]
    with progress.shown(total=total, quiet=as_json) as listener:
        # Before the first row: from then on there is something to heed.
        for note in notes:
            listener.note(note)
        report = copying.copy(source, target, plan, options, listener)
    report.notes += notes
    return report


def _rows(source: End, plan: Plan) -> int | None:
    """How many there are in all, for the bar; None if a table isn't there, which the copy has better words for."""
    with source.looking() as connection, suppress(DBAPIError):
        counts = [f"SELECT count(*) FROM {shape.at(source.engine)}" for shape in plan.shapes]  # noqa: S608  quoted
        return sum(int(connection.exec_driver_sql(statement).scalar_one()) for statement in counts)
    return None


def _tell(report: CopyReport, *, as_json: bool) -> None:
    if as_json:
        tell_json(report.as_dict())
    else:
        tell(*lines(report))


def lines(report: CopyReport) -> list[str]:
    """What to tell a person of a report."""
    if report.shared:
        return verify.shared(report.source, report.target)
    head = f"{report.source} to {report.target}"
    found = [*_bad_values(report), *_conflicts(report)]
    if report.stopped:
        return [head, *found, "nothing was changed: a copy would stop here" if report.dry_run else "nothing was copied"]
    told = [head, *_table(report.tables), *found]
    if report.dry_run:
        return [*told, f"nothing was changed; this is what would be done ({report.seconds:.1f} s)"]
    done = f"{'finished what was begun' if report.resumed else 'copied'} in {report.seconds:.1f} s"
    if report.verified is None:
        return [*told, f"{done}; not verified: `crossfade verify` does"]
    met = any(one.updated or one.skipped or one.merged for one in report.tables)
    return [*told, done, *verify.outcome(report.verified, met=met)]


def _table(tables: Iterable[TableCopied]) -> list[str]:
    """A row for each table and for all, in columns; what never happened has none."""
    tables = list(tables)
    columns = ["rows", *(name for name in _COUNTS if any(getattr(one, name) for one in tables))]
    cells = [["", *columns]]
    cells += [[one.table, *(f"{getattr(one, name):,}" for name in columns)] for one in tables]
    cells += [["in all", *(f"{sum(getattr(one, name) for one in tables):,}" for name in columns)]]
    return aligned(cells)


_COUNTS = ("inserted", "updated", "skipped", "merged", "quarantined")


def _bad_values(report: CopyReport) -> list[str]:
    if not report.bad_rows:
        return []
    quarantined = any(one.quarantined for one in report.tables)
    rows = "1 row has" if report.bad_rows == 1 else f"{report.bad_rows:,} rows have"
    fate = "; put aside in crossfade_quarantine" if quarantined else ""
    advice = [] if quarantined else ["mend them in the source, or put them aside: --on-bad-value quarantine"]
    shown = [_bad_value(one) for one in report.bad_values[:_SHOWN]]
    return [f"{rows} values that don't fit{fate}:", *shown, *more(report.bad_rows, len(shown)), *advice]


def _bad_value(one: BadValue) -> str:
    return f"  {one.table} {key(one.key)}: {one.column} '{one.value}' {one.reason}"


def _conflicts(report: CopyReport) -> list[str]:
    if not report.conflicting_rows:
        return []
    rows = "1 row meets" if report.conflicting_rows == 1 else f"{report.conflicting_rows:,} rows meet"
    shown = [_conflict(one) for one in report.conflicts[:_SHOWN]]
    advice = [_ADVICE[why] for why in _ADVICE if any(one.why == why for one in report.conflicts)]
    if (
        not any(one.columns or one.other for one in report.conflicts)
        and len(report.conflicts) == report.conflicting_rows
    ):
        advice = ["all of them are alike: --on-conflict skip copies what isn't there yet"]
    undecided = ", ".join(dict.fromkeys(one.table for one in report.conflicts if one.why == "undecided"))
    return [
        f"{rows} a row of the target:",
        *shown,
        *more(report.conflicting_rows, len(shown)),
        *(one.format(undecided=undecided) for one in advice),
    ]


_ADVICE = {
    "exists": "the same key: --on-conflict skip keeps the target's row, update takes the source's, newest the later",
    "undecided": "nothing says which row is newer: --newest-by TABLE.COLUMN names what does, or leave them to "
    "a call of their own, --tables {undecided} with --on-conflict skip or update",
    "clashes": "another key: --remap takes both for one row, and lets what follows refer to the target's",
    "ambiguous": "no single row of the target can stand for it: bring those rows together by hand first",
}


def _conflict(one: Conflict) -> str:
    place = f"  {one.table} {key(one.key)}: "
    columns = ", ".join(one.columns)
    doubt = ", and neither says which is newer" if one.why == "undecided" else ""
    if one.other is not None:
        return f"{place}the target has this {columns} under {key(one.other)}{doubt}"
    return place + (f"is there with another {columns}{doubt}" if columns else "is there, alike")
