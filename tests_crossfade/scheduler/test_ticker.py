"""The scheduler itself: runs happen, go side by side, are written down, and nothing ends it but `stop`."""

import asyncio
import logging
import os
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from cronjobs.models import Job, JobExecution, SchedulerControl, SchedulerNode
from cronjobs.scheduler import flights, nodes, recorder, sites, ticker
from cronjobs.scheduler.ticker import Scheduler
from cronjobs.services import runs
from cronjobs.services.runs import leases
from crossfade import clock

PATIENCE = 20.0


def eventually(question):
    """Waits until it is so."""
    latest = time.monotonic() + PATIENCE
    while not (answer := question()):
        assert time.monotonic() < latest, "it never happened"
        time.sleep(0.02)
    return answer


@pytest.fixture
def start(router, settings):
    """Starts a scheduler for a stack; whatever happens, it is stopped."""
    started = []

    def scheduler(stack="flask", **changes):
        made = Scheduler(router, settings.model_copy(update=changes), stack)
        started.append(made)
        made.start()
        return made

    yield scheduler
    for each in started:
        each.stop()


@pytest.fixture
def statuses(router):
    """How many executions there are of each status."""

    def count():
        with router.session("flask") as session:
            return Counter(session.scalars(select(JobExecution.status)))

    return count


def test_a_due_job_is_fired_and_written_down(start, add_job, target, session, statuses):
    job_id = add_job(target_url=target.answers("/hook", 200, "thanks"), job_metadata='{"a": 1}')

    start()
    eventually(lambda: statuses() == {"success": 1})

    row = session.scalar(select(JobExecution))
    assert (row.job_id, row.trigger_type, row.response_status, row.output) == (job_id, "scheduled", 200, "thanks")
    assert row.owner.startswith("flask:")
    assert [each.json for each in target.received] == [{"a": 1}]
    assert session.get(Job, job_id).next_run_at > row.scheduled_for


def test_a_job_that_legacy_code_makes_while_it_ticks_is_fired(start, add_job, target, statuses, monkeypatch):
    monkeypatch.setattr(ticker, "_REPLANNING", timedelta(seconds=0.1))
    monkeypatch.setattr(sites, "_OVERLAP", timedelta(minutes=5))
    scheduler = start()
    eventually(lambda: scheduler._pulse.sites[0]._replanned_at)

    # One tick at least lies between its making and now.
    made = clock.naive_utc() - timedelta(seconds=61)
    add_job(target_url=target.answers("/hook"), next_run_at=None, planned_at=None, updated_at=made)

    eventually(lambda: statuses()["success"] >= 1)


def test_both_stacks_tick_and_each_run_happens_once(start, add_job, target, session, statuses):
    target.answers("/hook")
    for number in range(40):
        add_job(f"job {number}", target_url=target.url("/hook"), cron_expression="0 0 1 1 *")

    for stack in ("flask", "fastapi", "flask", "fastapi"):
        start(stack)
    eventually(lambda: statuses() == {"success": 40})

    assert len(target.received) == 40
    assert set(Counter(session.scalars(select(JobExecution.job_id))).values()) == {1}


def test_a_failing_target_a_slow_one_and_a_liar_hold_nobody_up(start, add_job, target, session, statuses):
    async def hang(*_):
        await asyncio.sleep(60)

    monday = {"cron_expression": "0 0 1 1 *"}
    for number in range(5):
        add_job(f"slow {number}", target_url=target.does("/slow", hang), **monday)
    add_job("failing", target_url=target.answers("/bad", 500), **monday)
    add_job("lying", target_url=target.sends("/lie", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), **monday)
    add_job("nothing", target_url=None, **monday)
    add_job("nonsense", cron_expression="nonsense", target_url=target.answers("/hook"))
    add_job("good", target_url=target.answers("/good"), **monday)

    start()
    # The fourth that failed says that a tick of nonsense was not made.
    eventually(lambda: statuses() == {"running": 5, "success": 1, "failed": 4})

    assert session.scalar(select(Job.is_active).where(Job.name == "nonsense")) is False


def test_stopping_waits_for_the_runs_in_flight_and_writes_them_down(start, add_job, target, statuses, session):
    release = threading.Event()

    async def wait(_, writer):
        await asyncio.to_thread(release.wait, PATIENCE)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    add_job(target_url=target.does("/slow", wait), cron_expression="0 0 1 1 *")
    scheduler = start()
    eventually(lambda: target.received)

    stopping = threading.Thread(target=scheduler.stop)
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive()
    assert statuses() == {"running": 1}
    release.set()
    stopping.join(PATIENCE)

    assert not scheduler.running
    assert statuses() == {"success": 1}
    assert session.scalar(select(SchedulerNode)) is None


def test_stopping_gives_up_what_takes_too_long_as_its_job_wants_it(start, add_job, target, session, monkeypatch):
    """A run may take an hour, a stop may not."""
    monkeypatch.setattr(ticker, "DEADLINE", 0.1)
    monkeypatch.setattr(ticker, "_RECORDING", timedelta(seconds=3))

    async def hang(*_):
        await asyncio.sleep(600)

    long = {"target_url": target.does("/slow", hang), "timeout_seconds": 600, "cron_expression": "0 0 1 1 *"}
    for policy in ("fail", "retry"):
        add_job(policy, on_crash=policy, **long)
    scheduler = start()
    eventually(lambda: len(target.received) == 2)

    scheduler.stop()

    assert not scheduler.running
    found = session.execute(select(Job.name, JobExecution.state).join(JobExecution, JobExecution.job_id == Job.id))
    assert dict(found.all()) == {"fail": "unknown", "retry": "due"}
    assert "was stopped before the run did" in session.scalar(select(JobExecution.error_message))


def test_after_stopping_nothing_is_claimed(start, add_job, target, statuses):
    scheduler = start()
    scheduler.stop()
    scheduler.stop()

    add_job(target_url=target.answers("/hook"))
    time.sleep(0.3)

    assert statuses() == {}


def test_a_scheduler_can_be_started_again(start, add_job, target, statuses):
    scheduler = start()
    scheduler.start()
    assert [each.name for each in threading.enumerate()].count("cronjobs-scheduler") == 1
    scheduler.stop()

    scheduler.start()
    add_job(target_url=target.answers("/hook"), cron_expression="0 0 1 1 *")

    eventually(lambda: statuses() == {"success": 1})


def test_no_more_runs_than_allowed_go_side_by_side_and_the_rest_follow_at_once(
    start, add_job, target, statuses, monkeypatch
):
    monkeypatch.setattr(ticker, "MOST_RUNS", 3)
    flying, most = [], []

    async def wait(received, writer):
        flying.append(received)
        most.append(len(flying))
        await asyncio.sleep(0.02)
        flying.remove(received)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    target.does("/hook", wait)
    for number in range(12):
        add_job(f"job {number}", target_url=target.url("/hook"), cron_expression="0 0 1 1 *")

    start(scheduler_poll_seconds=60)
    eventually(lambda: statuses() == {"success": 12})

    assert max(most) <= 3


def test_runs_that_take_long_are_renewed(start, add_job, target, session, monkeypatch):
    monkeypatch.setattr(ticker, "_RENEWAL", timedelta(seconds=0.1))
    release = threading.Event()

    async def wait(_, writer):
        await asyncio.to_thread(release.wait, PATIENCE)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    add_job(target_url=target.does("/slow", wait), cron_expression="0 0 1 1 *")
    start()
    eventually(lambda: target.received)
    first = session.execute(select(JobExecution.lease_until)).scalar_one()
    session.rollback()

    def renewed():
        lease = session.execute(select(JobExecution.lease_until)).scalar_one()
        session.rollback()
        return lease > first

    eventually(renewed)
    release.set()


def test_the_orphans_of_dead_processes_are_closed(start, add_job, session, statuses):
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


def test_a_node_is_seen_while_it_ticks(start, session, monkeypatch):
    monkeypatch.setattr(ticker, "_BEAT", timedelta(seconds=0.1))
    start("fastapi")

    def seen():
        node = session.scalar(select(SchedulerNode).execution_options(populate_existing=True))
        session.rollback()
        return node is not None and node.last_pass is not None and '"at": null' not in node.last_pass and node

    node = eventually(seen)
    assert (node.stack, node.process) == ("fastapi", os.getpid())


def test_while_the_switch_is_off_nothing_fires_and_afterwards_it_does(start, add_job, target, session, statuses):
    with session.begin():
        session.add(SchedulerControl(id=1, owner="off"))
    add_job(target_url=target.answers("/hook"), cron_expression="0 0 1 1 *")
    start()
    time.sleep(0.3)
    assert statuses() == {}

    with session.begin():
        session.execute(update(SchedulerControl).values(owner="flask"))

    eventually(lambda: statuses() == {"success": 1})


def test_a_failing_database_is_logged_once_and_asked_again(start, add_job, target, statuses, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    failing = threading.Event()
    failing.set()
    look = runs.is_anything_due

    def sometimes(session):
        if failing.is_set():
            raise OperationalError("SELECT", {}, Exception("the database is away"))
        return look(session)

    monkeypatch.setattr(runs, "is_anything_due", sometimes)
    add_job(target_url=target.answers("/hook"), cron_expression="0 0 1 1 *")
    start()
    eventually(lambda: "can't claim" in caplog.text)
    failing.clear()

    eventually(lambda: statuses() == {"success": 1})
    said = [record.getMessage() for record in caplog.records if "claim" in record.getMessage()]
    assert len([line for line in said if "can't claim, and goes on trying" in line]) == 1
    assert len([line for line in said if "can claim again" in line]) == 1


def test_an_outcome_is_stored_once_the_database_is_back(start, add_job, target, statuses, monkeypatch):
    monkeypatch.setattr(recorder, "_RETRY_SECONDS", 0.02)
    finish, refused = runs.finish_all, []

    def sometimes(session, ended):
        if len(refused) < 3:
            refused.append(ended)
            raise OperationalError("UPDATE", {}, Exception("the database is away"))
        return finish(session, ended)

    sometimes.__name__ = "finish_all"
    monkeypatch.setattr(runs, "finish_all", sometimes)
    add_job(target_url=target.answers("/hook"), cron_expression="0 0 1 1 *")

    start()

    eventually(lambda: statuses() == {"success": 1})
    assert len(target.received) == 1


def test_an_unforeseen_error_does_not_end_it(start, add_job, target, statuses, monkeypatch, caplog):
    claim, failures = runs.claim_due, []

    def sometimes(session, **options):
        if not failures:
            failures.append(options)
            raise ZeroDivisionError
        return claim(session, **options)

    monkeypatch.setattr(runs, "claim_due", sometimes)
    add_job(target_url=target.answers("/hook"), cron_expression="0 0 1 1 *")

    start()

    eventually(lambda: statuses() == {"success": 1})
    assert "ZeroDivisionError" in caplog.text


def test_a_run_that_was_claimed_before_a_long_freeze_does_not_happen(
    start, add_job, target, session, statuses, monkeypatch
):
    """A lease is over when the process wakes up: somebody else may have closed the run."""
    monkeypatch.setattr(flights, "_MARGIN", leases.LEASE)
    add_job(target_url=target.answers("/hook"), cron_expression="0 0 1 1 *")

    start()
    eventually(lambda: statuses() == {"failed": 1})

    assert target.received == []
    assert "froze between claiming" in session.scalar(select(JobExecution.error_message))


def test_apscheduler_does_not_fill_the_log(start, caplog):
    caplog.set_level(logging.INFO)
    start()
    time.sleep(0.3)

    assert [record.name for record in caplog.records if record.name.startswith("apscheduler")] == []


def test_a_forked_child_has_no_scheduler_of_its_parent_s(start):
    scheduler = start()

    child = os.fork()
    if child == 0:
        scheduler.stop()  # nothing to wait for, nothing of the parent's touched
        os._exit(int(scheduler.running))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert scheduler.running


def test_a_database_without_the_tables_is_survived(start, session, world, caplog):
    session.execute(text("ALTER TABLE scheduler_nodes RENAME TO hidden"))
    session.commit()
    try:
        scheduler = start()
        eventually(lambda: "can't beat" in caplog.text)
        assert scheduler.running
    finally:
        session.execute(text("ALTER TABLE hidden RENAME TO scheduler_nodes"))
        session.commit()


def test_a_scheduler_that_does_not_end_in_time_is_left_behind_and_named(start, add_job, target, monkeypatch, caplog):
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


def test_an_outcome_that_can_not_be_stored_is_given_up_with_the_lease(start, add_job, target, monkeypatch, caplog):
    monkeypatch.setattr(recorder, "_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=10.5))

    def away(*_):
        raise OperationalError("UPDATE", {}, Exception("the database is away"))

    async def expire(_, writer):
        monkeypatch.setattr(leases, "LEASE", timedelta())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    away.__name__ = "finish_all"
    monkeypatch.setattr(runs, "finish_all", away)
    job_id = add_job(target_url=target.does("/hook", expire), cron_expression="0 0 1 1 *")

    start()

    eventually(lambda: "its outcome could not be stored" in caplog.text)
    assert job_id in caplog.text


def test_an_unforeseen_error_while_executing_ends_that_run_alone(start, add_job, target, statuses, monkeypatch, caplog):
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
        add_job(name, target_url=target.answers("/hook"), cron_expression="0 0 1 1 *")

    start()

    # The cursed run is "running" before and after it fails: what is said of it tells the two apart.
    eventually(lambda: "writing down how it went failed" in caplog.text)
    eventually(lambda: statuses() == {"running": 1, "success": 1})


def test_many_orphans_are_closed_in_portions(start, add_job, session, statuses, monkeypatch):
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
