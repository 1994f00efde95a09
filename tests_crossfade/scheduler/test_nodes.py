"""The processes that tick, as others see them."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from cronjobs.models import SchedulerControl, SchedulerNode
from cronjobs.scheduler import nodes
from cronjobs.scheduler.nodes import Node
from cronjobs.services import runs
from crossfade import clock

PASS = {"at": "2026-11-23T12:00:00+00:00", "claimed": 2, "reaped": 0, "replanned": 1}


@pytest.fixture
def node():
    return Node("flask", host="here", process=7)


def test_no_two_processes_sign_alike(node):
    again = Node("flask", host="here", process=7)

    assert node.name.startswith("flask:here:7:")
    assert node.name != again.name


def test_nobody_ticks_at_first_and_both_may(session):
    status = nodes.status(session)

    assert (status.owner, status.nodes, status.last_pass) == ("both", [], None)
    assert status.counts == {"active_jobs": 0, "scheduled_jobs": 0, "due_jobs": 0, "running_executions": 0}


def test_a_node_that_beats_is_seen_once(session, write, node):
    write(nodes.beat, node)
    write(nodes.beat, node, last_pass=PASS)

    status = nodes.status(session)

    ((seen),) = status.nodes
    assert (seen.stack, seen.host, seen.process) == ("flask", "here", 7)
    assert abs(clock.now() - seen.heartbeat) < timedelta(minutes=1)
    assert status.last_pass == PASS


def test_a_node_that_leaves_is_gone(session, write, node):
    write(nodes.beat, node)
    write(nodes.leave, node)

    assert nodes.status(session).nodes == []


def test_a_heartbeat_finds_how_far_the_clock_is_from_the_databases(session, write, node, monkeypatch):
    true, wrong = clock.now, timedelta(seconds=5)
    monkeypatch.setattr(clock, "now", lambda: true() + wrong)

    skew = write(nodes.beat, node)

    if session.get_bind().dialect.name == "postgresql":
        assert skew.least < wrong <= skew.most
        assert skew.least.total_seconds() < skew.seconds < skew.most.total_seconds()
    else:  # the database asks this machine
        assert skew.least == skew.most == timedelta(0)


def test_a_dead_node_is_forgotten_after_an_hour_and_not_earlier(session, write, node):
    dead, dying = Node("fastapi", host="dead"), Node("fastapi", host="dying")
    for each, age in ((dead, timedelta(minutes=61)), (dying, timedelta(minutes=59))):
        write(nodes.beat, each)
        with session.begin():
            session.execute(
                update(SchedulerNode).where(SchedulerNode.id == each.id).values(heartbeat_at=clock.naive_utc() - age)
            )

    write(nodes.beat, node)

    assert [each.host for each in nodes.status(session).nodes] == ["here", "dying"]


def test_the_counts_say_how_much_there_is_to_do(session, write, add_job, settings):
    add_job("due")
    add_job("later", ago=timedelta(hours=-1))
    add_job("ended", next_run_at=None)
    add_job("paused", is_active=False)
    write(runs.claim_due, node="n", stack="flask", zone=settings.zone, limit=1)
    add_job("due too")

    assert nodes.status(session).counts == {
        "active_jobs": 4,
        "scheduled_jobs": 3,
        "due_jobs": 1,
        "running_executions": 1,
    }


def test_the_owner_is_what_the_switch_says(session):
    with session.begin():
        session.add(SchedulerControl(id=1, owner="fastapi"))

    assert nodes.status(session).owner == "fastapi"


def test_a_resync_plans_what_was_not_planned(session, write, add_job, settings, monkeypatch):
    monkeypatch.setattr(runs, "replan", lambda opened, zone, replan=runs.replan: replan(opened, zone=zone, limit=2))
    monkeypatch.setattr(runs, "REPLANNED_AT_ONCE", 2)
    for number in range(3):
        add_job(f"job {number}", next_run_at=None, planned_at=None)

    status = write(nodes.resync, settings)

    assert status.counts["scheduled_jobs"] == 3
    assert session.scalar(select(SchedulerNode)) is None
