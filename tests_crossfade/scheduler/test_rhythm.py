"""Passes come as a second begins, whenever the process was started: then no run waits for the rest of one."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select

from cronjobs.models import JobExecution
from cronjobs.scheduler import rhythm
from crossfade import clock

NOW = datetime(2026, 11, 23, 12, 0, 0, 734_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("interval", [0.25, 1.0, 5.0])
def test_passes_come_just_after_whole_intervals_and_each_once(interval):
    wanted = timedelta(seconds=interval)
    passes = rhythm.of_passes(wanted, timedelta)

    times = [passes.get_next_fire_time(None, NOW)]
    for _ in range(20):
        times.append(passes.get_next_fire_time(times[-1], times[-1]))

    assert NOW < times[0] <= NOW + wanted
    assert all(0.005 <= each.timestamp() % interval <= 0.02 for each in times)
    assert {later - earlier for earlier, later in pairwise(times)} == {wanted}


@pytest.mark.parametrize("ahead", [-3.4, -0.25, 0.0, 0.3, 5.0])
def test_the_seconds_are_those_of_the_clock_that_decides(ahead):
    skew = timedelta(seconds=ahead)

    at = rhythm.of_passes(SECOND, lambda: skew).get_next_fire_time(None, NOW)

    assert NOW < at <= NOW + SECOND
    assert 0.005 <= (at - skew).timestamp() % 1 <= 0.02


def test_a_clock_that_is_set_while_a_process_waits_makes_no_pass_come_twice_at_once():
    skew = timedelta(0)
    passes = rhythm.of_passes(SECOND, lambda: skew)
    first = passes.get_next_fire_time(None, NOW)

    skew = timedelta(milliseconds=-4)

    assert passes.get_next_fire_time(first, first) > first + SECOND / 2


def test_chores_keep_out_of_the_way_of_passes():
    chores = rhythm.of_chores(timedelta(minutes=10))

    first = chores.get_next_fire_time(None, clock.now())

    assert first.microsecond == 500_000
    assert chores.get_next_fire_time(first, first) == first + timedelta(minutes=10)


def test_a_run_begins_as_its_second_does_though_the_process_was_started_in_the_middle_of_one(
    start, add_job, target, session, eventually
):
    time.sleep((0.5 - time.time()) % 1)
    start(scheduler_poll_seconds=1.0)
    for ahead in (2, 3, 4):
        due = datetime.fromtimestamp(int(time.time()) + ahead, UTC).replace(tzinfo=None)
        add_job(f"job {ahead}", target_url=target.answers(f"/{ahead}"), next_run_at=due)

    eventually(lambda: session.scalar(select(func.count()).where(JobExecution.status == "success")) == 3)

    began = session.execute(select(JobExecution.started_at, JobExecution.scheduled_for)).all()
    # The middle of a second would make all of them half a second late; a busy machine makes one so, but not all.
    assert min(at - due for at, due in began) < timedelta(seconds=0.4)
