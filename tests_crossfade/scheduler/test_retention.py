"""What is old is deleted if somebody asked for it, a batch at a time; nothing else ever is."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from cronjobs.models import JobExecution, Notification
from cronjobs.scheduler import sites
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.services import retention
from cronjobs.settings import Settings
from crossfade import clock


@pytest.fixture
def runs_of(router, add_job):
    """Stores runs of a job that began so many days ago."""

    def store(*days, status="success"):
        job_id = add_job(f"job {len(days)} {status}", is_active=False)
        with router.session("flask") as session:
            for ago in days:
                began = clock.naive_utc() - timedelta(days=ago)
                session.add(JobExecution(job_id=job_id, status=status, trigger_type="manual", started_at=began))

    return store


@pytest.fixture
def notes_of(router, world):
    """Stores notifications that came so many days ago."""

    def store(*days, **columns):
        with router.session("flask") as session:
            for ago in days:
                came = clock.naive_utc() - timedelta(days=ago)
                fields = {"title": "t", "message": "m", "type": "info", "created_at": came} | columns
                session.add(Notification(user_id=world.people["viewer"].id, **fields))

    return store


@pytest.fixture
def count(router):
    def counted(table):
        with router.session("flask") as session:
            return session.scalar(select(func.count()).select_from(table))

    return counted


def test_old_executions_are_deleted_and_young_ones_stay(runs_of, write, count):
    runs_of(31, 30.1, 29.9, 1)

    assert write(retention.prune_executions, 30) == 2
    assert write(retention.prune_executions, 30) == 0

    assert count(JobExecution) == 2


def test_a_running_execution_is_never_deleted(runs_of, write, count):
    runs_of(400, status="running")

    assert write(retention.prune_executions, 1) == 0

    assert count(JobExecution) == 1


def test_a_claim_of_a_tick_of_long_ago_is_kept_as_long_as_any(add_job, session, write):
    """It keeps its tick from being run again: what is caught up with is as old as the outage was long."""
    now = clock.naive_utc()
    tick = {"job_id": add_job(), "scheduled_for": now - timedelta(days=40), "trigger_type": "scheduled"}
    session.add(JobExecution(state="success", status="success", started_at=now - timedelta(hours=23), **tick))
    session.commit()

    assert write(retention.prune_executions, 1) == 0


def test_a_run_that_waits_is_never_deleted(add_job, session, write):
    old = clock.naive_utc() - timedelta(days=40)
    waits = {"state": "due", "status": "running", "due_at": old, "attempt": 1, "scheduled_for": old}
    session.add(JobExecution(job_id=add_job(), trigger_type="scheduled", started_at=old, **waits))
    session.commit()

    assert write(retention.prune_executions, 1) == 0


def test_nothing_younger_than_a_day_is_deleted(runs_of, notes_of, write, count):
    runs_of(0.9)
    notes_of(0.9)

    assert write(retention.prune_executions, 0) == write(retention.prune_notifications, 0) == 0

    assert count(JobExecution) == count(Notification) == 1


def test_old_notifications_are_deleted_read_or_not(notes_of, write, count):
    notes_of(31, 10)
    notes_of(31, is_read=True)

    assert write(retention.prune_notifications, 30) == 2

    assert count(Notification) == 1


def test_a_notification_outlives_its_execution(runs_of, notes_of, write, session):
    runs_of(31)
    notes_of(0, related_execution_id=session.scalar(select(JobExecution.id)))
    session.rollback()

    write(retention.prune_executions, 30)

    assert session.scalars(select(Notification.related_execution_id)).all() == [None]


def test_a_batch_is_small_and_takes_the_oldest_first(runs_of, write, count, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    runs_of(33, 35, 34)

    assert [write(retention.prune_executions, 30) for _ in range(2)] == [2, 1]

    assert count(JobExecution) == 0


def test_it_is_off_unless_asked_for(tmp_path):
    assert retention.wanted(Settings(root=tmp_path)) == []

    asked = Settings(root=tmp_path, execution_retention_days=30)
    assert retention.wanted(asked) == [(retention.prune_executions, 30)]


def test_a_scheduler_deletes_what_is_asked_for_batch_by_batch(router, settings, runs_of, notes_of, count, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(sites, "_BREATH_SECONDS", 0.01)
    runs_of(31, 32, 33, 34, 35, 1)
    notes_of(400)

    scheduler = Scheduler(router, settings.model_copy(update={"execution_retention_days": 30}), "flask")
    scheduler.start()
    try:
        latest = time.monotonic() + 20
        while count(JobExecution) != 1:
            assert time.monotonic() < latest, "it never happened"
            time.sleep(0.05)
    finally:
        scheduler.stop()

    assert count(Notification) == 1
