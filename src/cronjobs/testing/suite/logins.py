"""Signing in: by name or address, with JSON or a form, and alike for whoever doesn't exist."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from cronjobs import passwords
from cronjobs.models import User
from cronjobs.services import accounts
from cronjobs.settings import Settings
from cronjobs.testing import hashing
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.people import LEGACY_HASH, LEGACY_PASSWORD, USER_KEYS, add_user, form, sign_in
from cronjobs.testing.worlds import PASSWORD, Person

LOGIN_KEYS = {"success", "message", "access_token", "refresh_token", "token_type", "user"}
REFUSED = {"error": "Invalid credentials", "message": "Invalid email/username or password"}


@pytest.mark.parametrize("field", ["username", "email"])
@pytest.mark.parametrize("who", ["editor", "editor@cronjobs.test", "Editor@CronJobs.TEST"])
def test_a_username_or_an_address_signs_in_under_either_name(api: Api, editor: Person, field: str, who: str) -> None:
    answer = api.post("/auth/login", json={field: who, "password": PASSWORD})

    assert answer.status == 200
    assert answer.json.keys() == LOGIN_KEYS
    assert answer.json["success"] is True
    assert answer.json["message"] == "Login successful"
    assert answer.json["token_type"] == "bearer"
    assert answer.json["user"].keys() == USER_KEYS
    assert answer.json["user"]["id"] == editor.id
    assert answer.json["user"]["created_at"].endswith("Z")
    assert api.get("/auth/me", token=answer.json["access_token"]).json == answer.json["user"]


def test_a_null_beside_the_name_that_is_given_does_not_matter(api: Api, editor: Person) -> None:
    answer = api.post("/auth/login", json={"username": None, "email": editor.email, "password": PASSWORD})

    assert answer.status == 200


def test_the_form_signs_in_as_json_does(api: Api, editor: Person) -> None:
    answer = form(api, grant_type="password", username=editor.username, password=PASSWORD, scope="")

    assert answer.status == 200
    assert answer.json.keys() == LOGIN_KEYS
    assert answer.json["user"] == sign_in(api, editor.username).json["user"]
    assert form(api, username=editor.email.upper(), password=PASSWORD).status == 200


def test_a_login_changes_nothing(api: Api, session: Session, editor: Person) -> None:
    before = contents(session)

    assert sign_in(api, editor.username).status == 200

    assert contents(session) == before


def test_an_unknown_user_and_a_wrong_password_are_answered_alike(api: Api, editor: Person) -> None:
    unknown, wrong = sign_in(api, "nobody"), sign_in(api, editor.username, "not it")

    assert unknown.status == wrong.status == 401
    assert unknown.json == wrong.json == REFUSED
    assert form(api, username="nobody", password="x").json == REFUSED


def test_a_password_is_verified_for_a_user_that_does_not_exist(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[tuple[str, str]] = []
    verify = passwords.verify

    def watched(hashed: str, text: str) -> bool:
        verified.append((hashed, text))
        return verify(hashed, text)

    monkeypatch.setattr(passwords, "verify", watched)

    sign_in(api, "nobody", "anything")

    assert [given[1] for given in verified] == ["anything"]
    assert verified[0][0] == accounts._NOBODYS_HASH
    assert not PasswordHasher().check_needs_rehash(hashing.NOBODYS), "verifying it costs what a hash of today costs"


def test_an_inactive_user_is_told_so_only_after_the_right_password(
    api: Api, session: Session, settings: Settings
) -> None:
    gone = add_user(session, settings, "gone", is_active=False)

    assert sign_in(api, gone.username, "not it").json == REFUSED
    told = sign_in(api, gone.username)

    assert told.status == 401
    assert "inactive" in told.json["message"]


def test_an_address_of_the_legacy_application_signs_in_in_any_case(
    api: Api, session: Session, settings: Settings
) -> None:
    mixed = add_user(session, settings, "mixed", email="Mixed.Case@Cronjobs.Test")

    assert sign_in(api, "mixed.case@cronjobs.test").json["user"]["id"] == mixed.id
    assert sign_in(api, "MIXED.CASE@CRONJOBS.TEST").json["user"]["id"] == mixed.id


def test_logins_that_differ_in_case_only_are_told_apart_by_the_letter(
    api: Api, session: Session, settings: Settings
) -> None:
    upper = add_user(session, settings, "Twin", email="Twin@cronjobs.test")
    lower = add_user(session, settings, "twin", email="twin@cronjobs.test")

    for twin in (upper, lower):
        assert sign_in(api, twin.username).json["user"]["id"] == twin.id
        assert sign_in(api, twin.email).json["user"]["id"] == twin.id
    assert sign_in(api, "TWIN@cronjobs.test").json == REFUSED


def test_a_username_that_is_somebody_elses_address_wins(api: Api, session: Session, settings: Settings) -> None:
    add_user(session, settings, "owner-of-it", email="both@cronjobs.test")
    named = add_user(session, settings, "both@cronjobs.test", email="x@cronjobs.test")

    assert sign_in(api, "both@cronjobs.test").json["user"]["id"] == named.id


def test_a_legacy_hash_is_upgraded_by_a_login(api: Api, session: Session, settings: Settings) -> None:
    old = add_user(session, settings, "old", password_hash=LEGACY_HASH)

    assert sign_in(api, "old", "not it").status == 401
    assert sign_in(api, "old", LEGACY_PASSWORD).status == 200

    stored = session.get_one(User, old.id, populate_existing=True).password_hash
    assert stored.startswith("$argon2id$")
    assert sign_in(api, "old", LEGACY_PASSWORD).status == 200
    assert session.get_one(User, old.id, populate_existing=True).password_hash == stored
    assert api.get("/auth/me", token=old.token).status == 200, "an upgrade is no change of password"


def test_an_inactive_user_does_not_upgrade_a_hash(api: Api, session: Session, settings: Settings) -> None:
    add_user(session, settings, "old", password_hash=LEGACY_HASH, is_active=False)
    before = contents(session)

    assert sign_in(api, "old", LEGACY_PASSWORD).status == 401

    assert contents(session) == before


def test_logins_at_once_all_succeed_while_the_hash_is_upgraded(api: Api, session: Session, settings: Settings) -> None:
    add_user(session, settings, "old", password_hash=LEGACY_HASH)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: sign_in(api, "old", LEGACY_PASSWORD), range(8)))

    assert [answer.status for answer in answers] == [200] * 8


def test_a_password_that_changes_during_a_login_does_not_sign_in(
    api: Api, session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = add_user(session, settings, "racer")
    verify = passwords.verify

    def slow(hashed: str, text: str) -> bool:
        right = verify(hashed, text)
        session.get_one(User, person.id).set_password("another one")
        session.commit()
        return right

    monkeypatch.setattr(passwords, "verify", slow)

    assert sign_in(api, "racer").json == REFUSED


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, ["password"]),
        ({"username": "editor"}, ["password"]),
        ({"password": PASSWORD}, None),
        ({"username": "", "email": None, "password": PASSWORD}, None),
        ({"username": 1, "password": PASSWORD}, None),
        ({"username": ["editor"], "password": PASSWORD}, None),
        ({"username": "editor", "password": None}, None),
        ({"username": "editor", "password": 123456}, None),
        ({"username": "editor", "password": True}, None),
        ({"username": "e" * 321, "password": PASSWORD}, None),
        ({"username": "editor", "password": "p" * 4097}, None),
        ({"username": "edi\x00tor", "password": PASSWORD}, None),
    ],
)
def test_a_login_that_is_malformed_is_refused(api: Api, body: dict[str, Any], missing: list[str] | None) -> None:
    answer = api.post("/auth/login", json=body)

    assert answer.status == 400
    assert answer.json.get("missing_fields") == missing
    assert PASSWORD not in answer.text
    assert "ppp" not in answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"username=editor",
        b"password=correct+horse",
        b"username=&password=correct+horse",
        b"username=editor&password=correct+horse&password=another",
        b"username=editor&password=correct+horse&grant_type=client_credentials",
        b"username=editor&password=%00",
        b"username=editor&password=%ff",
        b"username=\xff&password=correct+horse",
        b'{"username": "editor", "password": "correct horse"}',
        b"&".join(b"f%d=x" % number for number in range(200)),
    ],
)
def test_a_form_that_is_malformed_is_refused(api: Api, raw: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = api.request("POST", "/auth/login/form", raw=raw, headers=headers)

    assert answer.status == 400
    assert answer.json.keys() >= {"error", "message"}
    assert PASSWORD not in answer.text
