"""Monday mornings: expired jobs are paused, ending ones reminded of, once whoever ticks."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from cronjobs.models import (
    Job,
    Notification,
    SchedulerControl,
    SlackSettings,
    UpkeepClaim,
    UserNotificationPreferences,
)
from cronjobs.scheduler import ticker
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.services import maintenance, news
from cronjobs.services.news import Mail, Post
from crossfade import clock
from crossfade.database.sessions import begin_write

TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = datetime(2026, 11, 23, 9, tzinfo=TOKYO)
TODAY = MONDAY.date()


@pytest.fixture
def morning(router):
    """A round, at a time; whether it was ours, and what it wants said."""

    def see_to(now=MONDAY, *, node="flask:here:1", stack="flask"):
        with router.session("flask") as session:
            done = maintenance.see_to_end_dates(begin_write(session), node=node, stack=stack, zone=TOKYO, now=now)
            return done, news.taken(session)

    return see_to


@pytest.fixture
def ending(add_job, world):
    """Stores a job of the editor's that ends so many days from Monday."""

    def add(name, days, **fields):
        fields = {"next_run_at": None, "created_by": world.people["editor"].id, "pic_team": "platform"} | fields
        return add_job(name, end_date=TODAY + timedelta(days=days), **fields)

    return add


@pytest.fixture
def inbox(session, world):
    def titles(name):
        session.rollback()
        mine = select(Notification.title).where(Notification.user_id == world.people[name].id)
        return session.scalars(mine.order_by(Notification.title)).all()

    return titles


@pytest.fixture
def prefer(router, world):
    def set_preferences(username, **chosen):
        with router.session("flask") as session:
            session.add(UserNotificationPreferences(user_id=world.people[username].id, **chosen))

    return set_preferences


def to(pieces):
    return sorted(piece.to[0] for piece in pieces if isinstance(piece, Mail))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (MONDAY, MONDAY),
        (MONDAY - timedelta(microseconds=1), MONDAY - timedelta(weeks=1)),
        (MONDAY + timedelta(days=6, hours=23), MONDAY),
        (MONDAY.astimezone(UTC), MONDAY),
    ],
)
def test_the_round_is_that_of_the_latest_monday_at_nine_in_the_zone(now, due):
    assert maintenance.due_at(now, TOKYO) == due


def test_a_zone_that_changes_its_clock_keeps_to_nine():
    berlin = ZoneInfo("Europe/Berlin")

    summer = maintenance.due_at(datetime(2026, 10, 20, tzinfo=UTC), berlin)
    winter = maintenance.due_at(datetime(2026, 10, 27, tzinfo=UTC), berlin)

    assert (summer.astimezone(UTC).hour, winter.astimezone(UTC).hour) == (7, 8)


def test_expired_jobs_are_paused_and_their_owner_and_the_admins_told(ending, morning, inbox, session):
    job_id = ending("over", -1)
    last_day = ending("last day", 0)

    done, _ = morning()

    assert done
    over, still = session.get(Job, job_id), session.get(Job, last_day)
    assert (over.is_active, over.next_run_at) == (False, None)
    assert over.planned_at == over.updated_at
    assert still.is_active
    assert inbox("editor") == inbox("admin") == ["Job ends soon: last day", "Job paused: over"]
    assert inbox("other") == inbox("viewer") == []


def test_an_expired_job_of_which_a_tick_is_owed_is_left_to_whoever_claims_it(ending, morning, session):
    owed = clock.naive_utc(MONDAY) - timedelta(days=1)
    job_id = ending("owing", -1, next_run_at=owed)

    morning()

    job = session.get(Job, job_id, populate_existing=True)
    assert (job.is_active, job.next_run_at) == (True, owed)


def test_jobs_that_end_within_thirty_days_are_reminded_of_with_the_teams_handle(ending, morning, inbox, session):
    for name, days in (("today", 0), ("thirty", 30), ("far", 31)):
        ending(name, days)
    ending("inactive", 3, is_active=False)

    morning()

    assert inbox("editor") == ["Job ends soon: thirty", "Job ends soon: today"]
    assert "@platform" in session.scalar(select(Notification.message).limit(1))


def test_a_week_has_one_round_and_the_next_another(ending, morning, inbox):
    ending("soon", 20)

    assert [morning(now)[0] for now in (MONDAY, MONDAY, MONDAY + timedelta(hours=20))] == [True, False, False]
    assert morning(MONDAY + timedelta(weeks=1))[0]

    assert inbox("editor") == ["Job ends soon: soon"] * 2


def test_a_round_that_nobody_came_to_for_a_day_is_left_to_the_next(morning):
    assert not morning(MONDAY + maintenance.PATIENCE)[0]
    assert morning(MONDAY + maintenance.PATIENCE - timedelta(seconds=1))[0]


def test_of_many_at_once_one_does_it(ending, router, inbox):
    ending("soon", 20)

    def see_to(number):
        with router.session("flask") as session:
            stack = ("flask", "fastapi")[number % 2]
            return maintenance.see_to_end_dates(
                begin_write(session), node=f"{stack}:{number}", stack=stack, zone=TOKYO, now=MONDAY
            )

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(see_to, range(8)))

    assert sum(done) == 1
    assert inbox("editor") == ["Job ends soon: soon"]


def test_a_round_that_fails_is_open_to_others(ending, router, morning, monkeypatch, session):
    ending("soon", 20)

    with monkeypatch.context() as broken:
        broken.setattr(maintenance, "_remind", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            morning()

    assert session.scalar(select(func.count()).select_from(UpkeepClaim)) == 0
    session.rollback()
    assert morning()[0]


def test_the_stack_that_may_not_fire_leaves_it_to_the_other(router, morning):
    with router.session("flask") as session:
        session.add(SchedulerControl(id=1, owner="fastapi"))

    assert not morning(stack="flask")[0]
    assert morning(stack="fastapi")[0]


def test_rounds_of_long_ago_are_forgotten(morning, session):
    for weeks in range(12):
        morning(MONDAY + timedelta(weeks=weeks))

    assert session.scalar(select(func.count()).select_from(UpkeepClaim)) == 9


def test_each_person_gets_one_reminder_by_mail_unless_they_want_no_weekly_report(ending, morning, prefer):
    prefer("admin", weekly_report=False)
    for name in ("a", "b"):
        ending(name, 3)

    _, pieces = morning()

    assert to(pieces) == ["editor@cronjobs.test"]
    (mail,) = pieces
    assert mail.subject == "2 jobs end within 30 days"
    assert len(mail.lines) == 2


def test_paused_jobs_are_mailed_to_who_wants_to_hear_of_those(ending, morning, prefer):
    prefer("editor", email_on_job_disabled=True, weekly_report=False)
    ending("over", -1)

    _, pieces = morning()

    assert to(pieces) == ["editor@cronjobs.test"]


def test_who_wants_no_browser_notifications_finds_no_reminder(ending, morning, prefer, inbox):
    prefer("editor", browser_notifications=False)
    ending("soon", 3)

    morning()

    assert inbox("editor") == []
    assert inbox("admin") == ["Job ends soon: soon"]


def test_slack_is_reminded_with_the_teams_handle(ending, morning, router):
    with router.session("flask") as session:
        session.add(SlackSettings(is_enabled=True, webhook_url="https://hooks.slack.test/secret"))
    ending("soon", 3)

    (post,) = [piece for piece in morning()[1] if isinstance(piece, Post)]

    assert [(line.text, line.handle) for line in post.lines] == [
        ("The job soon ends in 3 days, on 2026-11-26. Team: Platform", "@platform")
    ]


def test_schedulers_of_both_stacks_do_a_round_once(router, settings, ending, inbox, session, monkeypatch):
    monkeypatch.setattr(maintenance, "due_at", lambda now, _zone: now.replace(minute=0, second=0, microsecond=0))
    monkeypatch.setattr(ticker, "_UPKEEP", timedelta(seconds=0.1))
    soon = clock.now().date() + timedelta(days=5)
    ending("soon", (soon - TODAY).days, ago=timedelta(hours=-5))
    schedulers = [Scheduler(router, settings, stack) for stack in ("flask", "fastapi")]

    try:
        for each in schedulers:
            each.start()
        latest = time.monotonic() + 20
        while not inbox("editor"):
            assert time.monotonic() < latest, "it never happened"
            time.sleep(0.05)
        time.sleep(0.3)
    finally:
        for each in schedulers:
            each.stop()

    ours = select(func.count()).select_from(UpkeepClaim).where(UpkeepClaim.chore == maintenance.CHORE)
    rounds = session.scalar(ours)
    assert inbox("editor") == ["Job ends soon: soon"] * rounds
    assert rounds <= 2, "an hour may have begun in between, no more"
