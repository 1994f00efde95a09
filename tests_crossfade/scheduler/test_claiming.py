"""Runs in the database are claimed: once, in time or not at all, by those whom the switch allows. On both databases."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from cronjobs.models import Job, JobExecution, SchedulerControl
from cronjobs.services import runs
from cronjobs.services.runs import claiming, leases
from crossfade import clock
from crossfade.database.sessions import begin_write

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def rows(session, job_id):
    return session.scalars(select(JobExecution).where(JobExecution.job_id == job_id)).all()


def fresh(session, job_id):
    return session.get(Job, job_id, populate_existing=True)


def test_a_due_job_is_claimed_and_moved_on(session, claim, due):
    job_id = due(job_metadata='{"a": 1}')

    (claimed,) = claim()

    assert (claimed.job_id, claimed.job_name, claimed.owner, claimed.attempt) == (job_id, "nightly", "n1", 1)
    assert claimed.scheduled_for == NOON
    assert claimed.call.metadata == {"a": 1}
    (row,) = rows(session, job_id)
    assert (row.id, row.status, row.trigger_type, row.owner) == (claimed.execution_id, "running", "scheduled", "n1")
    assert (row.execution_type, row.target) == ("webhook", "http://127.0.0.1:9/hook")
    assert row.scheduled_for == row.started_at == clock.naive_utc(NOON)
    assert row.lease_until == clock.naive_utc(NOON) + leases.LEASE
    assert fresh(session, job_id).next_run_at == clock.naive_utc(NOON + MINUTE)


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
    session.execute(update(Job).values(next_run_at=clock.naive_utc(NOON), updated_at=Job.updated_at))
    session.commit()

    assert claim(node="n2") == []
    assert len(rows(session, job_id)) == 1
    assert fresh(session, job_id).next_run_at == clock.naive_utc(NOON + MINUTE)


def test_what_is_due_longest_comes_first_and_no_more_than_asked_for(claim, due):
    for number in range(5):
        due(f"job {number}", tick=NOON - number * MINUTE)

    assert [claimed.job_name for claimed in claim(limit=2)] == ["job 4", "job 3"]
    assert len(claim(limit=10)) == 3


def test_after_an_outage_the_latest_missed_run_is_made_and_the_others_are_named(session, claim, due, caplog):
    job_id = due(tick=NOON - 90 * MINUTE)

    (claimed,) = claim()

    assert claimed.scheduled_for == NOON
    (missed,) = [row for row in rows(session, job_id) if row.id != claimed.execution_id]
    assert (missed.state, missed.status, missed.attempt, missed.missed_count) == ("missed", "failed", 0, 90)
    assert (missed.missed_from, missed.scheduled_for) == (
        clock.naive_utc(NOON - 90 * MINUTE),
        clock.naive_utc(NOON - MINUTE),
    )
    assert missed.completed_at == clock.naive_utc(NOON)
    assert f"Job {job_id} (nightly): 90 run(s), from 2026-11-23 10:30 UTC to 2026-11-23 11:59 UTC" in caplog.text
    assert fresh(session, job_id).next_run_at == clock.naive_utc(NOON + MINUTE)


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
    foreign = clock.naive_utc(NOON - timedelta(seconds=30))
    session.execute(
        update(Job).values(cron_expression="0 22 * * *", updated_at=foreign, planned_at=clock.naive_utc(NOON - MINUTE))
    )
    session.commit()

    assert claim() == []

    assert fresh(session, job_id).next_run_at == clock.naive_utc(NOON + timedelta(hours=1))


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

    assert [each.job_name for each in write(runs.claim_due, node="n", stack="flask", zone=zone).claims] == ["past"]


def test_looking_for_due_jobs_uses_the_index(session, world):
    plan = "EXPLAIN QUERY PLAN" if session.get_bind().dialect.name == "sqlite" else "EXPLAIN"
    if plan == "EXPLAIN":
        session.execute(text("SET LOCAL enable_seqscan = off"))
    query = (
        select(Job.id)
        .where(*claiming.due_jobs(clock.naive_utc(NOON)))
        .compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    )

    shown = " ".join(str(row) for row in session.execute(text(f"{plan} {query}")))

    assert "ix_jobs_is_active_next_run_at" in shown
