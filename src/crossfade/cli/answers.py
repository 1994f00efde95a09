"""How `copy` and `verify` end: with an answer for a person or a program, and an exit code that says what became of it.

Every end has its words: an error of ours, one of a database's driver that nobody foresaw, Ctrl-C.
"""

import json
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from sqlalchemy.exc import DBAPIError

from crossfade import redaction
from crossfade.cli import packages
from crossfade.errors import CrossfadeError, DatabaseFailedError

INTERRUPTED = 130


@contextmanager
def answering(*, as_json: bool, interrupted: str) -> Generator[None]:
    """Lets a command end: an error becomes its message and exit code, Ctrl-C the sentence `interrupted` and 130."""
    try:
        yield
    except KeyboardInterrupt:
        tell_failure("interrupted", interrupted, as_json=as_json)
        raise typer.Exit(INTERRUPTED) from None
    except CrossfadeError as error:
        failure = error
    except ModuleNotFoundError as error:
        failure = packages.missing(error)
    except Exception as error:
        if not _of_a_driver(error):
            raise
        failure = DatabaseFailedError(reason=" ".join(str(error).split()))
    else:
        return
    tell_failure(failure.code, str(failure), as_json=as_json)
    raise typer.Exit(failure.exit_code)


def tell_failure(code: str, message: str, *, as_json: bool) -> None:
    """Says why there is no report."""
    message = redaction.mask(message)
    if as_json:
        tell_json({"ok": False, "error": {"code": code, "message": message}})
    else:
        typer.secho(f"error: {message}", err=True, fg="red")


def tell_json(answer: Mapping[str, Any]) -> None:
    """Prints an answer for a program. What JSON has no word for is told as text."""
    typer.echo(json.dumps(answer, indent=2, default=str, ensure_ascii=False))


def tell(*lines: str) -> None:
    """Prints lines for a person, without secrets and without what a terminal would obey."""
    for line in lines:
        typer.echo(redaction.mask(printable(line)))


def printable(text: str) -> str:
    """`text` on one line, with what is no character to look at written out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _of_a_driver(error: Exception) -> bool:
    # psycopg is an extra: whoever hasn't got it has none of its errors.
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, (sqlite3.Error, DBAPIError, OSError)) or "psycopg" in modules
