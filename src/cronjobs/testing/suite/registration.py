"""Registering users: by admins alone, under names and addresses that nobody has in any case."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cronjobs.models import User
from cronjobs.services import accounts
from cronjobs.services.errors import ConflictError
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.people import USER_KEYS, add_user, signed_in, stored
from cronjobs.testing.worlds import Person

NEW = {"username": "new.one", "email": "New.One@CronJobs.test", "password": "a new secret"}


def test_an_admin_registers_a_user_who_can_sign_in(api: Api, admin: Person) -> None:
    answer = api.post("/auth/register", token=admin.token, json=NEW)

    assert answer.status == 201
    assert answer.json.keys() == {"success", "message", "user"}
    assert answer.json["success"] is True
    assert answer.json["message"] == "User created successfully"
    user = answer.json["user"]
    assert user.keys() == USER_KEYS
    assert user["username"] == "new.one"
    assert user["email"] == "new.one@cronjobs.test"
    assert user["role"] == "viewer"
    assert user["is_active"] is True
    assert signed_in(api, "new.one", "a new secret")["user"] == user
    assert NEW["password"] not in answer.text


def test_a_user_is_registered_with_a_role_and_inactive(api: Api, session: Session, admin: Person) -> None:
    answer = api.post("/auth/register", token=admin.token, json=NEW | {"role": "admin", "is_active": False})

    assert answer.json["user"]["role"] == "admin"
    assert answer.json["user"]["is_active"] is False
    assert stored(session, answer.json["user"]["id"]).password_hash.startswith("$argon2id$")


@pytest.mark.parametrize("who", ["editor", "viewer"])
def test_only_an_admin_registers_lists_and_deletes(
    api: Api, session: Session, admin: Person, who: str, request: pytest.FixtureRequest
) -> None:
    person: Person = request.getfixturevalue(who)
    before = contents(session)

    # The body is malformed too: who may not is told so first.
    answers = [
        api.post("/auth/register", token=person.token, json={}),
        api.get("/auth/users", token=person.token),
        api.delete(f"/auth/users/{admin.id}", token=person.token),
        api.delete(f"/auth/users/{person.id}", token=person.token),
    ]

    assert [answer.status for answer in answers] == [403] * 4
    assert all(answer.json.keys() == {"error", "message"} for answer in answers)
    assert contents(session) == before


@pytest.mark.parametrize(
    "username", ["abc", "x" * 80, "Ольга", "山田太郎", "müller-2", "a.b_c-d", "٣٤٥", "राहुल", "123", "..."]
)
def test_a_username_is_kept_as_written(api: Api, admin: Person, username: str) -> None:
    answer = api.post("/auth/register", token=admin.token, json=NEW | {"username": username})

    assert answer.status == 201
    assert answer.json["user"]["username"] == username
    assert signed_in(api, username, NEW["password"])["user"]["username"] == username


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "ab"),
        ("username", "x" * 81),
        ("username", "with space"),
        ("username", "a@b.c"),
        ("username", "semi;colon"),
        ("username", "😀😀😀"),
        ("username", "line\nbreak"),
        ("username", "zero\u200bwidth"),
        ("username", "joined\u034f"),
        ("username", "varied\ufe0f"),
        ("username", "\u0301abc"),
        ("username", "nul\x00"),
        ("username", 12345),
        ("username", None),
        ("username", ["abc"]),
        ("email", "no address"),
        ("email", "nobody@nowhere"),
        ("email", "two@at@signs.test"),
        ("email", "Name <name@cronjobs.test>"),
        ("email", "a@[127.0.0.1]"),
        ("email", ""),
        ("email", "a" * 60 + "@" + "b" * 60 + ".test"),
        ("email", 1),
        ("email", None),
        ("password", "short"),
        ("password", "p" * 4097),
        ("password", 1234567),
        ("password", None),
        ("role", "owner"),
        ("role", "Admin"),
        ("role", 1),
        ("role", None),
        ("is_active", "true"),
        ("is_active", 1),
        ("is_active", None),
    ],
)
def test_a_value_against_the_rules_is_refused_and_changes_nothing(
    api: Api, session: Session, admin: Person, field: str, value: Any
) -> None:
    before = contents(session)

    answer = api.post("/auth/register", token=admin.token, json=NEW | {field: value})

    assert answer.status == 400
    assert answer.json.keys() == {"error", "message"}
    assert NEW["password"] not in answer.text
    assert field != "password" or str(value) not in answer.text
    assert contents(session) == before


def test_missing_fields_are_named(api: Api, admin: Person) -> None:
    answer = api.post("/auth/register", token=admin.token, json={"username": "new.one"})

    assert answer.status == 400
    assert answer.json["missing_fields"] == ["email", "password"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" Padded@Example.com ", "padded@example.com"),
        ("somebody@localhost.local", "somebody@localhost.local"),
        ("Root@LOCALHOST.localhost", "root@localhost.localhost"),
        ("Ünï@Bücher.example", "ünï@bücher.example"),
        ("x@xn--bcher-kva.example", "x@bücher.example"),
        ("a+b@sub.cronjobs.test", "a+b@sub.cronjobs.test"),
    ],
)
def test_an_address_is_stored_in_lower_case(api: Api, admin: Person, given: str, kept: str) -> None:
    answer = api.post("/auth/register", token=admin.token, json=NEW | {"email": given})

    assert answer.status == 201
    assert answer.json["user"]["email"] == kept


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ({"username": "editor"}, {"username": "editor"}),
        ({}, {"username": "EDITOR"}),
        ({"username": "Ольга"}, {"username": "ОЛЬГА"}),
        ({"username": "straße"}, {"username": "STRASSE"}),
        ({"username": "é́té"}, {"username": "É́TÉ"}),
        ({}, {"email": "editor@cronjobs.test"}),
        ({}, {"email": "EDITOR@cronjobs.test"}),
        ({"email": "Mixed@Cronjobs.Test"}, {"email": "mixed@cronjobs.test"}),
    ],
)
def test_what_is_taken_in_another_case_is_taken(
    api: Api, session: Session, settings: Settings, admin: Person, taken: dict[str, str], wanted: dict[str, str]
) -> None:
    if taken.get("username") != "editor":
        add_user(session, settings, **({"username": "somebody"} | taken))
    before = contents(session)

    answer = api.post("/auth/register", token=admin.token, json=NEW | wanted)

    assert answer.status == 409
    assert answer.json.keys() == {"error", "message"}
    assert contents(session) == before


def test_of_two_users_registered_at_once_under_one_name_there_is_one(api: Api, session: Session, admin: Person) -> None:
    names = ["Same.Name", "same.name", "SAME.NAME", "same.Name"]

    def register(name: str) -> int:
        body = {"username": name, "email": f"{names.index(name)}@cronjobs.test", "password": "a secret"}
        return api.post("/auth/register", token=admin.token, json=body).status

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(register, names))

    assert statuses == [201, 409, 409, 409]
    assert session.scalar(select(func.count()).where(func.lower(User.username) == "same.name")) == 1


def test_a_name_that_a_stranger_takes_without_the_lock_is_taken(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The legacy application takes no lock: the unique index has the last word.
    monkeypatch.setattr(accounts, "_refuse_taken_username", lambda *_: None)

    with pytest.raises(ConflictError):
        accounts.register(
            session,
            accounts.NewUser(username="editor", email="x@cronjobs.test", password="a secret"),
            caller=None,
        )
