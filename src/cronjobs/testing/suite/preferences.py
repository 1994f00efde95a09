"""What users want to be told and shown: defaults until they choose, and their own affair."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import UserNotificationPreferences, UserUiPreferences
from cronjobs.models.users import VIEWER
from cronjobs.settings import Settings
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.people import add_user
from cronjobs.testing.worlds import Person

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
