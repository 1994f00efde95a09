"""Signing in and out, and which tokens are good."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs import passwords
from cronjobs.models import LoginAttempts, RevokedToken, User
from cronjobs.models.users import ADMIN, VIEWER
from cronjobs.services import attempts
from cronjobs.services.attempts import Attempt
from cronjobs.settings import Settings
from cronjobs.testing.client import Answer, Api
from cronjobs.testing.contents import contents
from cronjobs.testing.people import LEGACY_HASH, LEGACY_PASSWORD, add_user
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock
from crossfade.database.sessions import begin_write
from crossfade.router import Router

USER_KEYS = {"id", "username", "email", "role", "is_active", "created_at", "updated_at"}
LOGIN_KEYS = {"success", "message", "access_token", "refresh_token", "token_type", "user"}
REFUSED = {"error": "Invalid credentials", "message": "Invalid email/username or password"}


def sign_in(api: Api, identifier: str, password: str = PASSWORD) -> Answer:
    return api.post("/auth/login", json={"username": identifier, "password": password})


def form(api: Api, **fields: str) -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return api.request("POST", "/auth/login/form", raw=urlencode(fields).encode(), headers=headers)


def read_claims(token: str, settings: Settings) -> dict[str, Any]:
    return jwt.decode(token, settings.token_secret, algorithms=["HS256"])


@pytest.fixture
def forge(settings: Settings, editor: Person) -> Callable[..., str]:
    """Signs claims as the stacks do: an access token of the editor's but for what is given; None leaves a claim out."""

    def signed(*, secret: str = settings.token_secret, algorithm: str = "HS256", **changes: Any) -> str:
        now = int(clock.now().timestamp())
        claims = {"sub": editor.id, "role": "user", "email": editor.email, "type": "access", "fresh": True, "iat": now}
        claims |= {"nbf": now, "exp": now + 3600, "jti": "a-token-of-a-test"} | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        # Zeros at the end change no HMAC, and spare the longer algorithms a warning.
        key = None if algorithm == "none" else secret.encode().ljust(64, b"\0")
        return jwt.encode(kept, key, algorithm=algorithm)

    return signed


# Signing in


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
    assert not passwords.needs_rehash(verified[0][0]), "verifying it costs what a hash of today costs"


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


# Tokens


def test_tokens_carry_the_claims_of_the_contract(api: Api, settings: Settings, editor: Person) -> None:
    before = clock.now().timestamp()
    signed_in = sign_in(api, editor.username).json

    for kind, seconds, fresh in (("access", 3600, True), ("refresh", 2_592_000, False)):
        claims = read_claims(signed_in[f"{kind}_token"], settings)
        assert claims.keys() == {"sub", "role", "email", "type", "fresh", "iat", "nbf", "exp", "jti"}
        assert claims["sub"] == editor.id
        assert claims["role"] == "user"
        assert claims["email"] == editor.email
        assert claims["type"] == kind
        assert claims["fresh"] is fresh
        assert before <= claims["iat"] == claims["nbf"] <= clock.now().timestamp()
        assert claims["exp"] - claims["iat"] == seconds


def test_the_tokens_of_the_legacy_application_are_good(api: Api, editor: Person, forge: Callable[..., str]) -> None:
    flask, fastapi = forge(), forge(jti=None, nbf=None)

    for token in (flask, fastapi):
        assert api.get("/auth/me", token=token).json["id"] == editor.id
    assert api.post("/auth/refresh", token=forge(type="refresh", jti=None, nbf=None, fresh=None)).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "somebody else's secret, which is as long as ours"},
        {"algorithm": "HS512"},
        {"algorithm": "none"},
        {"type": "refresh"},
        {"type": None},
        {"type": "other"},
        {"sub": None},
        {"sub": "nobody"},
        {"iat": None},
        {"iat": "yesterday"},
        {"exp": None},
        {"exp": 1},
        {"exp": 1e300},
        {"exp": [1]},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999, "nbf": None},
    ],
    ids=str,
)
def test_a_bad_token_is_refused(api: Api, session: Session, forge: Callable[..., str], changes: dict[str, Any]) -> None:
    token, before = forge(**changes), contents(session)

    answers = [api.get("/auth/me", token=token), api.post("/auth/logout", token=token)]

    for answer in answers:
        assert answer.status == 401
        assert answer.json.keys() == {"error", "message"}
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert token not in answer.text
    assert contents(session) == before


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer x", "Token x"])
def test_a_header_without_a_token_is_refused(api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}

    answer = api.request("GET", "/auth/me", headers=headers)

    assert answer.status == 401
    assert answer.json.keys() == {"error", "message"}


def test_the_word_bearer_is_read_in_any_case(api: Api, editor: Person) -> None:
    answer = api.request("GET", "/auth/me", headers={"Authorization": f"bearer  {editor.token} "})

    assert answer.json["id"] == editor.id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/auth/refresh"),
        ("POST", "/auth/logout"),
        ("GET", "/auth/verify"),
        ("GET", "/auth/me"),
        ("POST", "/auth/register"),
        ("GET", "/auth/users"),
        ("GET", "/auth/users/x"),
        ("PUT", "/auth/users/x"),
        ("DELETE", "/auth/users/x"),
        ("GET", "/auth/users/x/preferences"),
        ("PUT", "/auth/users/x/preferences"),
        ("GET", "/auth/users/x/ui-preferences"),
        ("PUT", "/auth/users/x/ui-preferences"),
    ],
)
def test_who_sends_no_token_gets_nowhere(api: Api, method: str, path: str) -> None:
    # The body is malformed too: who is nobody is told so first.
    answer = api.request(method, path, raw=b"{", headers={"Content-Type": "application/json"})

    assert answer.status == 401


def test_a_token_is_dead_for_a_deactivated_user_at_once(api: Api, session: Session, settings: Settings) -> None:
    person = add_user(session, settings, "leaving")
    refresh_token = sign_in(api, "leaving").json["refresh_token"]
    assert api.get("/auth/me", token=person.token).status == 200

    session.get_one(User, person.id).is_active = False
    session.commit()

    assert api.get("/auth/me", token=person.token).status == 401
    assert api.post("/auth/refresh", token=refresh_token).status == 401


def test_the_role_is_the_databases_not_the_tokens(
    api: Api, session: Session, settings: Settings, forge: Callable[..., str]
) -> None:
    person = add_user(session, settings, "was-admin", role=ADMIN)
    assert api.get("/auth/users", token=person.token).status == 200

    session.get_one(User, person.id).role = VIEWER
    session.commit()

    assert api.get("/auth/users", token=person.token).status == 403
    assert api.get("/auth/users", token=forge(role="admin")).status == 403
    assert api.get("/auth/verify", token=person.token).json["role"] == "viewer"


def test_me_and_verify_say_whose_token_it_is(api: Api, viewer: Person) -> None:
    verified, me = api.get("/auth/verify", token=viewer.token), api.get("/auth/me", token=viewer.token)

    assert verified.status == me.status == 200
    assert verified.json == {"valid": True, "user_id": viewer.id, "username": "viewer", "role": "viewer"}
    assert me.json.keys() == USER_KEYS
    assert me.json["email"] == viewer.email


# Refreshing


def test_a_refresh_token_gets_a_new_access_token(api: Api, settings: Settings, editor: Person) -> None:
    refresh_token = sign_in(api, editor.username).json["refresh_token"]

    answer = api.post("/auth/refresh", token=refresh_token)

    assert answer.status == 200
    assert answer.json.keys() == {"access_token", "token_type", "expires_in"}
    assert answer.json["token_type"] == "bearer"
    assert answer.json["expires_in"] == settings.jwt_access_token_expires
    claims = read_claims(answer.json["access_token"], settings)
    assert (claims["type"], claims["fresh"]) == ("access", False)
    assert api.get("/auth/me", token=answer.json["access_token"]).json["id"] == editor.id


def test_each_kind_of_token_does_its_own_work_only(api: Api, editor: Person) -> None:
    tokens = sign_in(api, editor.username).json

    assert api.post("/auth/refresh", token=tokens["access_token"]).status == 401
    assert api.get("/auth/me", token=tokens["refresh_token"]).status == 401
    assert api.post("/auth/logout", token=tokens["refresh_token"]).status == 401


def test_a_refresh_ignores_the_body(api: Api, editor: Person) -> None:
    refresh_token = sign_in(api, editor.username).json["refresh_token"]

    assert api.post("/auth/refresh", token=refresh_token, json={"anything": 1}).status == 200


# Signing out


def test_a_logout_revokes_the_token_and_no_other(api: Api, editor: Person) -> None:
    one, two = (sign_in(api, editor.username).json["access_token"] for _ in range(2))

    answer = api.post("/auth/logout", token=one)

    assert answer.status == 200
    assert answer.json == {"success": True, "message": "Logout successful"}
    assert api.get("/auth/me", token=one).status == 401
    assert api.post("/auth/logout", token=one).status == 401
    assert api.get("/auth/me", token=two).status == 200


def test_a_token_without_an_id_can_be_revoked(api: Api, session: Session, forge: Callable[..., str]) -> None:
    # One whose id is too long to be remembered is remembered as if it had none.
    nameless, longwinded = forge(jti=None), forge(jti="j" * 65)
    for token in (nameless, longwinded):
        assert api.post("/auth/logout", token=token).status == 200

    assert api.get("/auth/me", token=nameless).status == 401
    assert api.get("/auth/me", token=longwinded).status == 401
    assert api.get("/auth/me", token=forge(jti=None, fresh=False)).status == 200
    assert {len(token_id) for token_id in session.scalars(select(RevokedToken.id))} == {64}


def test_a_logout_forgets_what_has_expired_since(api: Api, session: Session, editor: Person) -> None:
    now = clock.naive_utc()
    session.add(RevokedToken(id="dead anyway", expires_at=now - timedelta(seconds=1)))
    session.add(RevokedToken(id="still alive", expires_at=now + timedelta(hours=1)))
    session.commit()
    token = sign_in(api, editor.username).json["access_token"]

    assert api.post("/auth/logout", token=token).status == 200

    kept = set(session.scalars(select(RevokedToken.id)))
    assert "still alive" in kept
    assert "dead anyway" not in kept
    assert len(kept) == 2


def test_logouts_of_one_token_at_once_are_one(api: Api, session: Session, editor: Person) -> None:
    token = sign_in(api, editor.username).json["access_token"]

    with ThreadPoolExecutor(4) as pool:
        statuses = {answer.status for answer in pool.map(lambda _: api.post("/auth/logout", token=token), range(4))}

    assert statuses <= {200, 401}
    assert len(session.scalars(select(RevokedToken)).all()) == 1
