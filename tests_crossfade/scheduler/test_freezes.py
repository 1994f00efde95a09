"""While writes are frozen the scheduler fires nothing, says so once, and loses nothing: afterwards it goes on."""

import asyncio
import logging
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from cronjobs.models import Job, JobExecution, SchedulerNode, metadata
from cronjobs.scheduler import ticker
from crossfade import clock, fence

PATIENCE = 20.0


@pytest.fixture
def freeze(router):
    engine = router.engine("flask")
    yield lambda: fence.freeze(engine, fence.fenced(metadata))
    fence.thaw(engine)


@pytest.fixture
def thaw(router):
    return lambda: fence.thaw(router.engine("flask"))


def heartbeat(router):
    with router.session("flask") as session:
        return session.scalar(select(SchedulerNode.heartbeat_at))


def test_nothing_is_fired_until_the_thaw_and_then_what_was_due(
    start, add_job, freeze, thaw, target, statuses, router, caplog, monkeypatch, eventually
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(ticker, "_BEAT", timedelta(seconds=1))
    add_job(target_url=target.answers("/hook"))
    freeze()
    scheduler = start()
    eventually(lambda: "can't claim" in caplog.text)
    seen = eventually(lambda: heartbeat(router))
    eventually(lambda: heartbeat(router) > seen)

    assert scheduler.running
    assert statuses() == {}
    assert target.received == []
    complaints = [record for record in caplog.records if "can't" in record.getMessage()]
    assert len(complaints) == len({record.getMessage() for record in complaints}) <= 5
    assert {record.levelno for record in complaints} == {logging.WARNING}

    thaw()
    eventually(lambda: statuses() == {"success": 1})
    assert len(target.received) == 1
    assert "can claim again" in caplog.text


def test_a_run_that_a_freeze_meets_is_written_down_however_long_it_lasts(
    start, add_job, freeze, thaw, target, statuses, router, monkeypatch, eventually
):
    """Its lease has run out meanwhile: it is not closed by who finds it so, but by who has run it."""
    monkeypatch.setattr(ticker, "_REAPING", timedelta(seconds=0.3))
    release = threading.Event()

    async def hold(_, writer):
        await asyncio.to_thread(release.wait, PATIENCE)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    add_job(target_url=target.does("/hook", hold))
    start()
    start()
    eventually(lambda: target.received)
    with router.session("flask") as session:
        # Not yet: whoever found it over before the freeze would close it.
        session.execute(update(JobExecution).values(lease_until=clock.naive_utc() + timedelta(seconds=1)))
    freeze()
    release.set()
    time.sleep(1.5)
    assert statuses() == {"running": 1}

    thaw()
    eventually(lambda: statuses() == {"success": 1})


def test_a_scheduler_that_is_stopped_meanwhile_leaves_the_list(start, add_job, freeze, session, eventually):
    freeze()
    scheduler = start()
    eventually(lambda: session.scalar(select(SchedulerNode.id)) or session.rollback())
    scheduler.stop()
    session.rollback()

    assert session.scalars(select(SchedulerNode.id)).all() == []
    assert session.scalars(select(Job.id)).all() == []
