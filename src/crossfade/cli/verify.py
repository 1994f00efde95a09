"""`crossfade verify`: whether two databases hold the same rows, which differ, and if asked for, their repair.

What is done is `crossfade.transfer`; here is what can be asked for, and how it is told.
"""

from typing import Annotated, Literal

import typer

from crossfade.cli import progress
from crossfade.cli.answers import answering, tell, tell_json
from crossfade.cli.selection import Exclude, Json, Source, Tables, Target, WithParents, plan_of
from crossfade.cli.tables import aligned, key, more
from crossfade.errors import SelectionError
from crossfade.project import Project
from crossfade.transfer import checks, ends, verifying
from crossfade.transfer.comparing import ORPHANS
from crossfade.transfer.reports import Difference, Orphan, TableVerified, VerifyReport

_SHOWN = 20
"""Of a long list, for a person; JSON has more."""
_INTERRUPTED = "interrupted: nothing was changed but what a repair had committed"
_COUNTS = ("missing", "extra", "changed", "repaired")

Extra = Literal["keep", "quarantine"]


def verify(
    *,
    source: Source = "flask",
    target: Target = "fastapi",
    tables: Tables = None,
    exclude: Exclude = None,
    with_parents: WithParents = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="A look that costs little, and doesn't see everything.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Copy the rows that are missing or differ, and nothing else.")
    ] = False,
    extra: Annotated[
        Extra,
        typer.Option(
            "--extra",
            help="What --repair does with rows that the target alone has: they stay, or are put "
            "aside, into the target's table crossfade_quarantine.",
        ),
    ] = "keep",
    as_json: Json = False,
) -> None:
    """Prove that both databases hold the same rows, whichever engines they are on, or list those that differ.

    Without options: every table, of Flask's database and FastAPI's. Only --repair changes anything, in the target.

    Exit code: 0 alike, or repaired, 1 differences, 2 the command can't be meant so, 3 a database can't be reached or
    isn't ready, 130 interrupted.
    """
    with answering(as_json=as_json, interrupted=_INTERRUPTED):
        _refuse_odd(quick=quick, repair=repair, extra=extra)
        project = Project.find()
        plan = plan_of(project, tables=tables, exclude=exclude, with_parents=with_parents)
        settings = project.load("settings").load(root=project.root)
        with ends.ends(settings, source=source, target=target) as (here, there):
            if ends.same_database(here, there):
                report = VerifyReport(source=here.masked, target=there.masked, shared=True)
            else:
                checks.ensure_ready(here, there, plan)
                if repair:
                    checks.ensure_texts_fit(here, there)
                    ends.refuse_frozen(there)
                with progress.shown(quiet=as_json) as listener:
                    for note in plan.notes:
                        listener.note(note)
                    report = verifying.verify(
                        here, there, plan, quick=quick, repair=repair, extra=extra, listener=listener
                    )
        if as_json:
            report.notes = [*plan.notes, *report.notes]
            tell_json(report.as_dict())
        else:
            tell(*lines(report))
        raise typer.Exit(0 if report.ok else 1)


def _refuse_odd(*, quick: bool, repair: bool, extra: Extra) -> None:
    if quick and repair:
        raise SelectionError(reason="--quick doesn't find the rows that --repair would copy: give one of them")
    if extra != "keep" and not repair:
        raise SelectionError(reason=f"--extra {extra} needs --repair: nothing else changes anything")


def lines(report: VerifyReport) -> list[str]:
    """What to tell a person of a report."""
    if report.shared:
        return shared(report.source, report.target)
    notes = [f"note: {one}" for one in report.notes]
    told = [f"{report.source} and {report.target}", *_table(report.tables), *notes, *outcome(report)]
    return [*told, *_advice(report)]


def _advice(report: VerifyReport) -> list[str]:
    """What to do about rows that differ, as far as that has not been done."""
    left = {one.change for one in report.differences if not one.repaired}
    told = []
    if left and not any(one.repaired for one in report.tables):
        told.append("what was written to either since the copy differs, too; --repair copies what the source has")
    if "extra" in left:
        told.append("what the target has alone stays; --repair --extra quarantine puts it aside")
    return told


def shared(source: str, target: str) -> list[str]:
    """What to say when there is nothing to copy or to compare."""
    names = source if source == target else f"{source} and {target}"
    return [
        f"source and target are one database, {names}: there is nothing to do",
        "FASTAPI_DATABASE_URL gives FastAPI a database of its own; --source and --target name any two",
    ]


def outcome(report: VerifyReport, *, met: bool = False) -> list[str]:
    """The verdict, and what doesn't agree; `met` says that rows of the source met others, and a policy settled it."""
    first = sorted(report.differences, key=lambda one: one.repaired)
    shown = [_difference(one) for one in first[:_SHOWN]]
    orphans = [_orphan(one) for one in report.orphans[:_SHOWN]]
    total = sum(one.missing + one.extra + one.changed for one in report.tables)
    told = [*shown, *more(total, len(shown)), *orphans, *more(len(report.orphans), len(orphans))]
    return [*told, f"{_verdict(report, total, met=met)} ({report.seconds:.1f} s)"]


def _verdict(report: VerifyReport, total: int, *, met: bool) -> str:
    repaired = sum(one.repaired for one in report.tables)
    mended = f", after {_counted(repaired, 'repair', 'repairs')}" if repaired else ""
    if report.ok:
        rows = sum(one.source_rows for one in report.tables)
        if report.quick:
            return f"no difference seen in a quick look at {rows:,} rows; it doesn't see everything"
        if met or report.remapped or any(one.source_rows != one.target_rows for one in report.tables):
            return f"verified: all {rows:,} rows are in the target, as --on-conflict has them"
        return f"verified: both hold the same {rows:,} rows{mended}"
    orphaned = _orphaned(report.orphans) if report.orphans else None
    if total == repaired and orphaned:
        return f"alike, but {orphaned}{mended}"
    parts = [_counted(total - repaired, "row differs", "rows differ"), *([orphaned] if orphaned else [])]
    return f"not alike: {' and '.join(parts)}{mended}"


def _orphaned(orphans: list[Orphan]) -> str:
    """How many rows refer to nothing, as far as they were counted."""
    sides = [one.side for one in orphans]
    least = "at least " if ORPHANS in {sides.count("source"), sides.count("target")} else ""
    return f"{least}{_counted(len(orphans), 'row refers', 'rows refer')} to nothing"


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _table(tables: list[TableVerified]) -> list[str]:
    names = [name for name in _COUNTS if any(getattr(one, name) for one in tables)]
    cells = [["", "source", "target", *names]]
    columns = ["source_rows", "target_rows", *names]
    cells += [[one.table, *(f"{getattr(one, name):,}" for name in columns)] for one in tables]
    cells += [["in all", *(f"{sum(getattr(one, name) for one in tables):,}" for name in columns)]]
    return aligned(cells)


def _difference(one: Difference) -> str:
    place = f"  {one.table} {key(one.key)}: "
    match one.change:
        case "missing":
            return f"{place}missing in the target{', copied' if one.repaired else ''}"
        case "extra":
            return f"{place}in the target alone{', put aside' if one.repaired else ''}"
        case "changed":
            columns = f" in {', '.join(one.columns)}" if one.columns else ""
            return f"{place}{'differed' if one.repaired else 'differs'}{columns}{', repaired' if one.repaired else ''}"


def _orphan(one: Orphan) -> str:
    return (
        f"  {one.table} {key(one.key)} of the {one.side}: {', '.join(one.columns)} refers to no row of {one.refers_to}"
    )
