"""`crossfade init`: brings the databases that the routes name to the newest revision, and says what it did to which.

What is done to a database is left to `crossfade.revisions`, which databases to its `places`. The script
`init_fastapi_db.py` is the same command.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from crossfade.cli import packages
from crossfade.errors import CrossfadeError
from crossfade.project import Project
from crossfade.revisions import Report, check, grouped, initialise
from crossfade.revisions.places import places


def init(
    *,
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 unless models, revisions and databases agree.")
    ] = False,
    separate: Annotated[
        bool,
        typer.Option(
            "--separate",
            help="Also a database of FastAPI's own: FASTAPI_DATABASE_URL, else instance/fastapi_cron_jobs.db.",
        ),
    ] = False,
    test: Annotated[
        bool, typer.Option("--test", help="The databases for tests, instead of the others (unless --separate).")
    ] = False,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The database at this URL alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Create or upgrade every database that the routes name, and adopt those of the legacy application.

    Nothing is ever dropped, and it can be repeated at any time. A database is done whole or not at all; one that
    isn't this application's is refused, with the differences.
    """
    reports: list[Report] = []
    errors: list[CrossfadeError] = []
    with _noted(errors):
        project = Project.find()
        settings = project.load("settings").load(root=project.root)
        groups = grouped(places(settings, separate=separate, test=test, url=url))
    for group in [] if errors else groups:
        # One that fails doesn't keep the others from theirs.
        with _noted(errors):
            done = check(group, project) if check_only else initialise(group, project)
            reports += done
            if not as_json:
                typer.echo("\n".join(line for report in done for line in lines(report)))
    raise _finish(reports, errors, as_json=as_json)


def main() -> None:
    """The command on its own, for the script."""
    typer.run(init)


@contextmanager
def _noted(errors: list[CrossfadeError]) -> Generator[None]:
    """Takes note of an error instead of raising it, and of a package that isn't installed."""
    try:
        yield
    except CrossfadeError as error:
        errors.append(error)
    except ModuleNotFoundError as error:
        errors.append(packages.missing(error))


def _finish(reports: Sequence[Report], errors: Sequence[CrossfadeError], *, as_json: bool) -> typer.Exit:
    """The end of the command: its errors are shown, and its exit code follows from them."""
    problems = any(report.problems for report in reports)
    if as_json:
        answer = {
            "ok": not errors and not problems,
            "databases": [report.as_dict() for report in reports],
            "errors": [{"code": error.code, "message": str(error)} for error in errors],
        }
        typer.echo(json.dumps(answer, indent=2))
    else:
        for error in errors:
            typer.echo(f"error: {error}", err=True)
    return typer.Exit(errors[0].exit_code if errors else int(problems))


def lines(report: Report) -> list[str]:
    """What to tell a person of a report."""
    lines = [f"{report.url} ({' and '.join(report.stacks)}, {report.mode}; {report.source}): {_done(report)}"]
    if report.added:
        lines.append(f"  added {', '.join(report.added)}")
    if report.copy:
        lines.append(f"  the file as it was is kept in {report.copy}; delete it when you are content")
    lines += [f"  note: {oddity}" for oddity in report.oddities]
    lines += [f"  problem: {problem}" for problem in report.problems]
    return lines


def _done(report: Report) -> str:
    match report.action:
        case "created":
            return f"created, at revision {report.after}, stamped {report.environment}"
        case "upgraded":
            return f"upgraded from revision {report.before} to {report.after}"
        case "adopted":
            return f"adopted from the legacy application, now at revision {report.after}; every row was kept"
        case "current":
            return f"nothing to do, at revision {report.after}"
        case "memory":
            return "nothing to do, it lives in the memory of the process that uses it"
        case None:
            return "doesn't agree" if report.problems else f"models, revisions and database agree ({report.after})"
