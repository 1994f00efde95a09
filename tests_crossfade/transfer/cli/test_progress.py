"""How long work is shown: bars on a terminal, lines elsewhere, never on stdout."""

import io
import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest
from rich.console import Console

from crossfade.cli import progress
from crossfade.cli.progress import Bars, Lines


def test_lines_tell_each_table_that_had_anything_to_do(capsys):
    lines = Lines()

    for table, rows in (("users", 1200), ("jobs", 0)):
        lines.began("copy", table, rows)
        lines.advanced("copy", table, rows)
        lines.ended("copy", table)

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("copied users: 1,200 rows in 0.0 s")
    assert "jobs" not in said.err


def test_a_long_table_is_told_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_STILL", -1.0)
    lines = Lines()

    lines.began("verify", "users", 5000)
    lines.advanced("verify", "users", 2000)
    lines.began("scan", "jobs", None)
    lines.advanced("scan", "jobs", 7)

    assert capsys.readouterr().err.splitlines() == [
        "comparing users: 2,000 of 5,000 rows so far",
        "looking through jobs: 7 rows so far",
    ]


def test_indexes_are_not_counted_as_rows(capsys):
    lines = Lines()
    lines.began("indexes", "users", 2)
    lines.advanced("indexes", "users", 2)
    lines.ended("indexes", "users")

    assert capsys.readouterr().err.startswith("built indexes of users: 2 in 0.0 s")


def test_notes_show_no_password_and_obey_no_escape(capsys):
    for lines in (Lines(), Lines(tables=False)):
        lines.note("see postgresql://o:hunter2@db/x \x1b[31m")

    assert capsys.readouterr().err == "note: see postgresql://o:***@db/x \\x1b[31m\n" * 2


def test_what_a_program_reads_gets_no_lines_for_tables(capsys):
    with progress.shown(quiet=True) as listener:
        listener.began("copy", "users", 1)
        listener.advanced("copy", "users", 1)
        listener.ended("copy", "users")

    assert capsys.readouterr().err == ""


def test_bars_show_each_table_and_all_of_them():
    screen = Console(file=io.StringIO(), force_terminal=True, width=160)

    with Bars(4000, screen) as bars:
        bars.began("copy", "users[red]", 1000)
        bars.advanced("copy", "users[red]", 500)
        bars.note("postgresql://o:hunter2@db/x")
        bars.advanced("verify", "unheard", 1)
        bars._progress.refresh()
        shown = screen.file.getvalue()
        bars.ended("copy", "users[red]")
        bars.ended("copy", "users[red]")

    assert "copying users[red]" in shown
    assert "500/1000" in shown
    assert "all tables" in shown
    assert "500/4000" in shown
    assert "note: postgresql://o:***@db/x" in shown


@pytest.mark.usefixtures("home")
def test_on_a_terminal_there_are_bars_and_stdout_has_the_summary(variables, pair, tmp_path):
    pair()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "crossfade", "copy"],
        cwd=tmp_path,
        env=variables | {"TERM": "xterm", "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    drawn = b""
    # The other end is closed when the process has ended.
    with suppress(OSError):
        while part := os.read(ours, 65536):
            drawn += part
    os.close(ours)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert b"all tables" in drawn
    assert "\x1b" not in out
    assert "verified: both hold the same 7 rows" in out
