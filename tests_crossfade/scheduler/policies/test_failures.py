"""What becomes of runs that fail, and of those whose process dies."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from cronjobs.models import Job, JobExecution
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from cronjobs.services.runs import leases, policies
from crossfade import clock
from crossfade.database.sessions import begin_write

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOOD = Outcome(ok=True, status=200)
BAD = Outcome(ok=False, status=500, error="The target answered 500.")


# --- retries ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def longest(monkeypatch):
    """Chance makes each delay as long as it may be."""
    monkeypatch.setattr(policies.random, "random", lambda: 1.0)


def test_a_failed_run_is_tried_again_later_and_people_hear_of_the_end_alone(longest, claim, write, down, session, told):
    down(next_run_at=clock.naive_utc(NOON), max_retries=2, retry_delay_seconds=60)
    (first,) = claim()
    assert write(runs.finish, first, BAD, now=NOON)
    run = session.get(JobExecution, first.execution_id)
    assert (run.state, run.due_at, run.attempt) == ("due", clock.naive_utc(NOON + MINUTE), 1)
    assert (run.error_message, run.response_status, run.completed_at) == ("The target answered 500.", 500, None)
    assert claim(now=NOON + 59 * timedelta(seconds=1)) == []

    (second,) = claim(now=NOON + MINUTE, node="n2")
    assert (second.execution_id, second.attempt, second.owner) == (first.execution_id, 2, "n2")
    assert second.scheduled_for == NOON
    assert not write(runs.finish, first, GOOD, now=NOON + MINUTE)
    assert write(runs.finish, second, BAD, now=NOON + MINUTE)
    assert claim(now=NOON + 2 * MINUTE) == []
    (third,) = claim(now=NOON + 3 * MINUTE)
    assert told() == []
    write(runs.finish, third, BAD, now=NOON + 3 * MINUTE)

    session.rollback()
    run = session.get(JobExecution, first.execution_id, populate_existing=True)
    assert (run.state, run.status, run.attempt, run.due_at) == ("failed", "failed", 3, None)
    assert told() == [("Job failed: nightly", first.execution_id)]


def test_a_delay_is_doubled_up_to_an_hour_and_made_by_chance(longest, add_job, session):
    policy = policies.of(session.get(Job, add_job(retry_delay_seconds=600)))

    delays = [policies.retry_delay(policy, attempt) for attempt in (1, 2, 3, 4, 400)]

    assert delays == [timedelta(minutes=each) for each in (10, 20, 40, 60, 60)]


def test_no_delay_is_longer_than_its_turn_allows(add_job, session):
    policy = policies.of(session.get(Job, add_job(retry_delay_seconds=60)))

    assert all(timedelta() <= policies.retry_delay(policy, 2) <= 2 * MINUTE for _ in range(100))


def test_a_run_by_hand_is_not_tried_again(router, write, down, session):
    job_id = down(next_run_at=None, max_retries=3)
    with router.session("flask") as opened:
        claimed = runs.begin_manual(begin_write(opened), opened.get(Job, job_id), owner="web")

    write(runs.finish, claimed, BAD)

    assert session.scalars(select(JobExecution.state)).all() == ["failed"]


def test_runs_that_wait_end_when_their_job_is_paused(longest, claim, write, down, states, session, told):
    down(
        "retried",
        cron_expression="0 12 * * *",
        next_run_at=clock.naive_utc(NOON),
        max_retries=1,
        retry_delay_seconds=3600,
    )
    (claimed,) = claim()
    write(runs.finish, claimed, BAD, now=NOON)
    queued = down("queued", next_run_at=clock.naive_utc(NOON), overlap_policy="queue")
    claim()
    claim(now=NOON + 30 * MINUTE)
    session.execute(update(Job).values(is_active=False, planned_at=Job.updated_at, updated_at=Job.updated_at))
    session.commit()

    assert claim(now=NOON + timedelta(hours=2)) == []

    assert states(claimed.job_id) == {"12:00": "failed"}
    assert states(queued) == {"12:00": "running", "12:30": "skipped"}
    assert told() == [("Job failed: retried", claimed.execution_id)]


# --- crashes ----------------------------------------------------------------------------------------------------------


def test_a_run_whose_process_died_is_closed_as_unknown_and_told_once(claim, write, down, states, told):
    down(next_run_at=clock.naive_utc(NOON), max_retries=5)
    (claimed,) = claim()

    assert write(runs.reap, now=NOON + leases.LEASE + MINUTE) == 1

    assert states() == {"12:00": "unknown"}
    assert told() == [("Job interrupted: nightly", claimed.execution_id)]
    assert not write(runs.finish, claimed, GOOD)


def test_a_run_whose_process_died_is_begun_again_where_its_job_wants_it(claim, write, down, states, told):
    down(next_run_at=clock.naive_utc(NOON), on_crash="retry")
    claim()
    first = NOON + leases.LEASE + MINUTE
    write(runs.reap, now=first)
    assert states() == {"12:00": "due"}

    (again,) = claim(now=first, node="n2")
    assert (again.attempt, again.owner) == (2, "n2")
    assert told() == []
    write(runs.reap, now=first + leases.LEASE + MINUTE)

    # Once, without retries: it may be the run that kills the process.
    assert states() == {"12:00": "unknown"}


def test_what_is_in_flight_when_a_process_stops_is_given_up_at_once(claim, write, down, states):
    down("fail", next_run_at=clock.naive_utc(NOON))
    down("retry", next_run_at=clock.naive_utc(NOON), on_crash="retry")
    down("lost", next_run_at=clock.naive_utc(NOON))
    claims = claim()
    lost = next(each for each in claims if each.job_name == "lost")
    write(runs.finish, lost, GOOD, now=NOON)

    assert write(runs.abandon, claims, now=NOON) == 2

    assert sorted(each.job_name for each in claim(node="n2")) == ["retry"]
