"""Notifications: one's own inbox, and what runs put into it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job, Notification, UserNotificationPreferences
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.jobs import create, day, store, wanted
from cronjobs.testing.statements import counted
from cronjobs.testing.targets import Target
from cronjobs.testing.worlds import Person
from crossfade import clock

NOON = clock.naive_utc(datetime(2026, 11, 21, 12, tzinfo=UTC))
"""Naive UTC, as stored."""


def note(session: Session, person: Person, title: str = "Hello", **columns: Any) -> Notification:
    """Stores a notification of somebody's."""
    fields = {"message": "Something happened.", "type": "info", "created_at": NOON} | columns
    stored = Notification(user_id=person.id, title=title, **fields)
    session.add(stored)
    session.commit()
    return stored


def titles(api: Api, person: Person, **query: Any) -> list[str]:
    """What an inbox shows."""
    answer = api.get("/notifications", token=person.token, **query)
    assert answer.status == 200, answer.text
    return [each["title"] for each in answer.json["notifications"]]


def test_an_inbox_shows_ones_own_newest_first(api: Api, session: Session, viewer: Person, admin: Person) -> None:
    stored = note(session, viewer, "first")
    note(session, viewer, "second", created_at=NOON + timedelta(minutes=1))
    note(session, admin, "somebody else's")

    answer = api.get("/notifications", token=viewer.token)

    assert answer.status == 200
    assert [each["title"] for each in answer.json["notifications"]] == ["second", "first"]
    assert answer.json["notifications"][1] == {
        "id": stored.id,
        "user_id": viewer.id,
        "title": "first",
        "message": "Something happened.",
        "type": "info",
        "related_job_id": None,
        "related_execution_id": None,
        "is_read": False,
        "read_at": None,
        "created_at": "2026-11-21T12:00:00.000Z",
    }
    rest = {key: value for key, value in answer.json.items() if key != "notifications"}
    page = {"total": 2, "page": 1, "per_page": 20, "total_pages": 1}
    assert rest == page | {"range": {"from": None, "to": None}}


def test_an_inbox_comes_in_pages(api: Api, session: Session, viewer: Person) -> None:
    for minute in range(3):
        note(session, viewer, str(minute), created_at=NOON + timedelta(minutes=minute))

    assert titles(api, viewer, page=2, per_page=2) == ["0"]
    answer = api.get("/notifications", token=viewer.token, page="0", per_page="junk")
    assert (answer.json["page"], answer.json["per_page"]) == (1, 20)
    assert api.get("/notifications", token=viewer.token, per_page=101).json["per_page"] == 100
    assert api.get("/notifications", token=viewer.token, per_page=2).json["total_pages"] == 2
    assert titles(api, viewer, page=9) == []


def test_an_inbox_can_be_narrowed(api: Api, session: Session, viewer: Person) -> None:
    note(session, viewer, "read", is_read=True, read_at=NOON)
    note(session, viewer, "unread")
    note(session, viewer, "tomorrow", created_at=NOON + timedelta(days=1))

    assert titles(api, viewer, unread_only="TRUE") == ["tomorrow", "unread"]
    assert set(titles(api, viewer, unread_only="no")) == {"tomorrow", "unread", "read"}
    assert set(titles(api, viewer, to="2026-11-21")) == {"unread", "read"}
    assert titles(api, viewer, **{"from": "2026-11-22"}) == ["tomorrow"]
    shown = api.get("/notifications", token=viewer.token, **{"from": "2026-11-21", "to": "2026-11-21"}).json["range"]
    assert shown == {"from": "2026-11-21T00:00:00.000Z", "to": "2026-11-22T00:00:00.000Z"}


def test_unread_notifications_are_counted(api: Api, session: Session, viewer: Person, admin: Person) -> None:
    note(session, viewer, is_read=True)
    note(session, viewer)
    note(session, viewer, created_at=NOON + timedelta(days=1))
    note(session, admin)

    answer = api.get("/notifications/unread-count", token=viewer.token)

    assert answer.status == 200
    assert answer.json == {"unread_count": 2, "range": {"from": None, "to": None}}
    assert api.get("/notifications/unread-count", token=viewer.token, to="2026-11-21").json["unread_count"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/notifications"), ("GET", "/notifications/unread-count"), ("DELETE", "/notifications/delete-read")],
)
def test_a_junk_date_is_refused(api: Api, session: Session, viewer: Person, method: str, path: str) -> None:
    note(session, viewer, is_read=True)

    junk = api.request(method, path, token=viewer.token, query={"from": "junk"})
    turned = api.request(method, path, token=viewer.token, query={"from": "2026-11-22", "to": "2026-11-21"})

    assert (junk.status, junk.json["error"]) == (400, "Invalid date")
    assert (turned.status, turned.json["error"]) == (400, "Invalid date range")
    assert titles(api, viewer) == ["Hello"]


def test_a_notification_is_marked_as_read_once(api: Api, session: Session, viewer: Person) -> None:
    stored = note(session, viewer)

    first = api.put(f"/notifications/{stored.id}/read", token=viewer.token)
    again = api.put(f"/notifications/{stored.id}/read", token=viewer.token)

    assert first.status == 200
    assert first.json["message"] == "Notification marked as read"
    assert first.json["notification"]["is_read"] is True
    assert first.json["notification"]["read_at"] is not None
    assert again.json == first.json


def test_all_are_marked_as_read(api: Api, session: Session, viewer: Person, admin: Person) -> None:
    note(session, viewer, "old", is_read=True, read_at=NOON)
    note(session, viewer)
    note(session, viewer)
    note(session, admin)

    answer = api.put("/notifications/read-all", token=viewer.token)

    assert answer.status == 200
    assert answer.json == {"message": "All notifications marked as read", "updated_count": 2}
    assert api.put("/notifications/read-all", token=viewer.token).json["updated_count"] == 0
    assert titles(api, viewer, unread_only="1") == []
    assert titles(api, admin, unread_only="1") == ["Hello"]
    session.rollback()
    assert session.scalar(select(Notification.read_at).where(Notification.title == "old")) == NOON


def test_a_notification_is_deleted(api: Api, session: Session, viewer: Person) -> None:
    stored = note(session, viewer)

    answer = api.delete(f"/notifications/{stored.id}", token=viewer.token)

    assert (answer.status, answer.json) == (200, {"message": "Notification deleted successfully"})
    assert titles(api, viewer) == []
    assert api.delete(f"/notifications/{stored.id}", token=viewer.token).status == 404


def test_those_that_were_read_are_deleted(api: Api, session: Session, viewer: Person, admin: Person) -> None:
    note(session, viewer, "read", is_read=True)
    note(session, viewer, "read tomorrow", is_read=True, created_at=NOON + timedelta(days=1))
    note(session, viewer, "unread")
    note(session, admin, "somebody else's", is_read=True)

    some = api.request("DELETE", "/notifications/delete-read", token=viewer.token, query={"to": "2026-11-21"})
    rest = api.delete("/notifications/delete-read", token=viewer.token)

    assert (some.status, some.json) == (200, {"deleted_count": 1})
    assert rest.json == {"deleted_count": 1}
    assert titles(api, viewer) == ["unread"]
    assert titles(api, admin) == ["somebody else's"]


def test_what_is_not_ones_own_does_not_exist(api: Api, session: Session, viewer: Person, admin: Person) -> None:
    stored = note(session, viewer)
    before = contents(session)

    for place in (stored.id, "nobody", "a%00b", "x" * 500):
        read = api.put(f"/notifications/{place}/read", token=admin.token)
        deleted = api.delete(f"/notifications/{place}", token=admin.token)
        assert (read.status, deleted.status) == (404, 404)
        assert read.json.keys() == {"error", "message"}

    assert contents(session) == before


def test_an_inbox_is_nobodys_who_is_not_signed_in(api: Api) -> None:
    for method, path in (
        ("GET", "/notifications"),
        ("GET", "/notifications/unread-count"),
        ("PUT", "/notifications/read-all"),
        ("PUT", "/notifications/x/read"),
        ("DELETE", "/notifications/x"),
        ("DELETE", "/notifications/delete-read"),
    ):
        assert api.request(method, path).status == 401


def test_a_page_of_an_inbox_costs_the_same_however_long_it_is(api: Api, session: Session, viewer: Person) -> None:
    note(session, viewer)
    with counted() as few:
        titles(api, viewer)
    for _ in range(10):
        note(session, viewer)
    with counted() as many:
        titles(api, viewer)

    assert len(few) == len(many)


def test_a_notification_outlives_its_job(
    api: Api, session: Session, settings: Settings, admin: Person, viewer: Person
) -> None:
    job = store(session, settings, created_by=admin.id)
    note(session, viewer, related_job_id=job.id)

    assert api.delete(f"/jobs/{job.id}", token=admin.token).status == 200

    (shown,) = api.get("/notifications", token=viewer.token).json["notifications"]
    assert shown["related_job_id"] is None


# What runs put into it


def test_the_creator_and_the_admins_are_told_of_a_run(
    api: Api, settings: Settings, editor: Person, admin: Person, viewer: Person, target: Target
) -> None:
    job = create(api, editor, wanted(settings, target_url=target.url))

    run = api.post(f"/jobs/{job['id']}/execute", token=editor.token)
    target.status = 500
    api.post(f"/jobs/{job['id']}/execute", token=editor.token)

    assert titles(api, viewer) == []
    for person in (editor, admin):
        assert sorted(titles(api, person)) == ["Job failed: Nightly report", "Job succeeded: Nightly report"]
    shown = api.get("/notifications", token=editor.token).json["notifications"]
    success = next(each for each in shown if each["type"] == "success")
    failure = next(each for each in shown if each["type"] == "error")
    assert (success["related_job_id"], success["related_execution_id"]) == (job["id"], run.json["execution_id"])
    assert failure["message"] == "The job Nightly report failed: The target answered 500."


def test_who_wants_no_browser_notifications_is_told_nothing_here(
    api: Api, session: Session, settings: Settings, editor: Person, admin: Person, target: Target
) -> None:
    session.add(UserNotificationPreferences(user_id=editor.id, browser_notifications=False))
    session.commit()
    job = create(api, editor, wanted(settings, target_url=target.url))

    api.post(f"/jobs/{job['id']}/execute", token=editor.token)

    assert titles(api, editor) == []
    assert titles(api, admin) == ["Job succeeded: Nightly report"]


def test_a_job_that_is_paused_because_it_has_ended_is_told(
    api: Api, session: Session, settings: Settings, editor: Person, admin: Person
) -> None:
    job = store(session, settings, created_by=editor.id, end_date=day(settings, -1))

    assert api.post(f"/jobs/{job.id}/execute", token=editor.token).status == 400

    for person in (editor, admin):
        assert titles(api, person) == ["Job paused: Stored"]
    session.rollback()
    assert session.scalar(select(Job.is_active).where(Job.id == job.id)) is False
