"""What becomes of runs that are late, that overlap, that fail, or whose process dies. On both databases.

The outage of most of these lasts two hours, from ten to noon: a job of every half hour was due at 10:00, 10:30, 11:00,
11:30 and 12:00, and at noon somebody ticks again.
"""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from cronjobs.models import Job, JobExecution, Notification
from cronjobs.models.executions import STATUS_OF
from cronjobs.services import runs
from cronjobs.services.calls import Outcome
from cronjobs.services.runs import leases, policies
from crossfade import clock
from crossfade.database.sessions import begin_write

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEN = NOON - timedelta(hours=2)
HALF_HOURS = "*/30 * * * *"
MINUTE = timedelta(minutes=1)
GOOD, BAD = Outcome(ok=True, status=200), Outcome(ok=False, status=500, error="The target answered 500.")


@pytest.fixture
def down(add_job):
    """Adds a job that was due at ten, and every half hour since."""

    def add(name="nightly", **fields):
        return add_job(name, **{"cron_expression": HALF_HOURS, "next_run_at": clock.naive_utc(TEN), **fields})

    return add


@pytest.fixture
def told(session):
    """The titles in the admin's inbox."""

    def titles():
        session.rollback()
        return sorted({(row.title, row.related_execution_id) for row in session.scalars(select(Notification))})

    return titles


@pytest.fixture
def states(session):
    """The runs of a job, by their ticks: time → state, and how many ticks a missed one stands for."""

    def look(job_id=None):
        session.rollback()
        found = session.scalars(select(JobExecution).order_by(JobExecution.scheduled_for)).all()
        assert all(run.status == STATUS_OF[run.state] for run in found)
        assert all((run.completed_at is None) == (run.status == "running") for run in found)
        assert all((run.due_at is None) == (run.state != "due") for run in found)
        return {
            f"{run.scheduled_for:%H:%M}": run.state + (f" {run.missed_count}" if run.missed_count else "")
            for run in found
            if job_id in {None, run.job_id}
        }

    return look


def run_out(claim, write, *, now=NOON):
    """Runs what is due and becomes due by it, one after the other; the ticks in their order."""
    ran = []
    while claims := claim(now=now):
        for each in claims:
            ran.append(f"{each.scheduled_for:%H:%M}")
            assert write(runs.finish, each, GOOD, now=now)
    return ran


# --- two hours of outage ----------------------------------------------------------------------------------------------


def test_run_once_runs_the_latest_and_counts_the_others_in_one_row(claim, write, down, states, told):
    down()

    assert run_out(claim, write) == ["12:00"]

    assert states() == {"11:30": "missed 4", "12:00": "success"}
    assert [title for title, _ in told()] == ["Job missed: nightly", "Job succeeded: nightly"]


def test_run_once_with_a_grace_runs_nothing_that_is_later(claim, write, down, states):
    down(misfire_grace_seconds=300)

    assert run_out(claim, write, now=NOON + 6 * MINUTE) == []

    assert states() == {"12:00": "missed 5"}


def test_run_all_runs_each_after_the_other(claim, write, down, states, session):
    job_id = down(misfire_policy="run_all")

    (first,) = claim()
    assert states() == {"10:00": "running", "10:30": "due", "11:00": "due", "11:30": "due", "12:00": "due"}
    assert claim(node="n2") == []
    write(runs.finish, first, GOOD, now=NOON)

    assert run_out(claim, write) == ["10:30", "11:00", "11:30", "12:00"]
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


def test_run_all_counts_what_is_older_than_its_grace(claim, write, down, states):
    down(misfire_policy="run_all", misfire_grace_seconds=3600)

    assert run_out(claim, write) == ["11:00", "11:30", "12:00"]

    assert states() == {"10:30": "missed 2", "11:00": "success", "11:30": "success", "12:00": "success"}


@pytest.mark.parametrize(
    ("late", "expected"), [(MINUTE, {"11:30": "missed 4", "12:00": "success"}), (2 * MINUTE, {"12:00": "missed 5"})]
)
def test_skip_runs_what_is_a_minute_late_and_nothing_older(late, expected, claim, write, down, states):
    down(misfire_policy="skip")

    run_out(claim, write, now=NOON + late)

    assert states() == expected


def test_a_week_of_minutes_is_one_row_and_one_look(claim, write, down, states):
    down(cron_expression="* * * * *", next_run_at=clock.naive_utc(NOON - timedelta(days=7)))

    assert run_out(claim, write) == ["12:00"]

    assert states() == {"11:59": "missed 10080", "12:00": "success"}


def test_many_ticks_to_catch_up_with_are_all_run_and_hold_up_nobody(claim, write, down, states):
    since = clock.naive_utc(NOON - 150 * MINUTE)
    busy = down("busy", cron_expression="* * * * *", misfire_policy="run_all", next_run_at=since)
    down("other", next_run_at=clock.naive_utc(NOON - MINUTE))

    assert {each.job_name for each in claim()} == {"busy", "other"}
    assert len(run_out(claim, write)) == 0  # the first goes on
    assert list(states(busy).values()).count("due") == 150


def test_what_is_changed_while_a_tick_is_owed_keeps_that_tick(claim, write, down, states):
    down(cron_expression="15 * * * *", misfire_policy="run_all")  # and ten o'clock was due before

    assert run_out(claim, write) == ["10:00", "10:15", "11:15"]


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


# --- overlap ----------------------------------------------------------------------------------------------------------


def test_a_tick_is_skipped_while_a_run_goes_on_and_nobody_is_told(claim, down, states, told):
    down(next_run_at=clock.naive_utc(NOON))
    claim()

    assert claim(now=NOON + 30 * MINUTE) == []

    assert states() == {"12:00": "running", "12:30": "skipped"}
    assert told() == []


def test_ticks_queue_while_a_run_goes_on(claim, write, down, states):
    down(next_run_at=clock.naive_utc(NOON), overlap_policy="queue")
    (first,) = claim()
    for number in (1, 2):
        assert claim(now=NOON + number * 30 * MINUTE) == []
    assert states() == {"12:00": "running", "12:30": "due", "13:00": "due"}

    write(runs.finish, first, GOOD, now=NOON + 61 * MINUTE)

    assert run_out(claim, write, now=NOON + 62 * MINUTE) == ["12:30", "13:00"]


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


# --- jobs that nobody can read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"timezone": "Mars/Olympus"}, "no IANA time zone"),
        ({"misfire_policy": "maybe"}, "misfire_policy is 'maybe'"),
        ({"overlap_policy": "perhaps"}, "overlap_policy is 'perhaps'"),
        ({"on_crash": "cry"}, "on_crash is 'cry'"),
        ({"max_retries": -1}, "max_retries is -1"),
        ({"misfire_grace_seconds": -5}, "misfire_grace_seconds is -5"),
        ({"cron_expression": "soon"}, "cron expression"),
    ],
)
def test_a_job_that_became_invalid_is_paused_with_a_note_and_stops_no_other(broken, why, claim, down, session, told):
    job_id = down("broken", **broken)
    down("sound")

    assert [each.job_name for each in claim()] == ["sound"]

    session.rollback()
    assert not session.get(Job, job_id, populate_existing=True).is_active
    # What it owed has left a trace, and is not told besides.
    (left,) = session.scalars(select(JobExecution).where(JobExecution.job_id == job_id))
    assert (left.state, left.missed_count >= 1) == ("missed", True)
    assert "when the job was paused" in left.error_message
    assert [title for title, _ in told() if "broken" in title] == ["Job paused: broken"]
    assert why in session.scalar(select(Notification.message).where(Notification.title == "Job paused: broken"))


def test_a_waiting_run_of_a_job_that_became_invalid_ends(claim, write, down, states, session):
    down(next_run_at=clock.naive_utc(NOON), max_retries=1, retry_delay_seconds=0)
    (claimed,) = claim()
    write(runs.finish, claimed, BAD, now=NOON)
    session.execute(update(Job).values(on_crash="cry", planned_at=Job.updated_at, updated_at=Job.updated_at))
    session.commit()

    assert claim(now=NOON + MINUTE) == []

    assert states() == {"12:00": "failed"}


# --- workers ----------------------------------------------------------------------------------------------------------


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
