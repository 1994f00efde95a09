"""Runs that are handed over wait, and are taken once, at their time."""

from datetime import UTC, datetime, timedelta

from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from crossfade import clock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOOD = Outcome(ok=True, status=200)


def test_runs_that_are_handed_over_wait_and_are_taken_once(write, settings, down, states, session):
    down(next_run_at=clock.naive_utc(NOON))
    (run_id,) = write(runs.enqueue_due, stack="flask", zone=settings.zone, now=NOON).waiting
    assert states() == {"12:00": "due"}
    assert runs.takeable(session, limit=9, now=NOON) == [run_id]
    session.rollback()

    taken = write(runs.take, run_id, node="w1", stack="fastapi", now=NOON)
    assert (taken.execution_id, taken.owner, taken.attempt, taken.scheduled_for) == (run_id, "w1", 1, NOON)
    assert write(runs.take, run_id, node="w2", stack="flask", now=NOON) is None
    assert runs.takeable(session, limit=9, now=NOON) == []
    assert write(runs.finish, taken, GOOD, now=NOON)

    assert states() == {"12:00": "success"}


def test_a_worker_takes_no_run_before_its_time_nor_beside_another(write, settings, down, states):
    down(next_run_at=clock.naive_utc(NOON), overlap_policy="queue")
    (first,) = write(runs.enqueue_due, stack="flask", zone=settings.zone, now=NOON).waiting
    (second,) = write(runs.enqueue_due, stack="flask", zone=settings.zone, now=NOON + 30 * MINUTE).waiting

    assert write(runs.take, first, node="w1", stack="flask", now=NOON - MINUTE) is None
    assert write(runs.take, first, node="w1", stack="flask", now=NOON + 31 * MINUTE)
    assert write(runs.take, second, node="w2", stack="flask", now=NOON + 31 * MINUTE) is None

    assert states() == {"12:00": "running", "12:30": "due"}


def test_an_attempt_has_the_time_that_its_job_gives_it(claim, down):
    down("long", timeout_seconds=600)
    down("short")

    assert {each.job_name: each.call.deadline for each in claim()} == {"long": 600.0, "short": 10.0}
