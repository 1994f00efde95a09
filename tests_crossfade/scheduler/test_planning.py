"""Jobs in the database are planned: by the services, and where other code made or changed them. On both databases."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from cronjobs.models import Job, JobExecution
from cronjobs.services import runs
from cronjobs.services.errors import InvalidCronError
from crossfade import clock

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def fresh(session, job_id):
    return session.get(Job, job_id, populate_existing=True)


def test_a_job_that_is_planned_knows_its_next_tick(zone):
    job = Job(cron_expression="0 9 * * *", cron_dialect="standard", is_active=True)

    runs.plan(job, zone=zone, now=NOON)

    assert job.next_run_at == datetime(2026, 11, 24, 0, 0)  # noqa: DTZ001 - 09:00 in Tokyo, as stored
    assert job.planned_at == job.updated_at == clock.naive_utc(NOON)


def test_a_paused_job_has_no_next_tick(zone):
    job = Job(cron_expression="0 9 * * *", cron_dialect="standard", is_active=False, next_run_at=clock.naive_utc(NOON))

    runs.plan(job, zone=zone, now=NOON)

    assert job.next_run_at is None
    assert job.planned_at == clock.naive_utc(NOON)


def test_a_job_past_its_end_date_has_no_next_tick(zone):
    job = Job(cron_expression="0 9 * * *", cron_dialect="standard", is_active=True, end_date=date(2026, 11, 22))

    runs.plan(job, zone=zone, now=NOON)

    assert job.next_run_at is None


def test_changing_a_job_does_not_swallow_a_tick_that_is_due(zone):
    overdue = clock.naive_utc(NOON - timedelta(seconds=2))
    job = Job(cron_expression="0 9 * * *", cron_dialect="standard", is_active=True, next_run_at=overdue)

    runs.plan(job, zone=zone, now=NOON)

    assert job.next_run_at == overdue


def test_an_expression_that_is_no_schedule_can_not_be_planned(zone):
    with pytest.raises(InvalidCronError):
        runs.plan(Job(cron_expression="soon", cron_dialect="standard", is_active=True), zone=zone)


def test_a_plan_is_seen_as_made_once_it_is_stored(session, write, zone, world):
    job = Job(name="new", cron_expression="0 9 * * *", cron_dialect="standard", is_active=True, end_date=None)
    runs.plan(job, zone=zone)
    session.add(job)
    session.commit()

    assert write(runs.replan, zone=zone) == 0


@pytest.mark.parametrize("since", [None, NOON - timedelta(hours=1)])
def test_a_job_that_legacy_code_made_is_planned(since, session, write, zone, add_job):
    stamp = clock.naive_utc(NOON)
    job_id = add_job(cron_expression="0 9 * * 0", next_run_at=None, planned_at=None, updated_at=stamp)
    session.execute(text("UPDATE jobs SET cron_dialect = 'apscheduler'"))
    session.commit()

    assert write(runs.replan, zone=zone, since=since, now=NOON) == 1

    job = fresh(session, job_id)
    assert job.next_run_at == datetime(2026, 11, 30, 0, 0)  # noqa: DTZ001 - a Monday, as APScheduler has it
    assert job.updated_at == stamp
    assert write(runs.replan, zone=zone, since=since) == 0


@pytest.mark.parametrize("skew", [timedelta(seconds=-30), timedelta(seconds=30)])
def test_a_change_by_code_that_does_not_plan_is_seen_whatever_its_clock_says(skew, session, write, zone, add_job):
    job_id = add_job(cron_expression="0 9 * * *", ago=timedelta(hours=-3))
    planned = fresh(session, job_id).planned_at
    session.execute(
        update(Job).where(Job.id == job_id).values(cron_expression="30 10 * * *", updated_at=planned + skew)
    )
    session.commit()

    assert write(runs.replan, zone=zone, since=clock.now() - timedelta(minutes=5)) == 1

    assert f"{fresh(session, job_id).next_run_at:%H:%M}" == "01:30"  # 10:30 in Tokyo
    assert write(runs.replan, zone=zone) == 0


def test_a_tick_between_a_change_and_its_discovery_is_not_lost(session, write, zone, add_job):
    """Legacy code made the job ten seconds before its time, and it is seen five seconds after it."""
    made = NOON - timedelta(seconds=10)
    job_id = add_job(cron_expression="* * * * *", next_run_at=None, planned_at=None, updated_at=clock.naive_utc(made))

    write(runs.replan, zone=zone, since=NOON - timedelta(seconds=60), now=NOON + timedelta(seconds=5))

    assert fresh(session, job_id).next_run_at == clock.naive_utc(NOON)


def test_an_old_job_that_was_never_planned_is_owed_nothing(session, write, zone, add_job):
    changed = clock.naive_utc(NOON - timedelta(days=300))
    job_id = add_job(cron_expression="* * * * *", next_run_at=None, planned_at=None, updated_at=changed)

    write(runs.replan, zone=zone, now=NOON)

    assert fresh(session, job_id).next_run_at == clock.naive_utc(NOON + MINUTE)


def test_a_tick_that_was_due_before_a_foreign_change_stays_due(session, write, zone, due):
    job_id = due(
        cron_expression="* * * * *",
        planned_at=clock.naive_utc(NOON - MINUTE),
        updated_at=clock.naive_utc(NOON + MINUTE),
    )

    write(runs.replan, zone=zone, now=NOON + 2 * MINUTE)

    assert fresh(session, job_id).next_run_at == clock.naive_utc(NOON)


def test_a_job_that_can_not_be_planned_is_paused_and_holds_up_no_other(session, write, zone, add_job, caplog):
    unplanned = {"next_run_at": None, "planned_at": None}
    broken = add_job("broken", cron_expression="not a cron", **unplanned)
    sound = add_job("sound", **unplanned)

    assert write(runs.replan, zone=zone) == 2

    assert not fresh(session, broken).is_active
    assert fresh(session, sound).next_run_at is not None
    assert f"Job {broken} (broken) is paused" in caplog.text
    assert write(runs.replan, zone=zone) == 0


def test_a_job_that_foreign_code_paused_loses_its_next_tick_but_for_a_row(session, write, zone, due):
    job_id = due(is_active=False, planned_at=None)

    write(runs.replan, zone=zone)

    assert fresh(session, job_id).next_run_at is None
    assert session.scalars(select(JobExecution.state)).all() == ["missed"]


def test_many_jobs_are_planned_in_portions(write, zone, add_job):
    for number in range(5):
        add_job(f"job {number}", next_run_at=None, planned_at=None)

    assert [write(runs.replan, zone=zone, limit=2) for _ in range(4)] == [2, 2, 1, 0]
