"""`crossfade guard`: whether what has left, or is to leave, is still imported. Finding out is `absence`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from crossfade import absence
from crossfade.absence import Report

app = typer.Typer(help="Keep out what has left.", no_args_is_help=True, add_completion=False)


@app.callback()
def guard() -> None:
    """Keep out what has left."""


@app.command("django")
def django(
    packages: Annotated[list[str], typer.Argument(metavar="PACKAGE...", help="The names that they are imported by.")],
    *,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", help="A module of theirs that is left out, with all below it; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look whether packages import Django, themselves or through others, at once or when they are called.

    All their modules are imported, in a process of its own, and read. A name in a string counts too:
    importlib.import_module("django.db").

    Exit code: 0 Django is not used, 1 it is, 2 that can't be told: a package or a module of it can't be imported.
    """
    report = absence.look(*packages, exclude=exclude or (), path=[str(Path.cwd())])
    if as_json:
        print(json.dumps({"ok": not report.found and report.certain} | asdict(report), indent=2))
    else:
        _show(report)
    raise typer.Exit(1 if report.found else 0 if report.certain else 2)


def _show(report: Report) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for line in absence.told(report):
        console.print(Text(line))
    names = ", ".join(report.packages)
    if report.found:
        console.print(Text(f"{names}: {report.absent} is used.", style="red"))
    elif report.certain:
        console.print(f"{names}: {report.absent} is not used ({report.modules} files read).")
    else:
        console.print(Text(f"{names}: whether {report.absent} is used can't be told.", style="yellow"))
