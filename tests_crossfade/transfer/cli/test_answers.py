"""How the commands end: words and an exit code for every end, and no secret in them."""

import json
import sqlite3

import psycopg
import pytest
import typer

from crossfade.cli.answers import answering, tell
from crossfade.errors import UnreachableError


def ended(error, *, as_json=False):
    with pytest.raises(typer.Exit) as end, answering(as_json=as_json, interrupted="stopped"):
        raise error
    return end.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (sqlite3.OperationalError("database or disk is full"), 3, "The database gave up: database or disk is full."),
        (psycopg.OperationalError("the connection\n  is lost"), 3, "gave up: the connection is lost"),
        (OSError("no space left"), 3, "no space left"),
        (KeyboardInterrupt(), 130, "stopped"),
        (ModuleNotFoundError("x", name="psycopg"), 2, "has no package psycopg"),
        (UnreachableError(url="u", source="s", reason="postgresql://o:hunter2@db/x is down"), 3, "o:***@db/x is down"),
    ],
)
def test_every_end_has_its_words_and_its_code(capsys, error, code, told):
    assert ended(error) == code
    said = capsys.readouterr()
    assert (told in said.err, said.out) == (True, "")
    assert said.err.count("\n") == 1

    assert ended(error, as_json=True) == code
    said = capsys.readouterr()
    assert told in json.loads(said.out)["error"]["message"]
    assert said.err == ""


def test_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError), answering(as_json=False, interrupted=""):
        raise ZeroDivisionError


def test_what_a_terminal_would_obey_is_written_out(capsys):
    tell("a\x1b[31m\tb", "postgresql://o:hunter2@db/x")

    assert capsys.readouterr().out == "a\\x1b[31m\\tb\npostgresql://o:***@db/x\n"
