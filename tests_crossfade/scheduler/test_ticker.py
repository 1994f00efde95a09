"""The scheduler itself: runs happen, go side by side, are written down, and it ends in order."""

import asyncio
import logging
import os
import threading
import time
from collections import Counter
from datetime import timedelta

from sqlalchemy import select, update

from cronjobs.models import Job, JobExecution, SchedulerControl, SchedulerNode
from cronjobs.scheduler import sites, ticker
from cronjobs.services import runs
from crossfade import clock

PATIENCE = 20.0


def test_a_due_job_is_fired_and_written_down(start, add_job, target, session, statuses, eventually):
    job_id = add_job(target_url=target.answers("/hook", 200, "thanks"), job_metadata='{"a": 1}')

    start()
    eventually(lambda: statuses() == {"success": 1})

    row = session.scalar(select(JobExecution))
    assert (row.job_id, row.trigger_type, row.response_status, row.output) == (job_id, "scheduled", 200, "thanks")
    assert row.owner.startswith("flask:")
    assert [each.json for each in target.received] == [{"a": 1}]
    assert session.get(Job, job_id).next_run_at > row.scheduled_for


def test_a_job_that_legacy_code_makes_while_it_ticks_is_fired(
    start, add_job, target, statuses, monkeypatch, eventually
):
    monkeypatch.setattr(ticker, "_REPLANNING", timedelta(seconds=0.1))
    monkeypatch.setattr(sites, "_OVERLAP", timedelta(minutes=5))
    scheduler = start()
    eventually(lambda: scheduler._pulse.sites[0]._replanned_at)

    # One tick at least lies between its making and now.
    made = clock.naive_utc() - timedelta(seconds=61)
    hook = target.answers("/hook")
    add_job(cron_expression="* * * * *", target_url=hook, next_run_at=None, planned_at=None, updated_at=made)

    eventually(lambda: statuses()["success"] >= 1)


def test_both_stacks_tick_and_each_run_happens_once(start, add_job, target, session, statuses, eventually):
    target.answers("/hook")
    for number in range(40):
        add_job(f"job {number}", target_url=target.url("/hook"))

    for stack in ("flask", "fastapi", "flask", "fastapi"):
        start(stack)
    eventually(lambda: statuses() == {"success": 40})

    assert len(target.received) == 40
    assert set(Counter(session.scalars(select(JobExecution.job_id))).values()) == {1}


def test_a_failing_target_a_slow_one_and_a_liar_hold_nobody_up(start, add_job, target, session, statuses, eventually):
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


def test_stopping_waits_for_the_runs_in_flight_and_writes_them_down(
    start, add_job, target, statuses, session, eventually
):
    release = threading.Event()

    async def wait(_, writer):
        await asyncio.to_thread(release.wait, PATIENCE)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    add_job(target_url=target.does("/slow", wait))
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


def test_stopping_gives_up_what_takes_too_long_as_its_job_wants_it(
    start, add_job, target, session, monkeypatch, eventually
):
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


def test_a_scheduler_can_be_started_again(start, add_job, target, statuses, eventually):
    scheduler = start()
    scheduler.start()
    assert [each.name for each in threading.enumerate()].count("cronjobs-scheduler") == 1
    scheduler.stop()

    scheduler.start()
    add_job(target_url=target.answers("/hook"))

    eventually(lambda: statuses() == {"success": 1})


def test_no_more_runs_than_allowed_go_side_by_side_and_the_rest_follow_at_once(
    start, add_job, target, statuses, monkeypatch, eventually
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
        add_job(f"job {number}", target_url=target.url("/hook"))

    start(scheduler_poll_seconds=60)
    eventually(lambda: statuses() == {"success": 12})

    assert max(most) <= 3


def test_all_of_a_pass_is_claimed_before_the_first_is_called(start, add_job, target, statuses, monkeypatch, eventually):
    monkeypatch.setattr(ticker, "_PATIENCE_SECONDS", PATIENCE)
    happened = claims_one_by_one(monkeypatch)
    target.does("/hook", noting(happened))
    for number in range(4):
        add_job(f"job {number}", target_url=target.url("/hook"))

    start(scheduler_poll_seconds=60)
    eventually(lambda: statuses() == {"success": 4})

    assert happened[:5] == ["claim"] * 4 + ["call"]


def test_a_claim_that_hangs_does_not_hold_up_what_was_claimed_before(
    start, add_job, target, statuses, monkeypatch, eventually
):
    called = threading.Event()
    happened = claims_one_by_one(monkeypatch, before_each=lambda: "claim" not in happened or called.wait(PATIENCE))
    target.does("/hook", noting(happened, called))
    for number in range(2):
        add_job(f"job {number}", target_url=target.url("/hook"))

    start(scheduler_poll_seconds=60)
    eventually(lambda: statuses() == {"success": 2})

    assert happened[:3] == ["claim", "call", "claim"]


def claims_one_by_one(monkeypatch, before_each=lambda: None):
    """A list to which each claim that takes something adds itself."""
    happened = []
    monkeypatch.setattr(runs, "BATCH", 1)
    claim_due = runs.claim_due

    def claim(*args, **kwargs):
        before_each()
        dealt = claim_due(*args, **kwargs)
        happened.extend("claim" for _ in dealt.claims)
        return dealt

    monkeypatch.setattr(runs, "claim_due", claim)
    return happened


def noting(happened, called=None):
    """What a target does that adds each call to the list."""

    async def note(_, writer):
        happened.append("call")
        if called is not None:
            called.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    return note


def test_runs_that_take_long_are_renewed(start, add_job, target, session, monkeypatch, eventually):
    monkeypatch.setattr(ticker, "_RENEWAL", timedelta(seconds=0.1))
    release = threading.Event()

    async def wait(_, writer):
        await asyncio.to_thread(release.wait, PATIENCE)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    add_job(target_url=target.does("/slow", wait))
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


def test_a_node_is_seen_while_it_ticks(start, session, monkeypatch, eventually):
    monkeypatch.setattr(ticker, "_BEAT", timedelta(seconds=0.1))
    start("fastapi")

    def seen():
        node = session.scalar(select(SchedulerNode).execution_options(populate_existing=True))
        session.rollback()
        return node is not None and node.last_pass is not None and '"at": null' not in node.last_pass and node

    node = eventually(seen)
    assert (node.stack, node.process) == ("fastapi", os.getpid())


def test_while_the_switch_is_off_nothing_fires_and_afterwards_it_does(
    start, add_job, target, session, statuses, eventually
):
    with session.begin():
        session.add(SchedulerControl(id=1, owner="off"))
    add_job(target_url=target.answers("/hook"))
    start()
    time.sleep(0.3)
    assert statuses() == {}

    with session.begin():
        session.execute(update(SchedulerControl).values(owner="flask"))

    eventually(lambda: statuses() == {"success": 1})


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
