"""Users: who may see and change them, what a change ends, and that an admin always stays."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cronjobs.models import Job, Notification, User, UserNotificationPreferences, UserUiPreferences
from cronjobs.models.users import ADMIN
from cronjobs.services import tokens
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.people import USER_KEYS, add_user, signed_in, stored
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock


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
    assert signed_in(api, "elsewhere@cronjobs.test", "another one")["user"]["id"] == viewer.id
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
    refresh_token = signed_in(api, "changer")["refresh_token"]

    assert api.put(f"/auth/users/{person.id}", token=person.token, json={"password": "another one"}).status == 200
    again = signed_in(api, "changer", "another one")

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
    assert api.get("/auth/me", token=signed_in(api, "paused")["access_token"]).status == 200


def test_other_changes_leave_the_tokens_alone(api: Api, admin: Person, viewer: Person) -> None:
    body = {"email": "elsewhere@cronjobs.test", "role": "user", "is_active": True}

    assert api.put(f"/auth/users/{viewer.id}", token=admin.token, json=body).status == 200

    assert api.get("/auth/me", token=viewer.token).json["role"] == "user"


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
