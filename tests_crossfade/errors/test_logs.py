"""LOG_FORMAT=json: one object a line, with what a record carries, without secrets."""

import io
import json
import logging

import pytest

from crossfade import logs


@pytest.fixture
def written(monkeypatch):
    """What the process writes, with handlers of its own that are gone after the test."""
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(stream)])
    monkeypatch.setattr(logging.getLogger("application"), "level", logging.NOTSET)
    return stream


def lines(written):
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_record_is_a_line_of_json_with_its_fields(written):
    logs.configure("json", application="application", stack="flask")

    logging.getLogger("application.runs").info("Job %s: done", "j", extra={"job": "j", "run": "r", "attempt": 2})

    (line,) = lines(written)
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "application.runs",
        "message": "Job j: done",
        "stack": "flask",
        "job": "j",
        "run": "r",
        "attempt": 2,
    }


def test_secrets_are_masked_in_messages_fields_and_traces(written):
    logs.configure("json", application="application", stack="flask")

    try:
        int("postgresql://me:hidden@host/db")
    except ValueError:
        logging.getLogger("elsewhere").exception("password=hidden", extra={"url": "https://x:hidden@host/"})

    (line,) = lines(written)
    assert "hidden" not in written.getvalue()
    assert "ValueError" in line["exc_info"]


def test_text_is_left_as_it_is(written):
    logs.configure("text", application="application", stack="flask")

    logging.getLogger("application").warning("as it is")

    assert written.getvalue() == "as it is\n"
