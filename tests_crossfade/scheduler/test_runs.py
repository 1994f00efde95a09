"""Runs in the database: planned, claimed once, finished by their owner, taken from the dead. On both databases."""

import logging
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from cronjobs.models import Job, JobExecution, SchedulerControl
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from cronjobs.services.errors import InvalidCronError
from cronjobs.services.runs import claiming, leases
from crossfade import clock
from crossfade.database.sessions import begin_write

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def naive(moment):
    return moment.replace(tzinfo=None)


@pytest.fixture
def zone(settings):
    return settings.zone


@pytest.fixture
def claim(write, zone):
    """Claims what is due, at noon unless told otherwise."""

    def claim_due(*, node="n1", stack="flask", now=NOON, **options):
        return write(runs.claim_due, node=node, stack=stack, zone=zone, now=now, **options)

    return claim_due


@pytest.fixture
def due(add_job):
    """Adds a job of each minute that is due at noon."""

    def add(name="nightly", *, tick=NOON, **fields):
        return add_job(name, next_run_at=naive(tick), **fields)

    return add


def rows(session, job_id):
    return session.scalars(select(JobExecution).where(JobExecution.job_id == job_id)).all()


def fresh(session, job_id):
    return session.get(Job, job_id, populate_existing=True)


# --- planning ---------------------------------------------------------------------------------------------------------


def test_a_job_that_is_planned_knows_its_next_tick(zone):
    job = Job(cron_expression="0 9 * * *", cron_dialect="standard", is_active=True)

    runs.plan(job, zone=zone, now=NOON)

    assert job.next_run_at == datetime(2026, 11, 24, 0, 0)  # noqa: DTZ001 - 09:00 in Tokyo, as stored
    assert job.planned_at == job.updated_at == naive(NOON)


def test_a_paused_job_has_no_next_tick(zone):
    job = Job(cron_expression="0 9 * * *", cron_dialect="standard", is_active=False, next_run_at=naive(NOON))

    runs.plan(job, zone=zone, now=NOON)

    assert job.next_run_at is None
    assert job.planned_at == naive(NOON)


def test_a_job_past_its_end_date_has_no_next_tick(zone):
    job = Job(cron_expression="0 9 * * *", cron_dialect="standard", is_active=True, end_date=date(2026, 11, 22))

    runs.plan(job, zone=zone, now=NOON)

    assert job.next_run_at is None


def test_changing_a_job_does_not_swallow_a_tick_that_is_due(zone):
    overdue = naive(NOON - timedelta(seconds=2))
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
    stamp = naive(NOON)
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
    job_id = add_job(cron_expression="* * * * *", next_run_at=None, planned_at=None, updated_at=naive(made))

    write(runs.replan, zone=zone, since=NOON - timedelta(seconds=60), now=NOON + timedelta(seconds=5))

    assert fresh(session, job_id).next_run_at == naive(NOON)


def test_an_old_job_that_was_never_planned_is_owed_nothing(session, write, zone, add_job):
    job_id = add_job(next_run_at=None, planned_at=None, updated_at=naive(NOON - timedelta(days=300)))

    write(runs.replan, zone=zone, now=NOON)

    assert fresh(session, job_id).next_run_at == naive(NOON + MINUTE)


def test_a_tick_that_was_due_before_a_foreign_change_stays_due(session, write, zone, due):
    job_id = due(cron_expression="* * * * *", planned_at=naive(NOON - MINUTE), updated_at=naive(NOON + MINUTE))

    write(runs.replan, zone=zone, now=NOON + 2 * MINUTE)

    assert fresh(session, job_id).next_run_at == naive(NOON)


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


# --- claiming ---------------------------------------------------------------------------------------------------------


def test_a_due_job_is_claimed_and_moved_on(session, claim, due):
    job_id = due(job_metadata='{"a": 1}')

    (claimed,) = claim()

    assert (claimed.job_id, claimed.job_name, claimed.owner, claimed.attempt) == (job_id, "nightly", "n1", 1)
    assert claimed.scheduled_for == NOON
    assert claimed.call.metadata == {"a": 1}
    (row,) = rows(session, job_id)
    assert (row.id, row.status, row.trigger_type, row.owner) == (claimed.execution_id, "running", "scheduled", "n1")
    assert (row.execution_type, row.target) == ("webhook", "http://127.0.0.1:9/hook")
    assert row.scheduled_for == row.started_at == naive(NOON)
    assert row.lease_until == naive(NOON) + leases.LEASE
    assert fresh(session, job_id).next_run_at == naive(NOON + MINUTE)


def test_claiming_a_run_does_not_change_the_job(session, claim, due):
    job_id = due()
    before = fresh(session, job_id).updated_at

    claim()

    job = fresh(session, job_id)
    assert job.updated_at == job.planned_at == before


def test_what_is_not_due_is_not_claimed(claim, due):
    due("later", tick=NOON + timedelta(microseconds=1))
    due("paused", is_active=False)
    due("unplanned", tick=NOON, planned_at=None)

    assert claim() == []


def test_a_run_is_claimed_once(claim, due):
    due()

    assert len(claim(node="n1")) == 1
    assert claim(node="n2") == []


def test_a_tick_that_has_its_row_is_not_claimed_again_whatever_the_plan_says(session, claim, due):
    job_id = due()
    claim()
    session.execute(update(Job).values(next_run_at=naive(NOON), updated_at=Job.updated_at))
    session.commit()

    assert claim(node="n2") == []
    assert len(rows(session, job_id)) == 1
    assert fresh(session, job_id).next_run_at == naive(NOON + MINUTE)


def test_what_is_due_longest_comes_first_and_no_more_than_asked_for(claim, due):
    for number in range(5):
        due(f"job {number}", tick=NOON - number * MINUTE, cron_expression="0 0 1 1 *")

    assert [claimed.job_name for claimed in claim(limit=2)] == ["job 4", "job 3"]
    assert len(claim(limit=10)) == 3


def test_after_an_outage_the_latest_missed_run_is_made_and_the_others_are_named(session, claim, due, caplog):
    job_id = due(tick=NOON - 90 * MINUTE)

    (claimed,) = claim()

    assert claimed.scheduled_for == NOON
    (missed,) = [row for row in rows(session, job_id) if row.id != claimed.execution_id]
    assert (missed.state, missed.status, missed.attempt, missed.missed_count) == ("missed", "failed", 0, 90)
    assert (missed.missed_from, missed.scheduled_for) == (naive(NOON - 90 * MINUTE), naive(NOON - MINUTE))
    assert missed.completed_at == naive(NOON)
    assert f"Job {job_id} (nightly): 90 run(s), from 2026-11-23 10:30 UTC to 2026-11-23 11:59 UTC" in caplog.text
    assert fresh(session, job_id).next_run_at == naive(NOON + MINUTE)


def test_a_year_of_missed_runs_is_passed_over_and_counted_at_once(session, claim, due):
    job_id = due(tick=NOON - timedelta(days=365))

    (claimed,) = claim()

    assert claimed.scheduled_for == NOON
    assert {row.missed_count for row in rows(session, job_id)} == {None, 365 * 24 * 60}


def test_a_run_in_time_passes_nothing_over(claim, due, caplog):
    due()

    claim(now=NOON + timedelta(seconds=59))

    assert caplog.text == ""


def test_the_last_day_is_run_to_its_end_and_not_beyond(session, claim, due):
    """Tokyo's 23 November ends at 15:00 UTC; after an outage the last tick of that day is run."""
    job_id = due(tick=NOON, end_date=date(2026, 11, 23), cron_expression="0 * * * *")

    (claimed,) = claim(now=NOON + timedelta(hours=20))

    assert claimed.scheduled_for == NOON + timedelta(hours=2)
    assert fresh(session, job_id).next_run_at is None


def test_a_job_that_is_due_past_its_end_date_is_paused(session, claim, due, caplog):
    job_id = due(end_date=date(2026, 11, 22))
    other = due("other")

    assert [claimed.job_id for claimed in claim()] == [other]

    job = fresh(session, job_id)
    assert (job.is_active, job.next_run_at) == (False, None)
    assert "its last day was 2026-11-22" in caplog.text


@pytest.mark.parametrize("broken", [{"cron_expression": "99 * * * *"}, {"cron_dialect": "quartz"}])
def test_a_job_that_became_invalid_is_paused_and_holds_up_no_other(broken, session, claim, due, caplog):
    job_id = due(tick=NOON - MINUTE, **broken)
    other = due("other")

    assert [claimed.job_id for claimed in claim()] == [other]

    assert not fresh(session, job_id).is_active
    assert f"Job {job_id} (nightly) is paused" in caplog.text


def test_a_job_that_was_changed_behind_our_back_is_planned_before_it_fires(session, claim, due):
    job_id = due(cron_expression="0 21 * * *")
    foreign = naive(NOON - timedelta(seconds=30))
    session.execute(
        update(Job).values(cron_expression="0 22 * * *", updated_at=foreign, planned_at=naive(NOON - MINUTE))
    )
    session.commit()

    assert claim() == []

    assert fresh(session, job_id).next_run_at == naive(NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    ("owner", "stacks"),
    [
        ("flask", {"flask"}),
        ("fastapi", {"fastapi"}),
        ("both", {"flask", "fastapi"}),
        ("off", set()),
        (None, {"flask", "fastapi"}),
    ],
)
def test_the_switch_says_whose_processes_fire(owner, stacks, session, claim, due):
    if owner is not None:
        session.add(SchedulerControl(id=1, owner=owner))
        session.commit()

    for stack in ("flask", "fastapi"):
        due(stack)
        assert bool(claim(stack=stack)) is (stack in stacks)
        session.execute(update(Job).values(is_active=False, planned_at=Job.updated_at, updated_at=Job.updated_at))
        session.commit()


def test_looking_whether_something_is_due_takes_no_lock(router, add_job):
    add_job()

    with router.session("flask") as writer:
        begin_write(writer).execute(update(Job).values(name="held", updated_at=Job.updated_at))
        with router.session("fastapi") as reader:
            assert runs.is_anything_due(reader)


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)  # on SQLite the claim waits for the change
def test_a_job_that_somebody_is_changing_is_left_for_the_next_pass(router, claim, due):
    due("changing")
    due("free")

    with router.session("flask") as holder:
        holder.execute(select(Job.id).where(Job.name == "changing").with_for_update())
        assert [claimed.job_name for claimed in claim()] == ["free"]
    assert [claimed.job_name for claimed in claim()] == ["changing"]


def test_without_being_told_the_time_the_databases_clock_decides(write, zone, add_job):
    add_job("past", ago=timedelta(seconds=5))
    add_job("future", ago=timedelta(seconds=-5))

    assert [each.job_name for each in write(runs.claim_due, node="n", stack="flask", zone=zone)] == ["past"]


def test_looking_for_due_jobs_uses_the_index(session, world):
    plan = "EXPLAIN QUERY PLAN" if session.get_bind().dialect.name == "sqlite" else "EXPLAIN"
    if plan == "EXPLAIN":
        session.execute(text("SET LOCAL enable_seqscan = off"))
    query = (
        select(Job.id)
        .where(*claiming.due_jobs(naive(NOON)))
        .compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    )

    shown = " ".join(str(row) for row in session.execute(text(f"{plan} {query}")))

    assert "ix_jobs_is_active_next_run_at" in shown


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_run_is_finished_by_its_owner(session, claim, due, write):
    job_id = due()
    (claimed,) = claim()

    assert write(runs.finish, claimed, Outcome(ok=True, status=201, output="done"), now=NOON + timedelta(seconds=1.5))

    (row,) = rows(session, job_id)
    assert (row.status, row.response_status, row.output, row.error_message) == ("success", 201, "done", None)
    assert (row.completed_at, row.duration_seconds) == (naive(NOON + timedelta(seconds=1.5)), 1.5)
    assert row.lease_until is None


def test_a_failed_run_keeps_its_reason(session, claim, due, write):
    job_id = due()
    (claimed,) = claim()

    write(runs.finish, claimed, Outcome(ok=False, status=500, error="The target answered 500.", output="oops"))

    (row,) = rows(session, job_id)
    assert (row.status, row.response_status, row.error_message, row.output) == (
        "failed",
        500,
        "The target answered 500.",
        "oops",
    )


def test_a_run_that_is_not_ours_any_more_is_not_written_over(session, claim, due, write, caplog):
    job_id = due()
    (claimed,) = claim()
    write(runs.reap, now=NOON + leases.LEASE + MINUTE)

    assert not write(runs.finish, claimed, Outcome(ok=True, status=200))

    assert [row.status for row in rows(session, job_id)] == ["failed"]
    assert "it is not n1's any more" in caplog.text


def test_a_run_whose_job_was_deleted_meanwhile_is_dropped(session, claim, due, write):
    job_id = due()
    (claimed,) = claim()
    session.delete(session.get(Job, job_id))
    session.commit()

    assert not write(runs.finish, claimed, Outcome(ok=True, status=200))


def test_a_run_by_hand_is_a_row_without_a_tick(session, add_job, router):
    job_id = add_job(next_run_at=None)
    with router.session("flask") as opened:
        job = opened.get(Job, job_id)
        claims = [runs.begin_manual(begin_write(opened), job, owner="flask:host:1") for _ in range(2)]

    found = rows(session, job_id)
    assert {row.id for row in found} == {claimed.execution_id for claimed in claims}
    assert {(row.trigger_type, row.status, row.scheduled_for, row.owner) for row in found} == {
        ("manual", "running", None, "flask:host:1")
    }
    assert all(row.lease_until is not None for row in found)


def test_a_renewed_run_outlives_its_lease(session, claim, due, write):
    job_id = due()
    (claimed,) = claim()

    mine = [claimed.execution_id]
    assert write(runs.renew, node="n1", execution_ids=mine, now=NOON + leases.LEASE) == set(mine)
    assert write(runs.renew, node="n2", execution_ids=mine) == set()
    assert write(runs.renew, node="n1", execution_ids=[]) == set()

    assert write(runs.reap, now=NOON + leases.LEASE + MINUTE / 2) == 0
    assert write(runs.reap, now=NOON + 2 * leases.LEASE + MINUTE) == 1
    (row,) = rows(session, job_id)
    assert row.error_message == "Its process (n1) ended or froze before the run did; it may have reached its target."
    assert row.completed_at == naive(NOON + 2 * leases.LEASE + MINUTE)


@pytest.mark.parametrize(("age", "status"), [(timedelta(minutes=59), "running"), (timedelta(minutes=61), "failed")])
def test_a_run_that_the_legacy_application_left_behind_is_closed_after_an_hour(age, status, session, add_job, write):
    job_id = add_job(next_run_at=None)
    started = clock.naive_utc() - age
    session.add(JobExecution(job_id=job_id, status="running", trigger_type="scheduled", started_at=started))
    session.commit()

    write(runs.reap)

    session.expire_all()
    assert [row.status for row in rows(session, job_id)] == [status]


def test_finished_runs_are_left_alone(session, claim, due, write):
    due()
    (claimed,) = claim()
    write(runs.finish, claimed, Outcome(ok=True, status=200))

    assert write(runs.reap, now=NOON + timedelta(days=9)) == 0


def test_each_reaped_run_is_logged(claim, due, write, caplog):
    caplog.set_level(logging.WARNING)
    due("a")
    due("b")
    claimed = claim()

    assert [write(runs.reap, limit=1, now=NOON + timedelta(days=1)) for _ in range(3)] == [1, 1, 0]

    assert all(f"run {each.execution_id} is unknown" in caplog.text for each in claimed)
