"""What becomes of ticks that are late: after two hours of outage, and after a week."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cronjobs.models import Job
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from crossfade import clock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOOD = Outcome(ok=True, status=200)


def test_run_once_runs_the_latest_and_counts_the_others_in_one_row(run_out, down, states, told):
    down()

    assert run_out() == ["12:00"]

    assert states() == {"11:30": "missed 4", "12:00": "success"}
    assert [title for title, _ in told()] == ["Job missed: nightly", "Job succeeded: nightly"]


def test_run_once_with_a_grace_runs_nothing_that_is_later(run_out, down, states):
    down(misfire_grace_seconds=300)

    assert run_out(now=NOON + 6 * MINUTE) == []

    assert states() == {"12:00": "missed 5"}


def test_run_all_runs_each_after_the_other(run_out, claim, write, down, states, session):
    job_id = down(misfire_policy="run_all")

    (first,) = claim()
    assert states() == {"10:00": "running", "10:30": "due", "11:00": "due", "11:30": "due", "12:00": "due"}
    assert claim(node="n2") == []
    write(runs.finish, first, GOOD, now=NOON)

    assert run_out() == ["10:30", "11:00", "11:30", "12:00"]
    assert set(states().values()) == {"success"}
    assert session.get(Job, job_id, populate_existing=True).next_run_at == clock.naive_utc(NOON + 30 * MINUTE)


def test_run_all_runs_them_side_by_side_where_they_may_overlap(claim, write, down):
    down(misfire_policy="run_all", overlap_policy="allow")

    assert len(claim()) == 5


def test_run_all_takes_no_more_at_once_than_there_is_room_for(claim, write, down, states):
    down(misfire_policy="run_all", overlap_policy="allow")

    assert len(claim(limit=2)) == 2
    assert list(states().values()) == ["running", "running", "due", "due", "due"]
    assert len(claim(limit=2)) == 2
    assert len(claim(limit=2)) == 1


def test_run_all_counts_what_is_older_than_its_grace(run_out, down, states):
    down(misfire_policy="run_all", misfire_grace_seconds=3600)

    assert run_out() == ["11:00", "11:30", "12:00"]

    assert states() == {"10:30": "missed 2", "11:00": "success", "11:30": "success", "12:00": "success"}


@pytest.mark.parametrize(
    ("late", "expected"), [(MINUTE, {"11:30": "missed 4", "12:00": "success"}), (2 * MINUTE, {"12:00": "missed 5"})]
)
def test_skip_runs_what_is_a_minute_late_and_nothing_older(run_out, late, expected, down, states):
    down(misfire_policy="skip")

    run_out(now=NOON + late)

    assert states() == expected


def test_a_week_of_minutes_is_one_row_and_one_look(run_out, down, states):
    down(cron_expression="* * * * *", next_run_at=clock.naive_utc(NOON - timedelta(days=7)))

    assert run_out() == ["12:00"]

    assert states() == {"11:59": "missed 10080", "12:00": "success"}


def test_many_ticks_to_catch_up_with_are_all_run_and_hold_up_nobody(run_out, claim, down, states):
    since = clock.naive_utc(NOON - 150 * MINUTE)
    busy = down("busy", cron_expression="* * * * *", misfire_policy="run_all", next_run_at=since)
    down("other", next_run_at=clock.naive_utc(NOON - MINUTE))

    assert {each.job_name for each in claim()} == {"busy", "other"}
    assert len(run_out()) == 0  # the first goes on
    assert list(states(busy).values()).count("due") == 150


def test_what_is_changed_while_a_tick_is_owed_keeps_that_tick(run_out, down, states):
    down(cron_expression="15 * * * *", misfire_policy="run_all")  # and ten o'clock was due before

    assert run_out() == ["10:00", "10:15", "11:15"]


def test_a_job_runs_in_its_own_zone_from_its_first_day_to_its_last(claim, write, add_job, session, settings):
    job = Job(name="j", cron_expression="0 9 * * *", cron_dialect="standard", is_active=True, timezone="Europe/Berlin")
    job.start_date = date(2026, 11, 25)
    runs.plan(job, zone=settings.zone, now=NOON)
    assert job.next_run_at == clock.naive_utc(datetime(2026, 11, 25, 8, tzinfo=UTC))

    add_job(
        "last",
        cron_expression="* * * * *",
        timezone="America/New_York",
        end_date=date(2026, 11, 23),
        next_run_at=clock.naive_utc(NOON),
    )
    (claimed,) = claim(now=NOON + timedelta(days=1))
    assert claimed.scheduled_for == datetime(2026, 11, 24, 4, 59, tzinfo=UTC)
