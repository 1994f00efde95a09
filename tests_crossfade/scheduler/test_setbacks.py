"""What befalls the scheduler: a database that is away, errors, the orphans of the dead. Nothing ends it but `stop`."""

import logging
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from cronjobs.models import JobExecution
from cronjobs.scheduler import flights, nodes, recorder, ticker
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.services import runs
from cronjobs.services.runs import leases
from crossfade import clock

PATIENCE = 20.0


def test_the_orphans_of_dead_processes_are_closed(start, add_job, session, statuses, eventually):
    job_id = add_job(next_run_at=None)
    past = clock.naive_utc() - timedelta(minutes=5)
    with session.begin():
        session.add(
            JobExecution(
                job_id=job_id,
                status="running",
                trigger_type="scheduled",
                started_at=past,
                scheduled_for=past,
                owner="flask:gone:1:abc",
                lease_until=past + leases.LEASE,
            )
        )

    start()

    eventually(lambda: statuses() == {"failed": 1})


def test_a_failing_database_is_logged_once_and_asked_again(
    start, add_job, target, statuses, monkeypatch, caplog, eventually
):
    caplog.set_level(logging.INFO)
    failing = threading.Event()
    failing.set()
    look = runs.is_anything_due

    def sometimes(session):
        if failing.is_set():
            raise OperationalError("SELECT", {}, Exception("the database is away"))
        return look(session)

    monkeypatch.setattr(runs, "is_anything_due", sometimes)
    add_job(target_url=target.answers("/hook"))
    start()
    eventually(lambda: "can't claim" in caplog.text)
    failing.clear()

    eventually(lambda: statuses() == {"success": 1})
    said = [record.getMessage() for record in caplog.records if "claim" in record.getMessage()]
    assert len([line for line in said if "can't claim, and goes on trying" in line]) == 1
    assert len([line for line in said if "can claim again" in line]) == 1


def test_an_outcome_is_stored_once_the_database_is_back(start, add_job, target, statuses, monkeypatch, eventually):
    monkeypatch.setattr(recorder, "_RETRY_SECONDS", 0.02)
    finish, refused = runs.finish_all, []

    def sometimes(session, ended):
        if len(refused) < 3:
            refused.append(ended)
            raise OperationalError("UPDATE", {}, Exception("the database is away"))
        return finish(session, ended)

    sometimes.__name__ = "finish_all"
    monkeypatch.setattr(runs, "finish_all", sometimes)
    add_job(target_url=target.answers("/hook"))

    start()

    eventually(lambda: statuses() == {"success": 1})
    assert len(target.received) == 1


def test_an_unforeseen_error_does_not_end_it(start, add_job, target, statuses, monkeypatch, caplog, eventually):
    claim, failures = runs.claim_due, []

    def sometimes(session, **options):
        if not failures:
            failures.append(options)
            raise ZeroDivisionError
        return claim(session, **options)

    monkeypatch.setattr(runs, "claim_due", sometimes)
    add_job(target_url=target.answers("/hook"))

    start()

    eventually(lambda: statuses() == {"success": 1})
    assert "ZeroDivisionError" in caplog.text


def test_a_run_that_was_claimed_before_a_long_freeze_does_not_happen(
    start, add_job, target, session, statuses, monkeypatch, eventually
):
    """A lease is over when the process wakes up: somebody else may have closed the run."""
    monkeypatch.setattr(flights, "_MARGIN", leases.LEASE)
    add_job(target_url=target.answers("/hook"))

    start()
    eventually(lambda: statuses() == {"failed": 1})

    assert target.received == []
    assert "froze between claiming" in session.scalar(select(JobExecution.error_message))


def test_a_database_without_the_tables_is_survived(start, session, world, caplog, eventually):
    session.execute(text("ALTER TABLE scheduler_nodes RENAME TO hidden"))
    session.commit()
    try:
        scheduler = start()
        eventually(lambda: "can't beat" in caplog.text)
        assert scheduler.running
    finally:
        session.execute(text("ALTER TABLE hidden RENAME TO scheduler_nodes"))
        session.commit()


def test_a_scheduler_that_does_not_end_in_time_is_left_behind_and_named(
    start, add_job, target, monkeypatch, caplog, eventually
):
    monkeypatch.setattr(ticker, "DEADLINE", 0.0)
    monkeypatch.setattr(ticker, "_RECORDING", timedelta(seconds=0.1))
    release, holding = threading.Event(), threading.Event()

    def hold(session):
        holding.set()
        release.wait(PATIENCE)
        return False

    monkeypatch.setattr(runs, "is_anything_due", hold)
    scheduler = start()
    holding.wait(PATIENCE)

    scheduler.stop()
    said = caplog.text
    release.set()

    assert "did not end in time" in said
    eventually(lambda: not scheduler.running)


def test_a_scheduler_that_can_not_begin_says_so_to_who_starts_it(router, settings, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(ticker, "AsyncIOScheduler", broken)

    with pytest.raises(ZeroDivisionError):
        Scheduler(router, settings, "flask").start()


def test_an_outcome_that_can_not_be_stored_is_given_up_with_the_lease(
    start, add_job, target, monkeypatch, caplog, eventually
):
    monkeypatch.setattr(recorder, "_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=10.5))

    def away(*_):
        raise OperationalError("UPDATE", {}, Exception("the database is away"))

    async def expire(_, writer):
        monkeypatch.setattr(leases, "LEASE", timedelta())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    away.__name__ = "finish_all"
    monkeypatch.setattr(runs, "finish_all", away)
    job_id = add_job(target_url=target.does("/hook", expire))

    start()

    eventually(lambda: "its outcome could not be stored" in caplog.text)
    assert job_id in caplog.text


def test_an_unforeseen_error_while_executing_ends_that_run_alone(
    start, add_job, target, statuses, monkeypatch, caplog, eventually
):
    finish = runs.finish

    def fail_once(session, claim, outcome):
        if claim.job_name == "cursed":
            raise ZeroDivisionError
        return finish(session, claim, outcome)

    def fail_together(session, ended):
        assert ended
        raise ZeroDivisionError

    monkeypatch.setattr(runs, "finish", fail_once)
    monkeypatch.setattr(runs, "finish_all", fail_together)
    for name in ("cursed", "fine"):
        add_job(name, target_url=target.answers("/hook"))

    start()

    # The cursed run is "running" before and after it fails: what is said of it tells the two apart.
    eventually(lambda: "writing down how it went failed" in caplog.text)
    eventually(lambda: statuses() == {"running": 1, "success": 1})


def test_many_orphans_are_closed_in_portions(start, add_job, session, statuses, monkeypatch, eventually):
    monkeypatch.setattr(runs, "reap", lambda opened, reap=runs.reap, **_: reap(opened, limit=2))
    monkeypatch.setattr(runs.reap, "__name__", "reap")
    monkeypatch.setattr(runs, "REAPED_AT_ONCE", 2)
    job_id = add_job(next_run_at=None)
    past = clock.naive_utc() - timedelta(hours=2)
    with session.begin():
        for _ in range(5):
            session.add(JobExecution(job_id=job_id, status="running", trigger_type="manual", started_at=past))

    start()

    eventually(lambda: statuses() == {"failed": 5})


def test_a_database_that_is_away_at_the_end_does_not_keep_it_from_ending(start, monkeypatch, caplog):
    def away(*_, **__):
        raise OperationalError("DELETE", {}, Exception("the database is away"))

    away.__name__ = "leave"
    monkeypatch.setattr(nodes, "leave", away)
    scheduler = start()

    scheduler.stop()

    assert not scheduler.running
    assert "could not take itself off the list of nodes" in caplog.text
