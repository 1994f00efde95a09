"""The tick ledger: what is proved from rows that were run, lost, doubled, missed, and from jobs that were changed."""

import json
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from cronjobs.models import AuditEvent, Job, JobExecution
from cronjobs.services import jobs, schedules
from cronjobs.services.ledger import proofs
from cronjobs.services.ledger.proofs import Window
from crossfade import clock

HOUR = timedelta(hours=1)
TEN = timedelta(minutes=10)
NOON = clock.now().replace(minute=0, second=0, microsecond=0) - 12 * HOUR
"""Some hours ago; the window is the hour from then on, in which `*/10` has the seven ticks 0 to 6."""
CREATED = NOON - timedelta(days=3)


def tick(number):
    return NOON + number * TEN


@pytest.fixture
def job(router):
    """Stores a job that was created through the application, three days ago unless told otherwise."""

    def add(name="nightly", *, created=CREATED, changes=(), logged=True, **fields):
        at = clock.naive_utc(created)
        values = {"cron_expression": "*/10 * * * *", "cron_dialect": "standard", "is_active": True, "end_date": None}
        values |= {"timezone": None, "start_date": None} | fields
        stamps = {"created_at": at, "updated_at": at, "planned_at": at}
        added = Job(name=name, target_url="http://127.0.0.1:9/", **(stamps | values))
        with router.session("flask") as session:
            session.add(added)
            session.flush()
            first = {
                name: getattr(added, name) for name in ("cron_expression", "cron_dialect", "end_date", "is_active")
            }
            for _, differences in reversed(changes):
                first |= {name: before for name, (before, _) in differences.items()}
            if logged:
                log(session, added, created, "created", {name: (None, value) for name, value in first.items()})
            for moment, differences in changes:
                log(session, added, moment, "updated", differences)
                added.updated_at = added.planned_at = clock.naive_utc(moment)
        return added

    return add


def log(session, job, moment, action, differences):
    shown = {
        name: {"before": before, "after": after.isoformat() if isinstance(after, date) else after}
        for name, (before, after) in differences.items()
        if before != after
    }
    session.add(
        AuditEvent(
            occurred_at=clock.naive_utc(moment),
            action=action,
            kind="job",
            subject_id=job.id,
            subject_name=job.name,
            changes=json.dumps(shown),
        )
    )


@pytest.fixture
def ran(router):
    """Stores rows of a job: one for each of the ticks, or a missed one from the first to the last."""

    def add(job, *ticks, state="success", missed_from=None):
        with router.session("flask") as session:
            for at in ticks:
                session.add(
                    JobExecution(
                        job_id=job.id,
                        status="success" if state == "success" else "failed",
                        state=state,
                        trigger_type="scheduled",
                        started_at=clock.naive_utc(at),
                        scheduled_for=clock.naive_utc(at),
                        missed_from=None if missed_from is None else clock.naive_utc(missed_from),
                    )
                )

    return add


@pytest.fixture
def prove(router, settings):
    """Proves the hour."""

    @contextmanager
    def look():
        with router.session("flask") as session:
            yield [session]

    def run(first=NOON, until=NOON + HOUR, **window):
        return proofs.prove(look, Window(first, until, **window), zone=settings.zone)

    return run


def told(proof):
    return {verdict: number for verdict, number in proof.counts.items() if number}


def offences(proof):
    return [(each.job_name, each.offence.verdict, each.offence.tick) for each in proof.offenders]


def unknown(proof):
    return [(each.start, each.end) for each in proof.unknown]


def test_where_every_tick_has_a_run_it_is_proved(job, ran, prove):
    ran(job(), *map(tick, range(7)))

    proof = prove()

    assert proof.ok
    assert (proof.jobs, proof.expected, told(proof)) == (1, 7, {"run": 7})


def test_a_tick_without_a_row_is_absent(job, ran, prove):
    ran(job("lossy"), *map(tick, (0, 1, 2, 4, 5, 6)))

    proof = prove()

    assert not proof.ok
    assert told(proof) == {"run": 6, "absent": 1}
    assert offences(proof) == [("lossy", "absent", tick(3))]


def test_ticks_of_an_outage_are_told_by_their_missed_row(job, ran, prove):
    added = job()
    ran(added, tick(0), tick(6))
    ran(added, tick(4), state="missed", missed_from=tick(1))
    ran(added, tick(5), state="skipped")

    proof = prove()

    assert proof.ok
    assert told(proof) == {"run": 2, "missed": 4, "skipped": 1}


def test_an_outage_that_reaches_beyond_the_window_answers_the_ticks_inside(job, ran, prove):
    added = job()
    ran(added, tick(1), state="missed", missed_from=NOON - 5 * HOUR)
    ran(added, tick(2), tick(3), tick(4))
    ran(added, NOON + 2 * HOUR, state="missed", missed_from=tick(5))

    assert told(prove()) == {"missed": 4, "run": 3}


def test_a_tick_that_was_run_and_is_missed_too_is_double(job, ran, prove):
    added = job("twice")
    ran(added, *map(tick, range(7)))
    ran(added, tick(3) + timedelta(minutes=1), state="missed", missed_from=tick(2))

    proof = prove()

    assert not proof.ok
    assert offences(proof) == [("twice", "double", tick(2)), ("twice", "double", tick(3))]
    assert all(len(each.offence.rows) == 2 for each in proof.offenders)


def test_a_run_at_no_tick_is_extra(job, ran, prove):
    added = job("early")
    ran(added, *map(tick, range(7)), tick(3) - timedelta(minutes=1), tick(6) - timedelta(minutes=3))

    proof = prove()

    assert not proof.ok
    assert offences(proof) == [
        ("early", "extra", tick(3) - timedelta(minutes=1)),
        ("early", "extra", tick(6) - timedelta(minutes=3)),
    ]


def test_what_the_scheduler_still_has_to_come_to_is_owed_and_not_lost(job, ran, prove):
    added = job(next_run_at=clock.naive_utc(tick(4)))
    ran(added, *map(tick, range(4)))

    proof = prove()

    assert proof.ok
    assert (told(proof), proof.expected) == ({"run": 4, "owed": 3}, 7)


def test_what_is_not_over_yet_is_not_proved(job, prove):
    job(next_run_at=clock.naive_utc() + HOUR)

    proof = prove(clock.now() - timedelta(seconds=1), clock.now() + 24 * HOUR)

    assert proof.window.until <= clock.now()
    assert proof.expected <= 1


def test_a_job_that_was_changed_is_held_to_what_it_was_at_the_time(job, ran, prove):
    changed = tick(3) + timedelta(minutes=5)
    added = job(
        cron_expression="*/20 * * * *",
        changes=[(changed, {"cron_expression": ("*/10 * * * *", "*/20 * * * *"), "name": ("old", "nightly")})],
    )
    ran(added, *map(tick, (0, 1, 2, 3, 4, 6)))

    proof = prove()

    assert proof.ok
    assert told(proof) == {"run": 6}


def test_a_job_is_not_due_before_it_exists_nor_while_it_is_paused(job, ran, prove):
    young = job("young", created=tick(3) + timedelta(minutes=1))
    ran(young, *map(tick, (4, 5, 6)))
    pause, resume = tick(1) + timedelta(minutes=1), tick(4) + timedelta(minutes=1)
    rested = job("rested", changes=[(pause, {"is_active": (True, False)}), (resume, {"is_active": (False, True)})])
    ran(rested, *map(tick, (0, 1, 5, 6)))

    proof = prove()

    assert proof.ok
    assert told(proof) == {"run": 7}
    assert proof.unknown == []


def test_a_run_while_it_was_paused_is_extra(job, ran, prove):
    ran(job("zombie", is_active=False), tick(2))

    assert offences(prove()) == [("zombie", "extra", tick(2))]


@pytest.mark.parametrize("answered", [True, False])
def test_so_close_to_a_change_both_is_right(job, ran, prove, answered):
    paused = tick(3) + timedelta(seconds=3)
    added = job(is_active=False, changes=[(paused, {"is_active": (True, False)})])
    ran(added, *map(tick, range(4 if answered else 3)))

    proof = prove()

    assert proof.ok
    assert told(proof) == {"run": 3, "undecided": 1}


def test_first_and_last_day_zone_and_dialect_are_the_job_s_own(job, ran, prove, settings):
    today = NOON.astimezone(settings.zone).date()
    job("not yet", start_date=today + timedelta(days=2))
    job("over", end_date=today - timedelta(days=2))
    # 5:45 ahead of UTC: its full hours are at a quarter past ours.
    kathmandu = job("abroad", timezone="Asia/Kathmandu", cron_expression="0 * * * *")
    ran(kathmandu, NOON + timedelta(minutes=15))

    proof = prove()

    assert proof.ok
    assert told(proof) == {"run": 1}


def test_a_change_that_nobody_recorded_leaves_nothing_to_be_proved_before_it(job, ran, prove, router):
    added = job()
    changed = tick(2) + timedelta(minutes=5)
    with router.session("flask") as session:
        session.get_one(Job, added.id).updated_at = clock.naive_utc(changed)
    ran(added, *map(tick, (0, 3, 4, 5, 6)))

    proof = prove()

    assert proof.ok
    assert told(proof) == {"run": 4}
    assert unknown(proof) == [(NOON, changed)]
    assert "records nothing" in proof.unknown[0].reason


def test_a_row_that_is_not_what_the_log_left_is_not_believed(job, ran, prove):
    first, second = tick(1) + timedelta(minutes=5), tick(4) + timedelta(minutes=5)
    added = job(
        cron_expression="*/30 * * * *",
        changes=[
            (first, {"cron_expression": ("*/10 * * * *", "*/20 * * * *")}),
            (second, {"cron_expression": ("*/5 * * * *", "*/30 * * * *")}),
        ],
    )
    ran(added, *map(tick, (0, 1, 6)))

    proof = prove()

    assert told(proof) == {"run": 3}
    assert unknown(proof) == [(first, second)]


def test_a_renamed_team_changes_the_row_and_no_schedule(job, ran, prove, router):
    added = job()
    moment = clock.naive_utc(tick(2))
    with router.session("flask") as session:
        session.get_one(Job, added.id).updated_at = moment
        session.add(
            AuditEvent(
                occurred_at=moment, action="updated", kind="pic_team", subject_id="t", subject_name="T", changes="{}"
            )
        )
    ran(added, *map(tick, range(7)))

    assert prove().unknown == []


def test_of_a_job_from_before_us_nothing_is_known_until_its_first_tick(job, ran, prove):
    ran(job("adopted", logged=False), *map(tick, (2, 3, 4, 5, 6)))
    job("never ran", logged=False)

    proof = prove()

    assert proof.ok
    assert told(proof) == {"run": 4, "undecided": 1}
    assert sorted(unknown(proof)) == [(NOON, tick(2)), (NOON, NOON + HOUR)]


def test_a_job_that_somebody_inserted_within_the_window_is_due_from_then_on(job, prove):
    job("by hand", created=tick(4) + timedelta(minutes=1), logged=False)

    assert offences(prove()) == [("by hand", "absent", tick(5)), ("by hand", "absent", tick(6))]


def test_where_runs_are_deleted_nothing_is_proved(job, ran, prove):
    ran(job(), *map(tick, (3, 4, 5, 6)))

    proof = prove(kept_since=tick(3) - timedelta(minutes=1))

    assert told(proof) == {"run": 4}
    assert unknown(proof) == [(NOON, tick(3) - timedelta(minutes=1))]


@pytest.mark.parametrize("fault", [{"timezone": "Mars/Olympus"}, {"cron_expression": "every day"}])
def test_what_can_not_be_read_can_not_be_proved(job, prove, fault):
    job(**fault)

    proof = prove()

    assert proof.ok
    assert unknown(proof) == [(NOON, NOON + HOUR)]
    assert next(iter(fault.values())) in proof.unknown[0].reason


def test_one_job_alone_is_proved_alone(job, prove):
    job("one")
    wanted = job("other")

    proof = prove(job_id=wanted.id)

    assert {each.job_name for each in proof.offenders} == {"other"}
    assert (proof.jobs, told(proof)) == (1, {"absent": 7})


def test_jobs_come_in_batches_and_offences_are_all_counted(job, prove, monkeypatch):
    monkeypatch.setattr(proofs, "BATCH", 4)
    monkeypatch.setattr(proofs, "LISTED", 10)
    for number in range(9):
        job(f"job {number}")

    proof = prove()

    assert (proof.jobs, told(proof), len(proof.offenders)) == (9, {"absent": 63}, 10)


def test_a_fault_of_the_scheduler_s_own_reckoning_does_not_hide_itself(job, prove, monkeypatch):
    job()
    monkeypatch.setattr(schedules.Schedule, "ticks", lambda *_, **__: iter(()))

    assert told(prove()) == {"absent": 7}


def test_deleted_jobs_and_runs_of_the_legacy_application_are_mentioned(job, prove, router, write, world):
    added = job()
    with router.session("flask") as session:
        session.add(
            JobExecution(
                job_id=added.id, status="success", trigger_type="scheduled", started_at=clock.naive_utc(tick(1))
            )
        )
        log(session, Job(id="gone", name="gone"), tick(2), "deleted", {})

    proof = prove()

    assert (proof.unassigned_runs, proof.deleted_jobs) == (1, 1)


def test_the_services_own_records_are_read(prove, router, write, session, settings, world):
    """A job that was made, changed and paused through the services is known from its first moment on."""
    from cronjobs.models import User

    admin = session.get_one(User, world.people["admin"].id)
    session.rollback()
    draft = {"name": "made", "cron_expression": "* * * * *", "end_date": date(2099, 1, 1), "pic_team": "platform"}
    draft |= {"target_url": "https://example.com/"}
    made = write(jobs.create, admin, draft, settings).id
    write(jobs.change, admin, made, {"cron_expression": "*/2 * * * *", "end_date": date(2098, 1, 1)}, settings)
    write(jobs.change, admin, made, {"is_active": False}, settings)

    proof = prove(clock.now() - HOUR, clock.now())

    assert (proof.jobs, proof.unknown, proof.offenders) == (1, [], [])


# --- two databases ----------------------------------------------------------------------------------------------------


@pytest.fixture
def prove_both(world, open_world, settings):
    """Proves the hour over two databases; the anchor is the world's, the other one PostgreSQL's."""
    other = open_world("postgresql")

    @contextmanager
    def look():
        with world.router.session("flask") as anchor, other.router.session("flask") as second:
            yield [anchor, second]

    def run(rows):
        with other.router.session("flask") as session:
            for row in rows:
                session.add(row)
                session.flush()
        return proofs.prove(look, Window(NOON, NOON + HOUR), zone=settings.zone)

    yield run
    other.restore()


def copied(job):
    stamps = ("created_at", "updated_at", "planned_at")
    fields = ("id", "name", "cron_expression", "cron_dialect", "target_url", "is_active", *stamps)
    return Job(**{name: getattr(job, name) for name in fields})


def run_of(job, at, **fields):
    moment = clock.naive_utc(at)
    values = {"status": "success", "trigger_type": "scheduled", "started_at": moment, "scheduled_for": moment}
    return JobExecution(job_id=job.id, **(values | fields))


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_job_that_was_copied_is_one_job_whose_rows_of_both_count(job, ran, prove_both, session):
    added = job("copied")
    ran(added, *map(tick, range(5)))
    with session.begin():
        first = session.scalars(select(JobExecution).order_by(JobExecution.scheduled_for)).first()
        # The row that was copied along, one that fired there alone, and one that fired on both sides.
        rows = [run_of(added, tick(0), id=first.id), run_of(added, tick(5)), run_of(added, tick(3))]

    proof = prove_both([copied(added), *rows])

    assert told(proof) == {"run": 5, "double": 1, "absent": 1}
    assert offences(proof) == [("copied", "double", tick(3)), ("copied", "absent", tick(6))]
    assert proof.jobs == 1


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_job_of_the_other_database_is_proved_there(job, prove_both):
    own = Job(id="own", name="own", cron_expression="*/10 * * * *", target_url="http://127.0.0.1:9/")
    own.created_at = own.updated_at = own.planned_at = clock.naive_utc(tick(2) + timedelta(minutes=1))

    proof = prove_both([own, *(run_of(own, tick(number)) for number in (3, 4, 5, 6))])

    assert proof.ok
    assert told(proof) == {"run": 4}
