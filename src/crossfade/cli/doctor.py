"""`crossfade doctor`: every misconfiguration that can be found, each with what to do. Finding them is `diagnosis`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from crossfade import diagnosis
from crossfade.errors import ProjectError
from crossfade.findings import Finding
from crossfade.project import Project


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find every misconfiguration that can be found, and say what to do about each; exit code 1 if there is any.

    Nothing is created or changed.
    """
    try:
        findings = diagnosis.diagnose(Project.find())
    except ProjectError as error:
        findings = [diagnosis.of_error(error)]
    if as_json:
        print(json.dumps({"ok": not findings, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _show(findings)
    raise typer.Exit(1 if findings else 0)


def _show(findings: list[Finding]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    if not findings:
        console.print("Nothing to complain about.")
    for finding in findings:
        colour = "red" if finding.severity == "error" else "yellow"
        console.print(Text.assemble((f"{finding.severity} ", colour), (finding.code, "bold"), f": {finding.message}"))
        console.print(Text(f"  {finding.remedy}"))
