"""What becomes of a tick while another run of its job goes on."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from cronjobs.models import Job, JobExecution
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from cronjobs.services.runs import policies
from crossfade import clock
from crossfade.database.sessions import begin_write

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOOD = Outcome(ok=True, status=200)


def test_a_tick_is_skipped_while_a_run_goes_on_and_nobody_is_told(claim, down, states, told):
    down(next_run_at=clock.naive_utc(NOON))
    claim()

    assert claim(now=NOON + 30 * MINUTE) == []

    assert states() == {"12:00": "running", "12:30": "skipped"}
    assert told() == []


def test_ticks_queue_while_a_run_goes_on(run_out, claim, write, down, states):
    down(next_run_at=clock.naive_utc(NOON), overlap_policy="queue")
    (first,) = claim()
    for number in (1, 2):
        assert claim(now=NOON + number * 30 * MINUTE) == []
    assert states() == {"12:00": "running", "12:30": "due", "13:00": "due"}

    write(runs.finish, first, GOOD, now=NOON + 61 * MINUTE)

    assert run_out(now=NOON + 62 * MINUTE) == ["12:30", "13:00"]


def test_a_queue_has_an_end(claim, down, states, monkeypatch):
    monkeypatch.setattr(policies, "MOST_WAITING", 1)
    down(next_run_at=clock.naive_utc(NOON), overlap_policy="queue")

    for number in range(3):
        claim(now=NOON + number * 30 * MINUTE)

    assert states() == {"12:00": "running", "12:30": "due", "13:00": "skipped"}


def test_a_run_by_hand_counts_but_is_never_held_up(claim, router, down, states, session):
    job_id = down(next_run_at=clock.naive_utc(NOON))
    with router.session("flask") as opened:
        job = opened.get(Job, job_id)
        for _ in range(2):
            runs.begin_manual(begin_write(opened), job, owner="web", now=NOON)

    assert claim() == []

    session.rollback()
    assert sorted(session.scalars(select(JobExecution.state))) == ["running", "running", "skipped"]


def test_a_run_of_the_legacy_application_holds_up_nothing(claim, down, session):
    job_id = down(next_run_at=clock.naive_utc(NOON))
    session.add(
        JobExecution(job_id=job_id, status="running", trigger_type="scheduled", started_at=clock.naive_utc(NOON))
    )
    session.commit()

    assert len(claim()) == 1


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_a_tick_and_a_waiting_run_of_one_job_never_begin_side_by_side(router, settings, down, claim, write, states):
    """Two transactions at once: who comes second finds the job in hand, and leaves it alone."""
    down(overlap_policy="queue", next_run_at=clock.naive_utc(NOON))
    (first,) = claim()
    claim(now=NOON + 30 * MINUTE)
    write(runs.finish, first, GOOD, now=NOON + 31 * MINUTE)
    later = {"stack": "flask", "zone": settings.zone, "now": NOON + 60 * MINUTE}

    with router.session("flask") as one, router.session("flask") as other:
        begun = runs.claim_due(begin_write(one), node="n1", **later).claims
        beside = runs.claim_due(begin_write(other), node="n2", **later).claims

    assert [f"{each.scheduled_for:%H:%M}" for each in begun] == ["12:30"]
    assert beside == []
    assert states() == {"12:00": "success", "12:30": "running", "13:00": "due"}
