"""Which tokens are good, for what and how long; refreshing them, and giving them back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import RevokedToken, User
from cronjobs.models.users import ADMIN, VIEWER
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.people import USER_KEYS, add_user, sign_in
from cronjobs.testing.worlds import Person
from crossfade import clock


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
