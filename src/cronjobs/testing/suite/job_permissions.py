"""Who may change which job: nobody without a token, no viewer, and but for admins only its owner."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import store, wanted
from cronjobs.testing.worlds import Person


def test_viewers_change_nothing(api: Api, session: Session, settings: Settings, viewer: Person) -> None:
    job = store(session, settings, created_by=viewer.id)
    before = contents(session)

    for answer in (
        api.post("/jobs", token=viewer.token, json=wanted(settings)),
        api.put(f"/jobs/{job.id}", token=viewer.token, json={"name": "x"}),
        api.delete(f"/jobs/{job.id}", token=viewer.token),
        api.post(f"/jobs/{job.id}/execute", token=viewer.token),
        api.post("/jobs/test-run", token=viewer.token, json={"target_url": "https://example.com/"}),
    ):
        assert answer.status == 403
        assert answer.json["error"] == "Forbidden"
    assert contents(session) == before


@pytest.mark.parametrize("owner", ["editor", "nobody"])
def test_another_user_changes_nothing(
    api: Api, session: Session, settings: Settings, editor: Person, other: Person, owner: str
) -> None:
    job = store(session, settings, created_by=editor.id if owner == "editor" else None)
    before = contents(session)

    for answer in (
        api.put(f"/jobs/{job.id}", token=other.token, json={"name": "x"}),
        api.delete(f"/jobs/{job.id}", token=other.token),
        api.post(f"/jobs/{job.id}/execute", token=other.token),
    ):
        assert answer.status == 403
    assert contents(session) == before
    assert api.get(f"/jobs/{job.id}", token=other.token).status == 200


@pytest.mark.parametrize("act", ["change", "delete"])
def test_an_admin_changes_anybodys_job(
    api: Api, session: Session, settings: Settings, admin: Person, editor: Person, act: str
) -> None:
    job = store(session, settings, created_by=editor.id)

    if act == "change":
        answer = api.put(f"/jobs/{job.id}", token=admin.token, json={"name": "x"})
        assert answer.json["job"]["created_by"] == editor.id
    else:
        answer = api.delete(f"/jobs/{job.id}", token=admin.token)

    assert answer.status == 200


def test_nothing_is_shown_or_changed_without_a_token(api: Api, session: Session, settings: Settings) -> None:
    job = store(session, settings)
    before = contents(session)
    requests: list[Callable[[], Any]] = [
        lambda: api.get("/jobs"),
        lambda: api.get(f"/jobs/{job.id}"),
        lambda: api.post("/jobs", json=wanted(settings)),
        lambda: api.put(f"/jobs/{job.id}", json={"name": "x"}),
        lambda: api.delete(f"/jobs/{job.id}"),
        lambda: api.post(f"/jobs/{job.id}/execute"),
        lambda: api.post("/jobs/test-run", json={"target_url": "https://example.com/"}),
        lambda: api.post("/jobs/validate-cron", json={"expression": "* * * * *"}),
        lambda: api.post("/jobs/cron-preview", json={"expression": "* * * * *"}),
    ]

    assert [send().status for send in requests] == [401] * len(requests)
    assert contents(session) == before


def test_the_role_is_asked_before_the_body_and_the_body_before_the_job(
    api: Api, viewer: Person, editor: Person
) -> None:
    assert api.request("PUT", "/jobs/nobody", token=viewer.token, raw=b"{").status == 403
    assert api.request("PUT", "/jobs/nobody", token=editor.token, raw=b"{").status == 400
    assert api.put("/jobs/nobody", token=editor.token, json={}).status == 404
