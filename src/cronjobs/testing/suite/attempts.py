"""Logins that fail too often have to wait: counted for the account and the address, over all processes."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs import passwords
from cronjobs.models import LoginAttempts
from cronjobs.services import attempts
from cronjobs.services.attempts import Attempt
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.people import form, sign_in
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock
from crossfade.database.sessions import begin_write
from crossfade.router import Router


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every password is wrong, and found so at once."""
    monkeypatch.setattr(passwords, "verify", lambda *_: False)


def fail(api: Api, name: str, times: int = 1) -> list[int]:
    return [sign_in(api, name, "not it").status for _ in range(times)]


def let_a_minute_pass(session: Session) -> None:
    for row in session.scalars(select(LoginAttempts).execution_options(populate_existing=True)):
        row.since -= timedelta(seconds=60)
    session.commit()


def counted(session: Session) -> list[int]:
    """The failures of all accounts and addresses, the fewest first."""
    session.rollback()
    return sorted(session.scalars(select(LoginAttempts.failures)))


def test_an_account_that_fails_too_often_has_to_wait(
    api: Api, session: Session, editor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(passwords, "verify", lambda *_: False)
        statuses = fail(api, editor.email, 20)
    before = contents(session)
    refused = sign_in(api, editor.email.upper())

    assert statuses == [401] * 20
    assert refused.status == 429
    assert refused.json.keys() == {"error", "message", "retry_after"}
    assert 0 < refused.json["retry_after"] <= 61
    assert refused.headers["Retry-After"] == str(refused.json["retry_after"])
    assert form(api, username=editor.email, password=PASSWORD).status == 429
    assert contents(session) == before
    assert sign_in(api, "viewer").status == 200
    let_a_minute_pass(session)
    assert sign_in(api, editor.email).status == 200


def test_an_account_that_nobody_has_waits_as_well(api: Api, unproven: None) -> None:
    assert fail(api, "nobody", 21) == [401] * 20 + [429]


def test_an_address_that_fails_too_often_has_to_wait_whatever_names_it_tries(
    api: Api, session: Session, editor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(passwords, "verify", lambda *_: False)
        statuses = [status for number in range(60) for status in fail(api, f"guess-{number}")]
    refused = sign_in(api, editor.username)

    assert statuses == [401] * 60
    assert refused.status == 429
    assert refused.headers["Retry-After"] == str(refused.json["retry_after"])
    let_a_minute_pass(session)
    assert sign_in(api, editor.username).status == 200


def test_a_failure_is_counted_and_changes_nothing_else(api: Api, session: Session, editor: Person) -> None:
    before = contents(session)

    assert fail(api, editor.username, 2) == [401, 401]

    after = contents(session)
    rows = after.pop("login_attempts")
    assert before.pop("login_attempts") == []
    assert after == before
    assert sorted(failures for _, failures, _ in rows) == [2, 2], "of the account, and of the address"
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key, _, _ in rows), "no names, no addresses, no passwords"


def test_a_success_clears_the_account_but_not_the_address(api: Api, session: Session, editor: Person) -> None:
    fail(api, editor.username, 2)

    assert sign_in(api, editor.username).status == 200

    assert counted(session) == [2]


def test_a_window_begins_with_its_first_failure(api: Api, session: Session, unproven: None) -> None:
    fail(api, "nobody", 20)
    let_a_minute_pass(session)

    assert fail(api, "nobody", 21) == [401] * 20 + [429]


def test_what_counts_no_more_is_deleted_in_passing(api: Api, session: Session, unproven: None) -> None:
    now = clock.naive_utc()
    for number in range(150):
        session.add(LoginAttempts(key=f"old {number}", failures=20, since=now - timedelta(seconds=60 + number)))
    session.commit()

    fail(api, "nobody")
    assert len(counted(session)) == 50 + 2, "a failure deletes so many at most"
    fail(api, "nobody")
    assert counted(session) == [2, 2]


def test_a_clock_that_was_far_ahead_locks_nobody_out(api: Api, session: Session, unproven: None) -> None:
    fail(api, "nobody", 20)
    for row in session.scalars(select(LoginAttempts)):
        row.since += timedelta(days=365)
    session.commit()

    assert fail(api, "nobody") == [401]
    assert counted(session) == [1, 1]


def test_guesses_at_once_are_no_more_than_the_limit(
    api: Api, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Barrier(5, timeout=20)

    def slow(_hashed: str, _text: str) -> bool:
        # All of them have been let in before the first one has failed.
        together.wait()
        return False

    monkeypatch.setattr(attempts, "ACCOUNT_LIMIT", 3)
    monkeypatch.setattr(passwords, "verify", slow)

    with ThreadPoolExecutor(5) as pool:
        statuses = sorted(pool.map(lambda _: sign_in(api, "nobody").status, range(5)))

    assert statuses == [401, 401, 401, 429, 429]
    assert counted(session) == [3, 3]


def test_failures_of_many_accounts_at_once_are_all_counted(api: Api, session: Session, unproven: None) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda number: sign_in(api, f"guess-{number % 4}").status, range(40)))

    assert statuses == [401] * 40
    assert counted(session) == [10, 10, 10, 10, 40]


def test_the_right_one_of_many_guesses_at_once_is_not_told_from_the_wrong_ones(
    api: Api, settings: Settings, router: Router, editor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = passwords.verify
    elsewhere = Attempt.by(editor.username, "192.0.2.1", settings)

    def slow(hashed: str, text: str) -> bool:
        right = verify(hashed, text)
        for _ in range(20):
            with router.session("flask") as unit:
                attempts.failed(begin_write(unit), elsewhere)
        return right

    monkeypatch.setattr(passwords, "verify", slow)

    assert sign_in(api, editor.username).status == 429
