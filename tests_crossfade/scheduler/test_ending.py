"""Runs in the database end: by their owner, or taken from the dead. On both databases."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from cronjobs.models import Job, JobExecution
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from cronjobs.services.runs import leases
from crossfade import clock
from crossfade.database.sessions import begin_write

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def rows(session, job_id):
    return session.scalars(select(JobExecution).where(JobExecution.job_id == job_id)).all()


def test_a_run_is_finished_by_its_owner(session, claim, due, write):
    job_id = due()
    (claimed,) = claim()

    assert write(runs.finish, claimed, Outcome(ok=True, status=201, output="done"), now=NOON + timedelta(seconds=1.5))

    (row,) = rows(session, job_id)
    assert (row.status, row.response_status, row.output, row.error_message) == ("success", 201, "done", None)
    assert (row.completed_at, row.duration_seconds) == (clock.naive_utc(NOON + timedelta(seconds=1.5)), 1.5)
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
    assert row.completed_at == clock.naive_utc(NOON + 2 * leases.LEASE + MINUTE)


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
