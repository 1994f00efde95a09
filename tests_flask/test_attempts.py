"""Failed logins on the two stacks: counted together, and in a lent session too."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs import passwords
from cronjobs.models import LoginAttempts
from cronjobs.services.attempts import Attempt
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock
from crossfade.router import Router


def sign_in(api: Api, name: str, password: str) -> int:
    return api.post("/auth/login", json={"username": name, "password": password}).status


def test_failures_on_either_stack_count_on_the_other(
    api: Api, twin: Api, editor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(passwords, "verify", lambda *_: False)
        statuses = [sign_in((api, twin)[number % 2], editor.username, "not it") for number in range(20)]

    assert statuses == [401] * 20
    assert [sign_in(stack, editor.username, PASSWORD) for stack in (api, twin)] == [429, 429]


def test_a_success_on_either_stack_clears_the_account_on_the_other(
    api: Api, twin: Api, editor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for there, here in ((api, twin), (twin, api)):
        with monkeypatch.context() as patched:
            patched.setattr(passwords, "verify", lambda *_: False)
            statuses = [sign_in(there, editor.username, "not it") for _ in range(19)]
        assert statuses == [401] * 19
        assert sign_in(here, editor.username, PASSWORD) == 200


def test_a_login_that_fails_in_a_lent_session_is_refused_and_leaves_the_lenders_work(
    api: Api, session: Session, router: Router, editor: Person
) -> None:
    with router.lend(session):
        session.add(LoginAttempts(key="the lender's", failures=1, since=clock.naive_utc()))
        session.flush()
        statuses = [sign_in(api, editor.username, password) for password in ("not it", PASSWORD)]
        seen = session.scalars(select(LoginAttempts.key)).all()

    assert (statuses, seen) == ([401, 200], ["the lender's"])
    session.rollback()
    assert session.scalars(select(LoginAttempts)).all() == []


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8:0:0:1:2:3:4", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("somewhere", "somewhere", True),
        ("somewhere", "elsewhere", False),
    ],
)
def test_an_address_is_what_one_client_can_have(settings: Settings, one: str, another: str, *, same: bool) -> None:
    first, second = (Attempt.by("name", address, settings) for address in (one, another))

    assert first.account == second.account
    assert (first.address == second.address) is same


def test_a_name_is_not_an_address_and_a_secret_of_ones_own_makes_digests_of_ones_own(settings: Settings) -> None:
    changed = settings.model_copy(update={"jwt_secret_key": None, "secret_key": type(settings.secret_key)("x" * 40)})
    here = Attempt.by("192.0.2.1", "192.0.2.1", settings)
    there = Attempt.by("192.0.2.1", "192.0.2.1", changed)

    assert len({here.account, here.address, there.account, there.address}) == 4


def test_where_the_client_is_unknown_the_account_alone_counts(settings: Settings) -> None:
    attempt = Attempt.by("\ud800 name", None, settings)

    assert list(attempt.limits.values()) == [20]
