"""Accounts on the two stacks: each takes the other's tokens, and knows what was changed on the other."""

from collections.abc import Callable
from typing import Any

import pytest

from cronjobs.testing.client import Answer, Api
from cronjobs.testing.worlds import PASSWORD, Person


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
