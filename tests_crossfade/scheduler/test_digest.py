"""The daily digest: once a day whoever ticks, for who asked for it, of what is theirs to know."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cronjobs.models import JobExecution, SchedulerControl, User, UserNotificationPreferences
from cronjobs.services import digest, news
from crossfade import clock
from crossfade.database.sessions import begin_write

TOKYO = ZoneInfo("Asia/Tokyo")
MORNING = datetime(2026, 11, 24, 9, tzinfo=TOKYO)


@pytest.fixture
def morning(router):
    def write(now=MORNING, *, stack="flask"):
        with router.session("flask") as session:
            done = digest.write_digest(begin_write(session), node="here", stack=stack, zone=TOKYO, now=now)
            return done, news.taken(session)

    return write


@pytest.fixture
def want(router, world):
    """Lets people choose."""

    def chosen(*usernames, wanted=True):
        with router.session("flask") as session:
            for username in usernames:
                session.add(UserNotificationPreferences(user_id=world.people[username].id, daily_digest=wanted))

    return chosen


@pytest.fixture
def ran(router, add_job, world):
    """Stores runs of a new job of somebody's: statuses, and how long before the digest they began."""

    def store(name, owner, *statuses, ago=timedelta(hours=1)):
        job_id = add_job(name, created_by=world.people[owner].id)
        with router.session("flask") as session:
            for status in statuses:
                began = clock.naive_utc(MORNING - ago)
                session.add(JobExecution(job_id=job_id, status=status, trigger_type="scheduled", started_at=began))

    return store


def test_each_reader_hears_of_what_is_theirs(morning, want, ran):
    want("admin", "editor", "other")
    ran("mine", "editor", "failed", "success", "success")
    ran("fine", "admin", "success")
    ran("old", "editor", "failed", ago=timedelta(hours=25))
    ran("later", "editor", "failed", ago=-timedelta(hours=1))

    done, mails = morning()

    assert done
    assert {mail.to: mail.lines for mail in mails} == {
        ("admin@cronjobs.test",): (
            "In the last day 3 runs succeeded and 1 failed, of 2 jobs.",
            "mine: 1 failed, 2 succeeded.",
        ),
        ("editor@cronjobs.test",): (
            "In the last day 2 runs succeeded and 1 failed, of 1 jobs.",
            "mine: 1 failed, 2 succeeded.",
        ),
    }


def test_who_did_not_ask_for_it_gets_none(morning, want, ran):
    want("admin", wanted=False)
    ran("mine", "editor", "failed")

    assert morning() == (True, [])


def test_an_inactive_user_gets_none(morning, want, ran, session, world):
    want("editor")
    session.get(User, world.people["editor"].id).is_active = False
    session.commit()
    ran("mine", "editor", "failed")

    assert morning() == (True, [])


def test_a_day_has_one_and_the_next_another(morning, want, ran):
    want("editor")
    ran("mine", "editor", "failed")

    assert [morning(MORNING + timedelta(hours=hours))[0] for hours in (0, 0, 1, 11)] == [True, False, False, False]
    assert morning(MORNING + timedelta(days=1))[0]


def test_a_morning_that_nobody_saw_is_left_to_the_next(morning):
    assert not morning(MORNING - timedelta(seconds=1))[0]
    assert not morning(MORNING + digest.PATIENCE)[0]


def test_the_stack_that_may_not_fire_leaves_it_to_the_other(router, morning):
    with router.session("flask") as session:
        session.add(SchedulerControl(id=1, owner="fastapi"))

    assert not morning(stack="flask")[0]
    assert morning(stack="fastapi")[0]
