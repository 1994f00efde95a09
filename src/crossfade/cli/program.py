"""The program around the subcommands: where the project is, how an error ends, what the exit codes mean.

0: done, nothing to complain about. 1: done, and there is something to complain about, or it failed. 2: the command or
the configuration can't be used. 3: a database or server can't be reached, or the command refused to do harm.
"""

import contextlib
import sys
from importlib import metadata
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from crossfade import redaction
from crossfade.cli import additions, packages
from crossfade.cli.commands import Commands
from crossfade.errors import CrossfadeError
from crossfade.project import Project

app = typer.Typer(
    name="crossfade",
    cls=Commands,
    help="Two web stacks, one product: which database each of them uses, and both behind one address.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"crossfade {metadata.version('crossfade')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[  # noqa: ARG001  its callback has done the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Run inside a project (a folder whose pyproject.toml has `[tool.crossfade]`), or set CROSSFADE_PROJECT."""
    # As Flask, gunicorn and uvicorn do: a project that isn't installed is imported from its own folder.
    with contextlib.suppress(CrossfadeError):
        sys.path.insert(0, str(Project.find().root))


def main() -> None:
    """The console script: an error that is ours is one red line and its exit code, never a traceback."""
    try:
        additions.extended(app)()
    except CrossfadeError as error:
        _end(error)
    except ModuleNotFoundError as error:
        if packages.bringing(error) is None:
            raise
        _end(packages.missing(error))
    except BrokenPipeError:
        # Whoever read our output has had enough: that is no failure worth a trace. Nothing more can be written.
        sys.stderr.close()
        sys.exit(1)


def _end(error: CrossfadeError) -> NoReturn:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text(f"error: {redaction.mask(str(error))}", style="red"))
    sys.exit(error.exit_code)
