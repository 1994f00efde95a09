"""While writes are frozen, every change is answered 503 with Retry-After, and everything else as ever."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from sqlalchemy.orm import Session

from cronjobs.models import JobExecution, LoginAttempts, UserNotificationPreferences, metadata
from cronjobs.services import triggers
from cronjobs.settings import Settings
from cronjobs.testing import everything
from cronjobs.testing.client import Answer, Api
from cronjobs.testing.contents import contents
from cronjobs.testing.everything import Everything
from cronjobs.testing.jobs import create, wanted
from cronjobs.testing.people import LEGACY_HASH, LEGACY_PASSWORD, add_user, form, sign_in, signed_in, stored
from cronjobs.testing.targets import Target
from cronjobs.testing.uploads import upload
from cronjobs.testing.worlds import PASSWORD, Person, World
from crossfade import fence
from crossfade.router import Router

REFUSED = {
    "error": "Writes frozen",
    "message": "Writes are frozen for the moment, reading goes on. Nothing was changed. Try again soon.",
}
UNWRITTEN = ("/auth/login", "/auth/login/form", "/jobs/test-run", "/jobs/validate-cron", "/jobs/cron-preview")
"""What takes a body and changes nothing that a freeze is about."""
READ = [
    "/auth/verify",
    "/auth/me",
    "/auth/users",
    "/auth/users/{user_id}",
    "/auth/users/{user_id}/preferences",
    "/auth/users/{user_id}/ui-preferences",
    "/jobs",
    "/jobs?page=1",
    "/jobs/{job_id}",
    "/jobs/{job_id}/executions",
    "/jobs/{job_id}/executions/{execution_id}",
    "/jobs/{job_id}/executions/stats",
    "/executions",
    "/executions/{execution_id}",
    "/executions/statistics",
    "/notifications",
    "/notifications/unread-count",
    "/job-categories",
    "/pic-teams",
    "/settings/slack",
    "/scheduler/status",
    "/audit",
    "/health",
]

MOVING = ("/health", "/scheduler/status")
"""What says something else each time."""


@pytest.fixture
def thaw(router: Router, session: Session) -> Callable[[], object]:
    """Thaws the database of the stacks."""

    def thawed() -> None:
        # What is left of a freeze can't be cleared away while somebody reads.
        session.rollback()
        fence.thaw(router.engine("flask"))

    return thawed


@pytest.fixture
def freeze(router: Router, thaw: Callable[[], object]) -> Generator[Callable[[], object]]:
    """Freezes it; it is thawed after the test."""
    yield lambda: fence.freeze(router.engine("flask"), fence.fenced(metadata), reason="a test")
    thaw()


@pytest.fixture
def stocked(session: Session, settings: Settings, world: World, target: Target) -> Everything:
    """One of everything."""
    return everything.arrange(session, settings, world.people, target.url)


@contextmanager
def while_running(target: Target, freeze: Callable[[], object]) -> Generator[None]:
    """A run within the block is begun before the freeze, and ends after it."""
    target.may_answer.clear()

    def meet() -> None:
        target.was_asked.wait(30)
        freeze()
        target.may_answer.set()

    meeting = threading.Thread(target=meet)
    meeting.start()
    yield
    meeting.join()


def assert_refused(answer: Answer) -> None:
    assert answer.status == 503, answer.text
    assert answer.json == REFUSED
    assert int(answer.headers["Retry-After"]) > 0


def test_every_change_is_refused_alike_and_leaves_no_trace(
    api: Api,
    session: Session,
    settings: Settings,
    stocked: Everything,
    admin: Person,
    target: Target,
    freeze: Callable[[], object],
) -> None:
    before = contents(session)
    freeze()

    for label, body in everything.bodies(settings, stocked.people["editor"], target.url).items():
        method, path = label.split()
        if path not in (*UNWRITTEN, "/jobs/bulk-upload"):
            assert_refused(api.request(method, path.format(**stocked.ids), token=admin.token, json_body=body))
    for path in ("/jobs/{job_id}", "/auth/users/{user_id}", "/job-categories/{category_id}", "/pic-teams/{team_id}"):
        assert_refused(api.delete(path.format(**stocked.ids), token=admin.token))
    editor = stocked.people["editor"]
    assert_refused(api.put(f"/notifications/{stocked.ids['notification_id']}/read", token=editor.token))
    assert_refused(api.put("/notifications/read-all", token=editor.token))
    assert_refused(api.delete(f"/notifications/{stocked.ids['notification_id']}", token=editor.token))
    assert_refused(api.delete("/notifications/delete-read", token=editor.token))
    assert_refused(api.post("/auth/logout", token=admin.token))
    assert_refused(upload(api, admin, everything.FILE.format(day=wanted(settings)["end_date"])))
    assert contents(session) == before
    assert target.asked == []


def test_reading_goes_on(api: Api, stocked: Everything, admin: Person, freeze: Callable[[], object]) -> None:
    open_answers = [api.get(path.format(**stocked.ids), token=admin.token) for path in READ]
    freeze()

    for path, before in zip(READ, open_answers, strict=True):
        answer = api.get(path.format(**stocked.ids), token=admin.token)
        assert answer.status == 200, (path, answer.text)
        if path not in MOVING:
            assert answer.json == before.json


def test_what_is_only_asked_is_answered(
    api: Api, settings: Settings, stocked: Everything, admin: Person, target: Target, freeze: Callable[[], object]
) -> None:
    bodies = everything.bodies(settings, stocked.people["editor"], target.url)
    freeze()

    for path in ("/jobs/test-run", "/jobs/validate-cron", "/jobs/cron-preview"):
        assert api.post(path, token=admin.token, json=bodies[f"POST {path}"]).status == 200


def test_a_request_that_is_wrong_anyway_is_told_so(
    api: Api, viewer: Person, editor: Person, freeze: Callable[[], object]
) -> None:
    freeze()

    assert api.post("/jobs", json={}).status == 401
    assert api.post("/jobs", token=viewer.token, json={}).status == 403
    assert api.post("/jobs", token=editor.token, json={}).status == 400
    assert api.put("/jobs/none", token=editor.token, json={"name": "x"}).status == 404


def test_health_says_so_and_stays_healthy(api: Api, freeze: Callable[[], object], thaw: Callable[[], object]) -> None:
    freeze()
    answer = api.get("/health")

    assert (answer.status, answer.json["status"]) == (200, "healthy")
    assert answer.json["database"]["frozen"] is True
    thaw()
    assert api.get("/health").json["database"]["frozen"] is False


def test_people_sign_in_and_stay_signed_in(api: Api, editor: Person, freeze: Callable[[], object]) -> None:
    freeze()
    tokens = signed_in(api, editor.email)

    assert form(api, username=editor.username, password=PASSWORD).status == 200
    assert api.get("/auth/me", token=tokens["access_token"]).status == 200
    assert api.post("/auth/refresh", token=tokens["refresh_token"]).status == 200


def test_a_wrong_password_is_refused_and_counted_as_ever(
    api: Api, session: Session, editor: Person, freeze: Callable[[], object]
) -> None:
    freeze()

    assert sign_in(api, editor.email, "not it").status == 401
    assert [row.failures for row in session.query(LoginAttempts)] == [1, 1]
    assert sign_in(api, editor.email).status == 200


def test_an_old_hash_signs_in_and_is_replaced_later(
    api: Api, session: Session, settings: Settings, freeze: Callable[[], object], thaw: Callable[[], object]
) -> None:
    person = add_user(session, settings, "oldie", password_hash=LEGACY_HASH)
    freeze()

    signed_in(api, person.username, LEGACY_PASSWORD)
    assert stored(session, person.id).password_hash == LEGACY_HASH
    thaw()
    signed_in(api, person.username, LEGACY_PASSWORD)
    assert stored(session, person.id).password_hash.startswith("$argon2id$")


def test_preferences_that_nobody_has_yet_are_the_defaults(
    api: Api, session: Session, editor: Person, freeze: Callable[[], object], thaw: Callable[[], object]
) -> None:
    path = f"/auth/users/{editor.id}/preferences"
    freeze()
    frozen = api.get(path, token=editor.token)

    assert frozen.status == 200
    assert session.query(UserNotificationPreferences).count() == 0
    session.rollback()
    thaw()
    assert api.get(path, token=editor.token).json == frozen.json


def test_after_a_thaw_everything_is_as_before(
    api: Api, settings: Settings, editor: Person, freeze: Callable[[], object], thaw: Callable[[], object]
) -> None:
    freeze()
    assert_refused(api.post("/jobs", token=editor.token, json=wanted(settings)))
    thaw()

    assert api.post("/jobs", token=editor.token, json=wanted(settings)).status == 201


def test_a_run_that_a_freeze_meets_is_written_down_after_it(
    api: Api,
    session: Session,
    settings: Settings,
    editor: Person,
    target: Target,
    freeze: Callable[[], object],
    thaw: Callable[[], object],
) -> None:
    job = create(api, editor, wanted(settings, target_url=target.url))

    with while_running(target, freeze):
        thawing = threading.Timer(1.5, thaw)
        thawing.start()
        answer = api.post(f"/jobs/{job['id']}/execute", token=editor.token)
        thawing.join()

    assert (answer.status, answer.json["status"]) == (200, "success")
    session.rollback()
    assert session.get_one(JobExecution, answer.json["execution_id"]).status == "success"


def test_of_a_run_that_a_freeze_outlasts_it_is_said_that_it_is_running(
    api: Api,
    session: Session,
    settings: Settings,
    editor: Person,
    target: Target,
    freeze: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(triggers, "PAUSES", (0.01, 0.01))
    job = create(api, editor, wanted(settings, target_url=target.url))

    with while_running(target, freeze):
        answer = api.post(f"/jobs/{job['id']}/execute", token=editor.token)

    assert (answer.status, answer.json["status"]) == (200, "running")
    session.rollback()
    assert session.get_one(JobExecution, answer.json["execution_id"]).status == "running"
