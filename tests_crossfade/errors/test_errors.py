"""The tree of errors."""

import inspect
import pickle

import pytest

from crossfade import errors
from crossfade.errors import CrossfadeError, HostUnknownError, NotConfiguredError, SettingsError

ALL = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, CrossfadeError) and kind.__module__ == errors.__name__
]  # fmt: skip


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_a_sentence_and_a_code_of_its_own(kind):
    assert kind.__doc__
    assert "code" in vars(kind)
    assert sum(other.code == kind.code for other in ALL) == 1


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_drawn_tree(kind):
    assert kind.__name__ in errors.__doc__


def test_the_docstring_is_the_message():
    error = NotConfiguredError(asked="its routes")

    assert str(error) == (
        "The router was asked for its routes before it was configured. "
        "Call router.configure(settings) at start-up; there is no default database."
    )


def test_an_error_survives_the_way_to_another_process():
    error = pickle.loads(pickle.dumps(HostUnknownError(host="db", url="u", source="DATABASE_URL")))

    assert isinstance(error, HostUnknownError)
    assert error.facts["host"] == "db"


def test_a_password_in_a_fact_is_not_in_the_message():
    assert "geheim" not in str(SettingsError(reason="postgresql://u:geheim@h/x is wrong"))


def test_a_reason_that_ends_with_a_stop_gets_no_second_one():
    assert str(SettingsError(reason="This is wrong.")) == "This is wrong."


def test_an_error_without_docstrings_still_says_what_happened(monkeypatch):
    monkeypatch.setattr(NotConfiguredError, "__doc__", None)

    assert "not-configured" in str(NotConfiguredError(asked="its routes"))


@pytest.mark.parametrize(
    ("kind", "code"), [("SettingsError", 2), ("UnreachableError", 3), ("NotDisposableError", 3), ("RouterError", 1)]
)
def test_exit_codes_tell_the_branches_apart(kind, code):
    assert getattr(errors, kind).exit_code == code
