"""What `copy` and `verify` are asked for: which two databases, which tables. Their options are the same.

Opening the databases and working on them is left to `crossfade.transfer`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from crossfade.errors import SelectionError
from crossfade.project import Project

if TYPE_CHECKING:
    from crossfade.transfer.plan import Plan

Source = Annotated[
    str, typer.Option("--source", metavar="flask|fastapi|URL", help="Where the rows are: a stack's database, or a URL.")
]
Target = Annotated[
    str, typer.Option("--target", metavar="flask|fastapi|URL", help="Where they are to be: a stack's, or a URL.")
]
Tables = Annotated[
    str | None,
    typer.Option("--tables", metavar="A,B", help="These tables alone; otherwise every table of the metadata."),
]
Exclude = Annotated[str | None, typer.Option("--exclude", metavar="C,D", help="All tables but these.")]
WithParents = Annotated[
    bool, typer.Option("--with-parents", help="Also the tables that those of --tables refer to, through others too.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def plan_of(project: Project, *, tables: str | None, exclude: str | None, with_parents: bool) -> "Plan":
    """The plan that the options ask for. Raises SelectionError, ProjectError and UnsupportedTypeError."""
    from crossfade.transfer import plan

    return plan.make(
        project.load("metadata"),
        tables=None if tables is None else _names(tables, "--tables"),
        exclude=() if exclude is None else _names(exclude, "--exclude"),
        with_parents=with_parents,
        revisions=project.revisions,
        ignored=project.load("adoption").ignored_tables if project.adoption else (),
    )


def _names(text: str, option: str) -> Sequence[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise SelectionError(reason=f"{option} {text!r}: write names of tables with commas between them")
    return list(dict.fromkeys(names))
