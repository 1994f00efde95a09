"""Slack settings: admins keep one row of them, and nobody is shown the webhook's address."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cronjobs.models import SlackSettings, User
from cronjobs.services import slack
from cronjobs.testing.client import Api
from cronjobs.testing.contents import contents
from cronjobs.testing.worlds import Person
from crossfade import clock
from crossfade.database.sessions import begin_write
from crossfade.router import Router

PATH = "/settings/slack"
WEBHOOK = "https://hooks.slack.com/services/T0/B0/not-to-be-seen"
SHOWN = "https://hooks.slack.com/***"
KEYS = {"id", "is_enabled", "webhook_url", "channel", "created_at", "updated_at"}


def put(api: Api, admin: Person, **fields: Any) -> Any:
    answer = api.put(PATH, token=admin.token, json=fields)
    assert answer.status == 200, answer.text
    assert answer.json.keys() == {"message", "slack_settings"}
    assert answer.json["message"] == "Slack settings updated"
    return answer.json["slack_settings"]


def stored(session: Session) -> SlackSettings:
    session.rollback()
    return session.scalars(select(SlackSettings).execution_options(populate_existing=True)).one()


def test_before_anybody_sets_them_they_are_off(api: Api, session: Session, admin: Person) -> None:
    before = contents(session)

    answer = api.get(PATH, token=admin.token)

    assert answer.status == 200
    assert answer.json == {"slack_settings": dict.fromkeys(KEYS) | {"is_enabled": False}}
    assert contents(session) == before


def test_the_address_is_kept_and_shown_masked(api: Api, session: Session, admin: Person) -> None:
    changed = put(api, admin, is_enabled=True, webhook_url=f" {WEBHOOK} ", channel="  #ops ")
    read = api.get(PATH, token=admin.token)

    assert changed.keys() == KEYS
    assert (changed["is_enabled"], changed["webhook_url"], changed["channel"]) == (True, SHOWN, "#ops")
    assert read.json == {"slack_settings": changed}
    assert "not-to-be-seen" not in read.text
    assert stored(session).webhook_url == WEBHOOK


def test_what_is_not_mentioned_stays_and_a_masked_address_sent_back_too(
    api: Api, session: Session, admin: Person
) -> None:
    first = put(api, admin, is_enabled=True, webhook_url=WEBHOOK, channel="#ops")

    assert put(api, admin) == first
    assert put(api, admin, **{name: first[name] for name in ("is_enabled", "webhook_url", "channel")}) == first
    assert put(api, admin, channel=" ")["channel"] is None
    assert stored(session).webhook_url == WEBHOOK
    assert put(api, admin, is_enabled=False)["webhook_url"] == SHOWN
    assert put(api, admin, webhook_url="https://slack.example:8443/x?y")["webhook_url"] == (
        "https://slack.example:8443/***"
    )
    assert put(api, admin, webhook_url="")["webhook_url"] is None
    assert put(api, admin, webhook_url=None, channel=None)["channel"] is None
    assert stored(session).id == first["id"]


def test_what_can_not_be_is_refused(api: Api, session: Session, admin: Person) -> None:
    put(api, admin, webhook_url="https://hooks.slack.com/services/first")
    before = contents(session)
    addresses = [
        "http://hooks.slack.com/services/not-to-be-seen",
        "ftp://hooks.slack.com/not-to-be-seen",
        "not-to-be-seen",
        "https://",
        "https://user:not-to-be-seen@hooks.slack.com/",
        "https://hooks.slack.com/not to-be-seen",
        "https://hooks.example.com/***",
        "https://hooks.slack.com/" + "x" * 2000,
        1,
    ]

    answers = [api.put(PATH, token=admin.token, json={"channel": "#x", "webhook_url": each}) for each in addresses]
    answers += [
        api.put(PATH, token=admin.token, json={"channel": "#x"} | body)
        for body in ({"is_enabled": None}, {"is_enabled": 1}, {"channel": 1}, {"channel": "x" * 256})
    ]
    answers += [api.put(PATH, token=admin.token, json=[]), api.put(PATH, token=admin.token)]

    assert [answer.status for answer in answers] == [400] * len(answers)
    assert all("not-to-be-seen" not in answer.text for answer in answers)
    assert contents(session) == before


def test_it_is_not_enabled_without_an_address(api: Api, session: Session, admin: Person) -> None:
    before = contents(session)

    answers = [
        api.put(PATH, token=admin.token, json=body)
        for body in ({"is_enabled": True}, {"is_enabled": True, "webhook_url": " "})
    ]

    assert [answer.status for answer in answers] == [400, 400]
    assert contents(session) == before
    put(api, admin, is_enabled=True, webhook_url=WEBHOOK)
    assert api.put(PATH, token=admin.token, json={"webhook_url": None}).status == 400
    assert stored(session).webhook_url == WEBHOOK


@pytest.mark.parametrize("who", ["editor", "viewer", None])
def test_only_admins_see_and_change_them(
    api: Api, session: Session, who: str | None, request: pytest.FixtureRequest
) -> None:
    token = request.getfixturevalue(who).token if who else None
    before = contents(session)

    answers = [api.get(PATH, token=token), api.put(PATH, token=token, json={"is_enabled": 1})]

    assert [answer.status for answer in answers] == [403 if who else 401] * 2
    assert contents(session) == before


def test_of_several_rows_the_oldest_counts(api: Api, session: Session, admin: Person) -> None:
    now = clock.naive_utc()
    session.add(SlackSettings(channel="#newer", created_at=now))
    session.add(
        SlackSettings(channel="#older", created_at=now - timedelta(days=1), webhook_url="junk [", is_enabled=True)
    )
    session.commit()

    shown = api.get(PATH, token=admin.token).json["slack_settings"]

    assert (shown["channel"], shown["webhook_url"]) == ("#older", "***")
    assert put(api, admin, channel="#changed")["id"] == shown["id"]


def test_many_at_once_make_one_row(router: Router, session: Session, admin: Person) -> None:
    who = session.get_one(User, admin.id)
    session.rollback()
    together = Barrier(4)

    def change(number: int) -> None:
        together.wait()
        with router.session("flask") as mine:
            slack.change(begin_write(mine), who, {"channel": f"#{number}"})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(4)))

    assert session.scalar(select(func.count()).select_from(SlackSettings)) == 1
