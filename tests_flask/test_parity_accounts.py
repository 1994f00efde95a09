"""Accounts on the two stacks: the same questions get the same answers, and each takes the other's tokens."""

from collections.abc import Callable
from typing import Any

import pytest

from cronjobs.testing.client import UNSENT, Answer, Api
from cronjobs.testing.parity.normal import Normal
from cronjobs.testing.worlds import PASSWORD, Person, World

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NEW = {"username": "New-One", "email": "New@CronJobs.test", "password": "a new secret"}

# Method, path, who asks, body. {editor} in a path is that person's id, {new} the id of who was registered last.
Step = tuple[str, str, str | None, Any]
SIGNING_IN: list[Step] = [
    ("POST", "/auth/login", None, {"username": "editor", "password": PASSWORD}),
    ("POST", "/auth/login", None, {"email": "EDITOR@cronjobs.test", "password": PASSWORD}),
    ("POST", "/auth/login", None, {"username": "editor", "password": "wrong"}),
    ("POST", "/auth/login", None, {"username": "nobody", "password": "wrong"}),
    ("POST", "/auth/login", None, {}),
    ("POST", "/auth/login", None, {"username": 1, "email": [], "password": None}),
    ("POST", "/auth/login", None, []),
    ("POST", "/auth/login", None, b"{"),
    ("POST", "/auth/login", None, UNSENT),
    ("POST", "/auth/login/", None, {"username": "editor", "password": PASSWORD}),
    ("POST", "/auth/login/form", None, b"username=editor&password=correct+horse"),
    ("POST", "/auth/login/form", None, b"username=editor&password=wrong"),
    ("POST", "/auth/login/form", None, b"username=editor"),
    ("POST", "/auth/login/form", None, b"username=editor&username=x&password=%zz"),
    ("POST", "/auth/login/form", None, UNSENT),
    ("GET", "/auth/login", None, UNSENT),
    ("PUT", "/auth/login/form", None, UNSENT),
    ("GET", "/auth/nothing", None, UNSENT),
    ("POST", "/auth/refresh", None, UNSENT),
    ("POST", "/auth/refresh", "editor", UNSENT),
    ("GET", "/auth/verify", None, UNSENT),
    ("GET", "/auth/verify", "viewer", UNSENT),
    ("GET", "/auth/me", None, UNSENT),
    ("GET", "/auth/me", "viewer", UNSENT),
    ("HEAD", "/auth/me", "viewer", UNSENT),
    ("POST", "/auth/logout", None, UNSENT),
    ("POST", "/auth/logout", "viewer", UNSENT),
    ("POST", "/auth/logout", "viewer", UNSENT),
    ("GET", "/auth/me", "viewer", UNSENT),
]
USERS: list[Step] = [
    ("POST", "/auth/register", None, NEW),
    ("POST", "/auth/register", "editor", NEW),
    ("POST", "/auth/register", "admin", {}),
    ("POST", "/auth/register", "admin", UNSENT),
    ("POST", "/auth/register", "admin", {"username": "a b", "email": "x", "password": "12345", "role": "x"}),
    ("POST", "/auth/register", "admin", {"username": 1, "email": 2, "password": 3, "is_active": "yes"}),
    ("POST", "/auth/register", "admin", NEW | {"username": "nul\x00"}),
    ("POST", "/auth/register", "admin", NEW),
    ("POST", "/auth/register", "admin", NEW),
    ("POST", "/auth/register", "admin", NEW | {"username": "Another"}),
    ("POST", "/auth/login", None, {"username": "New-One", "password": "a new secret"}),
    ("GET", "/auth/users", "admin", UNSENT),
    ("GET", "/auth/users/", "admin", UNSENT),
    ("GET", "/auth/users", "viewer", UNSENT),
    ("GET", "/auth/users/{new}", "admin", UNSENT),
    ("GET", "/auth/users/{new}", "editor", UNSENT),
    ("GET", "/auth/users/{editor}", "editor", UNSENT),
    ("GET", "/auth/users/nobody", "admin", UNSENT),
    ("GET", "/auth/users/%00", "admin", UNSENT),
    ("GET", "/auth/users/a%2Fb", "admin", UNSENT),
    ("PUT", "/auth/users/{new}", "admin", {}),
    ("PUT", "/auth/users/{new}", "admin", UNSENT),
    ("PUT", "/auth/users/{new}", "admin", {"email": None, "password": 1, "role": "x", "is_active": 0}),
    ("PUT", "/auth/users/{new}", "admin", {"email": "editor@cronjobs.test"}),
    ("PUT", "/auth/users/{new}", "admin", {"email": "Else@CronJobs.test", "role": "user", "is_active": False}),
    ("PUT", "/auth/users/{new}", "editor", {"email": "x@cronjobs.test"}),
    ("PUT", "/auth/users/nobody", "admin", {"role": "user"}),
    ("POST", "/auth/login", None, {"username": "New-One", "password": "a new secret"}),
    ("PUT", "/auth/users/{editor}", "editor", {"role": "admin"}),
    ("PUT", "/auth/users/{editor}", "editor", {"password": "another one"}),
    ("GET", "/auth/me", "editor", UNSENT),
    ("PUT", "/auth/users/{admin}", "admin", {"role": "user"}),
    ("DELETE", "/auth/users/{admin}", "admin", UNSENT),
    ("DELETE", "/auth/users/{new}", "viewer", UNSENT),
    ("DELETE", "/auth/users/{new}", "admin", UNSENT),
    ("DELETE", "/auth/users/{new}", "admin", UNSENT),
    ("PATCH", "/auth/users/{editor}", "admin", {}),
    ("POST", "/auth/users", "admin", {}),
]
PREFERENCES: list[Step] = [
    ("GET", "/auth/users/{viewer}/preferences", None, UNSENT),
    ("GET", "/auth/users/{viewer}/preferences", "editor", UNSENT),
    ("GET", "/auth/users/{viewer}/preferences", "viewer", UNSENT),
    ("PUT", "/auth/users/{viewer}/preferences", "viewer", {"daily_digest": True, "unknown": 1}),
    ("PUT", "/auth/users/{viewer}/preferences", "viewer", {"daily_digest": "yes", "weekly_report": None}),
    ("PUT", "/auth/users/{viewer}/preferences", "viewer", {}),
    ("PUT", "/auth/users/{viewer}/preferences", "viewer", UNSENT),
    ("GET", "/auth/users/nobody/preferences", "admin", UNSENT),
    ("GET", "/auth/users/{viewer}/ui-preferences", "viewer", UNSENT),
    ("PUT", "/auth/users/{viewer}/ui-preferences", "admin", {"jobs_table_columns": {"target_url": True, "x": 1}}),
    ("PUT", "/auth/users/{viewer}/ui-preferences", "viewer", {"jobs_table_columns": {"pic_team": 1}}),
    ("PUT", "/auth/users/{viewer}/ui-preferences", "viewer", {"jobs_table_columns": 1}),
    ("PUT", "/auth/users/{viewer}/ui-preferences", "viewer", {}),
    ("PUT", "/auth/users/{viewer}/ui-preferences", "editor", {}),
    ("GET", "/auth/users/{viewer}/ui-preferences", "viewer", UNSENT),
    ("GET", "/auth/users/nobody/ui-preferences", "admin", UNSENT),
]


def play(api: Api, steps: list[Step], people: dict[str, Person]) -> list[Any]:
    """The answers to the steps, one after another, without what must differ."""
    normal, ids, answers = Normal(), {name: person.id for name, person in people.items()}, []
    for method, path, who, body in steps:
        token = people[who].token if who else None
        if isinstance(body, bytes):
            answer = api.request(method, path, token=token, raw=body, headers=FORM)
        else:
            answer = api.request(method, path.format(**ids), token=token, json_body=body)
        if answer.status == 201:
            ids["new"] = answer.json["user"]["id"]
        answers.append((method, path, who, *normal.answer(answer), answer.headers.get("WWW-Authenticate")))
    return answers


@pytest.mark.parametrize("steps", [SIGNING_IN, USERS, PREFERENCES], ids=["signing-in", "users", "preferences"])
def test_the_same_requests_get_the_same_answers(api: Api, twin: Api, world: World, steps: list[Step]) -> None:
    flask = play(api, steps, world.people)
    world.restore()
    fastapi = play(twin, steps, world.people)

    assert flask == fastapi


@pytest.fixture(params=["from Flask to FastAPI", "from FastAPI to Flask"])
def there_and_here(request: pytest.FixtureRequest, api: Api, twin: Api) -> tuple[Api, Api]:
    return (api, twin) if request.param == "from Flask to FastAPI" else (twin, api)


@pytest.fixture
def sign_in() -> Callable[..., Any]:
    def signed_in(api: Api, person: Person, password: str = PASSWORD) -> Any:
        answer: Answer = api.post("/auth/login", json={"username": person.username, "password": password})
        assert answer.status == 200
        return answer.json

    return signed_in


def test_a_token_of_either_stack_is_good_on_the_other(
    there_and_here: tuple[Api, Api], editor: Person, sign_in: Callable[..., Any]
) -> None:
    there, here = there_and_here
    issued = sign_in(there, editor)

    assert here.get("/auth/me", token=issued["access_token"]).json == issued["user"]
    refreshed = here.post("/auth/refresh", token=issued["refresh_token"])
    assert refreshed.status == 200
    assert there.get("/auth/verify", token=refreshed.json["access_token"]).json["user_id"] == editor.id


def test_a_logout_on_either_stack_counts_on_the_other(
    there_and_here: tuple[Api, Api], editor: Person, sign_in: Callable[..., Any]
) -> None:
    there, here = there_and_here
    token = sign_in(there, editor)["access_token"]

    assert here.post("/auth/logout", token=token).status == 200

    assert there.get("/auth/me", token=token).status == 401


def test_a_password_changed_on_either_stack_ends_the_others_tokens(
    there_and_here: tuple[Api, Api], editor: Person, sign_in: Callable[..., Any]
) -> None:
    there, here = there_and_here
    issued = sign_in(there, editor)

    here.put(f"/auth/users/{editor.id}", token=issued["access_token"], json={"password": "another one"})

    assert there.get("/auth/me", token=issued["access_token"]).status == 401
    assert there.post("/auth/refresh", token=issued["refresh_token"]).status == 401
    again = sign_in(here, editor, "another one")
    assert there.get("/auth/me", token=again["access_token"]).status == 200


def test_a_user_deactivated_on_either_stack_is_out_of_the_other_at_once(
    there_and_here: tuple[Api, Api], admin: Person, editor: Person
) -> None:
    there, here = there_and_here
    assert there.get("/auth/me", token=editor.token).status == 200

    assert here.put(f"/auth/users/{editor.id}", token=admin.token, json={"is_active": False}).status == 200

    assert there.get("/auth/me", token=editor.token).status == 401
