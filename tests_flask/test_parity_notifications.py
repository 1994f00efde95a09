"""Inboxes on the two stacks: reads are equal to the letter, writes but for ids and instants."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from cronjobs.models import Notification
from cronjobs.testing.client import Api
from cronjobs.testing.parity.normal import Normal
from cronjobs.testing.worlds import Person, World
from crossfade import clock

NOON = clock.naive_utc(datetime(2026, 11, 21, 12, tzinfo=UTC))

READS = [
    "/notifications",
    "/notifications/",
    "/notifications?page=2&per_page=2",
    "/notifications?page=0&per_page=junk",
    "/notifications?page=99999999999999999999&per_page=101",
    "/notifications?per_page=1&per_page=2",
    "/notifications?unread_only=yes",
    "/notifications?unread_only=perhaps",
    "/notifications?from=2026-11-21&to=2026-11-21",
    "/notifications?from=2026-11-21T21:00:00%2B09:00",
    "/notifications?from=2026-11-21T21:00:00+09:00",
    "/notifications?from=junk",
    "/notifications?from=2026-11-22&to=2026-11-21",
    "/notifications?to=9999-12-31",
    "/notifications/unread-count",
    "/notifications/unread-count?to=2026-11-21T12:00:00Z",
    "/notifications/unread-count?from=%00",
    "/notifications/nobody",
    "/notifications/%00",
    "/notifications/a/b",
]
# {read}, {unread} are the viewer's, {other} is somebody else's.
WRITES = [
    ("PUT", "/notifications/{unread}/read"),
    ("PUT", "/notifications/{read}/read"),
    ("PUT", "/notifications/{other}/read"),
    ("PUT", "/notifications/nobody/read/"),
    ("PUT", "/notifications/%00/read"),
    ("PUT", "/notifications/read-all"),
    ("PUT", "/notifications/read-all/"),
    ("POST", "/notifications/read-all"),
    ("POST", "/notifications"),
    ("DELETE", "/notifications"),
    ("DELETE", "/notifications/{read}"),
    ("DELETE", "/notifications/{other}"),
    ("DELETE", "/notifications/nobody"),
    ("DELETE", "/notifications/delete-read"),
    ("DELETE", "/notifications/delete-read?to=2026-11-21"),
    ("DELETE", "/notifications/delete-read?from=junk"),
    ("DELETE", "/notifications/read-all"),
    ("PATCH", "/notifications/{unread}/read"),
]


def arrange(session: Session, viewer: Person, admin: Person) -> dict[str, str]:
    """Some notifications, by the names that paths know them by."""
    rows = {
        "read": Notification(user_id=viewer.id, title="読", message="<b>", type="error", is_read=True, read_at=NOON),
        "unread": Notification(user_id=viewer.id, title="unread", message="m", type="success"),
        "third": Notification(user_id=viewer.id, title="third", message="m\n\u2028", type="odd"),
        "other": Notification(user_id=admin.id, title="other", message="m", type="info"),
    }
    for minute, row in enumerate(rows.values()):
        row.created_at = NOON + timedelta(minutes=minute, microseconds=999_999)
    session.add_all(rows.values())
    session.commit()
    return {name: row.id for name, row in rows.items()}


def test_reads_are_equal_to_the_letter(api: Api, twin: Api, session: Session, viewer: Person, admin: Person) -> None:
    arrange(session, viewer, admin)

    for path in READS:
        for token in (viewer.token, None, "junk"):
            one, other = api.request("GET", path, token=token), twin.request("GET", path, token=token)
            assert (one.status, one.raw) == (other.status, other.raw), path


@pytest.mark.parametrize("token", ["viewer", "admin", None])
def test_writes_are_equal(world: World, api: Api, twin: Api, session: Session, token: str | None) -> None:
    people = world.people
    for method, path in WRITES:
        answers = []
        for stack in (api, twin):
            session.rollback()
            world.restore()
            ids = arrange(session, people["viewer"], people["admin"])
            sent = path.format(**ids) if "{" in path else path
            answer = stack.request(method, sent, token=None if token is None else people[token].token)
            inbox = stack.get("/notifications", token=people["viewer"].token)
            normal = Normal()
            answers.append((normal.answer(answer), normal.answer(inbox)))
        assert answers[0] == answers[1], (method, path)
