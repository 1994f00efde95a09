"""Users and their preferences: who may see and change what, and what always holds."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cronjobs.models import Job, Notification, User, UserNotificationPreferences, UserUiPreferences
from cronjobs.models.users import ADMIN, VIEWER
from cronjobs.services import accounts, tokens
from cronjobs.services.errors import ConflictError
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.people import add_user
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock

USER_KEYS = {"id", "username", "email", "role", "is_active", "created_at", "updated_at"}
NEW = {"username": "new.one", "email": "New.One@CronJobs.test", "password": "a new secret"}
NOTIFICATION_DEFAULTS = {
    "email_on_job_success": True,
    "email_on_job_failure": True,
    "email_on_job_disabled": False,
    "browser_notifications": True,
    "daily_digest": False,
    "weekly_report": True,
}
COLUMN_DEFAULTS = {
    "pic_team": True,
    "end_date": True,
    "cron_expression": False,
    "target_url": False,
    "last_execution_at": False,
}


def sign_in(api: Api, username: str, password: str = PASSWORD) -> Any:
    answer = api.post("/auth/login", json={"username": username, "password": password})
    assert answer.status == 200
    return answer.json


def stored(session: Session, user_id: str) -> User:
    session.rollback()
    return session.get_one(User, user_id, populate_existing=True)


# Registering


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
    assert sign_in(api, "new.one", "a new secret")["user"] == user
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
    assert sign_in(api, username, NEW["password"])["user"]["username"] == username


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


# Looking


def test_an_admin_sees_all_users(api: Api, admin: Person, editor: Person, viewer: Person) -> None:
    answer = api.get("/auth/users", token=admin.token)

    assert answer.status == 200
    assert answer.json.keys() == {"count", "users"}
    assert answer.json["count"] == len(answer.json["users"]) == 4
    assert all(user.keys() == USER_KEYS for user in answer.json["users"])
    assert {admin.id, editor.id, viewer.id} < {user["id"] for user in answer.json["users"]}


def test_users_are_listed_from_the_oldest(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    add_user(session, settings, "second", created_at=clock.naive_utc() - timedelta(days=1))
    add_user(session, settings, "first", created_at=clock.naive_utc() - timedelta(days=2))
    undated = add_user(session, settings, "undated")
    session.get_one(User, undated.id).created_at = None
    session.commit()

    users = api.get("/auth/users", token=admin.token).json["users"]

    assert [user["username"] for user in users[:3]] == ["undated", "first", "second"]
    assert users[0]["created_at"] is None


def test_users_see_themselves_and_admins_everybody(api: Api, admin: Person, viewer: Person) -> None:
    for caller in (admin, viewer):
        answer = api.get(f"/auth/users/{viewer.id}", token=caller.token)
        assert answer.status == 200
        assert answer.json.keys() == {"user"}
        assert answer.json["user"].keys() == USER_KEYS
        assert answer.json["user"]["username"] == "viewer"


@pytest.mark.parametrize("path", ["", "/preferences", "/ui-preferences"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_nobody_but_an_admin_sees_or_changes_another(
    api: Api, session: Session, editor: Person, viewer: Person, method: str, path: str
) -> None:
    before = contents(session)

    # The body is malformed too: who may not is told so first, and not whether there is such a user.
    answers = [
        api.request(method, f"/auth/users/{user_id}{path}", token=editor.token, raw=b"{")
        for user_id in (viewer.id, "nobody")
    ]

    assert [answer.status for answer in answers] == [403, 403]
    assert answers[0].json == answers[1].json
    assert contents(session) == before


@pytest.mark.parametrize("user_id", ["nobody", "x" * 500, "%F0%9F%98%80", "%00", "0"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"role": "viewer"}),
        ("PUT", "", {"password": "another one"}),
        ("DELETE", "", None),
        ("GET", "/preferences", None),
        ("PUT", "/preferences", {"daily_digest": True}),
        ("GET", "/ui-preferences", None),
        ("PUT", "/ui-preferences", {"jobs_table_columns": {}}),
    ],
)
def test_an_unknown_user_is_not_found(
    api: Api, session: Session, admin: Person, method: str, path: str, body: Any, user_id: str
) -> None:
    before = contents(session)

    answer = api.request(method, f"/auth/users/{user_id}{path}", token=admin.token, json_body=body)

    assert answer.status == 404
    assert answer.json.keys() == {"error", "message"}
    assert contents(session) == before


# Changing


def test_users_change_their_own_address_and_password(api: Api, session: Session, viewer: Person) -> None:
    answer = api.put(
        f"/auth/users/{viewer.id}",
        token=viewer.token,
        json={"password": "another one", "email": "Elsewhere@CronJobs.test", "unknown": 1},
    )

    assert answer.status == 200
    assert answer.json.keys() == {"message", "updated_fields", "user"}
    assert answer.json["message"] == "User updated successfully"
    assert answer.json["updated_fields"] == ["email", "password"]
    assert answer.json["user"]["email"] == "elsewhere@cronjobs.test"
    assert "another one" not in answer.text
    assert sign_in(api, "elsewhere@cronjobs.test", "another one")["user"]["id"] == viewer.id
    assert stored(session, viewer.id).check_password("another one")


def test_an_admin_changes_role_and_activity(api: Api, admin: Person, viewer: Person) -> None:
    path = f"/auth/users/{viewer.id}"

    answer = api.put(path, token=admin.token, json={"role": "user", "is_active": False})

    assert answer.json["updated_fields"] == ["role", "is_active"]
    assert answer.json["user"]["role"] == "user"
    assert answer.json["user"]["is_active"] is False
    assert api.put(path, token=admin.token, json={"is_active": True}).json["user"]["is_active"] is True


@pytest.mark.parametrize("body", [{"role": "admin"}, {"is_active": True}, {"email": "x@y.test", "role": "viewer"}])
def test_nobody_but_an_admin_changes_role_or_activity(
    api: Api, session: Session, viewer: Person, body: dict[str, Any]
) -> None:
    before = contents(session)

    answer = api.put(f"/auth/users/{viewer.id}", token=viewer.token, json=body)

    assert answer.status == 403
    assert contents(session) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"username": "renamed"}, 400),
        ({"email": "no address"}, 400),
        ({"email": None}, 400),
        ({"email": "editor@cronjobs.test"}, 409),
        ({"email": "EDITOR@cronjobs.test", "password": "another one"}, 409),
        ({"password": "short"}, 400),
        ({"password": 1234567}, 400),
        ({"password": "nul \x00 inside"}, 400),
        ({"role": "owner"}, 400),
        ({"is_active": "no"}, 400),
        ({"is_active": 0}, 400),
        ([], 400),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    api: Api, session: Session, admin: Person, viewer: Person, body: Any, status: int
) -> None:
    before = contents(session)

    answer = api.put(f"/auth/users/{viewer.id}", token=admin.token, json=body)

    assert answer.status == status
    assert answer.json.keys() == {"error", "message"}
    assert "another one" not in answer.text
    assert contents(session) == before


def test_ones_own_address_is_not_taken(api: Api, session: Session, settings: Settings) -> None:
    person = add_user(session, settings, "mixed", email="Mixed@CronJobs.test")

    answer = api.put(f"/auth/users/{person.id}", token=person.token, json={"email": person.email})

    assert answer.status == 200
    assert answer.json["user"]["email"] == "mixed@cronjobs.test"


def test_a_change_of_password_ends_the_tokens_and_new_ones_are_good(
    api: Api, session: Session, settings: Settings, other: Person
) -> None:
    person = add_user(session, settings, "changer")
    refresh_token = sign_in(api, "changer")["refresh_token"]

    assert api.put(f"/auth/users/{person.id}", token=person.token, json={"password": "another one"}).status == 200
    again = sign_in(api, "changer", "another one")

    assert api.get("/auth/me", token=person.token).status == 401
    assert api.post("/auth/refresh", token=refresh_token).status == 401
    assert api.get("/auth/me", token=again["access_token"]).status == 200
    assert api.post("/auth/refresh", token=again["refresh_token"]).status == 200
    assert api.get("/auth/me", token=other.token).status == 200


def test_a_deactivation_ends_the_tokens_for_good(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    person = add_user(session, settings, "paused")
    path = f"/auth/users/{person.id}"

    api.put(path, token=admin.token, json={"is_active": False})
    assert api.get("/auth/me", token=person.token).status == 401
    api.put(path, token=admin.token, json={"is_active": True})

    assert api.get("/auth/me", token=person.token).status == 401
    assert api.get("/auth/me", token=sign_in(api, "paused")["access_token"]).status == 200


def test_other_changes_leave_the_tokens_alone(api: Api, admin: Person, viewer: Person) -> None:
    body = {"email": "elsewhere@cronjobs.test", "role": "user", "is_active": True}

    assert api.put(f"/auth/users/{viewer.id}", token=admin.token, json=body).status == 200

    assert api.get("/auth/me", token=viewer.token).json["role"] == "user"


# The last admin


@pytest.mark.parametrize("body", [{"role": "user"}, {"role": "viewer"}, {"is_active": False}])
def test_the_last_active_admin_stays(
    api: Api, session: Session, settings: Settings, admin: Person, body: dict[str, Any]
) -> None:
    add_user(session, settings, "sleeping-admin", role=ADMIN, is_active=False)
    before = contents(session)

    answer = api.put(f"/auth/users/{admin.id}", token=admin.token, json=body | {"email": "x@cronjobs.test"})

    assert answer.status == 400
    assert "last active admin" in answer.json["message"]
    assert contents(session) == before


def test_an_admin_may_go_when_there_is_another(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    second = add_user(session, settings, "second-admin", role=ADMIN)

    assert api.put(f"/auth/users/{admin.id}", token=admin.token, json={"role": "user"}).status == 200

    assert api.put(f"/auth/users/{second.id}", token=second.token, json={"is_active": False}).status == 400
    assert api.put(f"/auth/users/{second.id}", token=second.token, json={"role": "admin"}).status == 200


@pytest.mark.parametrize("way", ["demote", "deactivate", "delete"])
def test_of_admins_who_remove_each_other_at_once_one_stays(
    api: Api, session: Session, settings: Settings, admin: Person, way: str
) -> None:
    admins = [admin, *(add_user(session, settings, f"admin-{number}", role=ADMIN) for number in range(3))]
    together = Barrier(len(admins))

    def remove(number: int) -> int:
        target, caller = admins[number - 1], admins[number]
        together.wait()
        path = f"/auth/users/{target.id}"
        if way == "delete":
            return api.delete(path, token=caller.token).status
        body = {"role": "user"} if way == "demote" else {"is_active": False}
        return api.put(path, token=caller.token, json=body).status

    with ThreadPoolExecutor(len(admins)) as pool:
        statuses = list(pool.map(remove, range(len(admins))))

    session.rollback()
    left = session.scalar(select(func.count()).where(User.role == ADMIN, User.is_active))
    assert left == len(admins) - statuses.count(200) >= 1
    assert set(statuses) <= {200, 400, 401, 403}


# Deleting


def test_a_deleted_user_takes_notifications_and_preferences_and_leaves_the_jobs(
    api: Api, session: Session, settings: Settings, admin: Person
) -> None:
    person = add_user(session, settings, "leaver")
    job = Job(name="stays", cron_expression="0 0 * * *", target_url="https://example.com", created_by=person.id)
    session.add_all(
        [
            job,
            Notification(user_id=person.id, title="t", message="m", type="info"),
            Notification(user_id=admin.id, title="t", message="m", type="info"),
            UserNotificationPreferences(user_id=person.id),
            UserUiPreferences(user_id=person.id),
            UserUiPreferences(user_id=admin.id),
        ]
    )
    session.commit()

    answer = api.delete(f"/auth/users/{person.id}", token=admin.token)

    assert answer.status == 200
    assert answer.json == {
        "message": "User deleted successfully",
        "deleted_user": {"id": person.id, "username": "leaver"},
    }
    assert session.get(User, person.id, populate_existing=True) is None
    assert session.get_one(Job, job.id, populate_existing=True).created_by is None
    assert list(session.scalars(select(Notification.user_id))) == [admin.id]
    assert list(session.scalars(select(UserNotificationPreferences.user_id))) == []
    assert list(session.scalars(select(UserUiPreferences.user_id))) == [admin.id]
    assert api.get("/auth/me", token=person.token).status == 401
    assert api.post("/auth/login", json={"username": "leaver", "password": PASSWORD}).status == 401


def test_nobody_deletes_themselves(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    add_user(session, settings, "second-admin", role=ADMIN)
    before = contents(session)

    answer = api.delete(f"/auth/users/{admin.id}", token=admin.token)

    assert answer.status == 400
    assert contents(session) == before


def test_another_admin_can_be_deleted(api: Api, session: Session, settings: Settings, admin: Person) -> None:
    second = add_user(session, settings, "second-admin", role=ADMIN)

    assert api.delete(f"/auth/users/{second.id}", token=admin.token).status == 200


# Preferences


@pytest.mark.parametrize("body", [None, {}])
def test_preferences_are_made_with_the_defaults_on_first_use(
    api: Api, session: Session, viewer: Person, body: Any
) -> None:
    path = f"/auth/users/{viewer.id}/preferences"

    answer = api.get(path, token=viewer.token) if body is None else api.put(path, token=viewer.token, json=body)

    assert answer.status == 200
    assert answer.json.keys() == {"message", "preferences"}
    assert answer.json["preferences"] == NOTIFICATION_DEFAULTS
    assert list(session.scalars(select(UserNotificationPreferences.user_id))) == [viewer.id]
    assert api.get(path, token=viewer.token).json["preferences"] == NOTIFICATION_DEFAULTS


def test_preferences_change_in_part(api: Api, admin: Person, viewer: Person) -> None:
    path = f"/auth/users/{viewer.id}/preferences"

    answer = api.put(path, token=viewer.token, json={"daily_digest": True, "weekly_report": False, "unknown": "x"})

    assert answer.json["preferences"] == NOTIFICATION_DEFAULTS | {"daily_digest": True, "weekly_report": False}
    changed = api.put(path, token=admin.token, json={"weekly_report": True}).json["preferences"]
    assert changed == NOTIFICATION_DEFAULTS | {"daily_digest": True}
    assert api.get(path, token=viewer.token).json["preferences"] == changed


@pytest.mark.parametrize(
    "body", [{"daily_digest": 1}, {"daily_digest": "true"}, {"daily_digest": None, "weekly_report": False}, [], None]
)
def test_preferences_that_are_no_booleans_are_refused(api: Api, session: Session, viewer: Person, body: Any) -> None:
    before = contents(session)

    answer = api.put(f"/auth/users/{viewer.id}/preferences", token=viewer.token, json=body)

    assert answer.status == 400
    assert contents(session) == before


def test_preferences_asked_for_the_first_time_by_many_are_one(api: Api, session: Session, viewer: Person) -> None:
    def ask(number: int) -> int:
        if number % 3 == 0:
            return api.get(f"/auth/users/{viewer.id}/preferences", token=viewer.token).status
        if number % 3 == 1:
            return api.put(f"/auth/users/{viewer.id}/preferences", token=viewer.token, json={}).status
        columns = {"jobs_table_columns": {"pic_team": False}}
        return api.put(f"/auth/users/{viewer.id}/ui-preferences", token=viewer.token, json=columns).status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(ask, range(12)))

    assert statuses == [200] * 12
    assert len(session.scalars(select(UserNotificationPreferences)).all()) == 1
    assert len(session.scalars(select(UserUiPreferences)).all()) == 1


def test_columns_are_the_defaults_until_chosen(api: Api, viewer: Person) -> None:
    answer = api.get(f"/auth/users/{viewer.id}/ui-preferences", token=viewer.token)

    assert answer.status == 200
    assert answer.json == {"preferences": {"jobs_table_columns": COLUMN_DEFAULTS}}


def test_unknown_columns_are_dropped_and_missing_ones_reset(api: Api, admin: Person, viewer: Person) -> None:
    path = f"/auth/users/{viewer.id}/ui-preferences"

    first = api.put(path, token=viewer.token, json={"jobs_table_columns": {"target_url": True, "unknown": "x"}})
    second = api.put(path, token=admin.token, json={"jobs_table_columns": {"pic_team": False}})

    assert first.status == second.status == 200
    assert first.json == {"preferences": {"jobs_table_columns": COLUMN_DEFAULTS | {"target_url": True}}}
    assert second.json == {"preferences": {"jobs_table_columns": COLUMN_DEFAULTS | {"pic_team": False}}}
    assert api.get(path, token=viewer.token).json == second.json


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"jobs_table_columns": None},
        {"jobs_table_columns": []},
        {"jobs_table_columns": "pic_team"},
        {"jobs_table_columns": {"pic_team": 1}},
        {"jobs_table_columns": {"pic_team": None}},
        {"jobs_table_columns": {"pic_team": "false", "end_date": True}},
    ],
)
def test_columns_that_are_no_booleans_are_refused(api: Api, session: Session, viewer: Person, body: Any) -> None:
    before = contents(session)

    answer = api.put(f"/auth/users/{viewer.id}/ui-preferences", token=viewer.token, json=body)

    assert answer.status == 400
    assert contents(session) == before


@pytest.mark.parametrize("junk", [None, "", "no json", "[1]", "null", '{"pic_team": "no", "unknown": true}'])
def test_a_stored_choice_that_is_junk_reads_as_the_defaults(
    api: Api, session: Session, viewer: Person, junk: str | None
) -> None:
    session.add(UserUiPreferences(user_id=viewer.id, jobs_table_columns=junk))
    session.commit()
    path = f"/auth/users/{viewer.id}/ui-preferences"

    assert api.get(path, token=viewer.token).json == {"preferences": {"jobs_table_columns": COLUMN_DEFAULTS}}
    assert api.put(path, token=viewer.token, json={"jobs_table_columns": {}}).status == 200


def test_a_viewer_changes_their_own_preferences(api: Api, session: Session, settings: Settings) -> None:
    person = add_user(session, settings, "reader", role=VIEWER)

    answer = api.put(f"/auth/users/{person.id}/preferences", token=person.token, json={"daily_digest": True})

    assert answer.status == 200


def test_a_token_issued_at_the_very_instant_of_the_change_is_good(
    api: Api, session: Session, settings: Settings
) -> None:
    person = add_user(session, settings, "instant")
    user, now = session.get_one(User, person.id), clock.now()
    user.tokens_valid_from = clock.naive_utc(now)
    session.commit()

    before = tokens.issue(user, settings, "access", at=now - timedelta(microseconds=1))
    after = tokens.issue(user, settings, "access", at=now)

    assert api.get("/auth/me", token=before).status == 401
    assert api.get("/auth/me", token=after).status == 200
