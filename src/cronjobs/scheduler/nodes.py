"""The processes that tick, as the database knows them, and the state of the scheduler as a whole.

A node's row is a sign of life for people: whose a run is, is decided by claims and leases, never by a heartbeat.
"""

import json
import os
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution, SchedulerNode
from cronjobs.models.base import new_id
from cronjobs.models.executions import RUNNING
from cronjobs.services import backlog, control, executions, runs
from cronjobs.services.control import Switch
from cronjobs.services.runs import moments
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.database.sessions import WriteSession
from crossfade.routes import Stack

FORGOTTEN_AFTER = timedelta(hours=1)
"""How long a node that died stays in the list."""
ENDED_WITHIN = timedelta(days=1)
"""How far back runs that are over are counted."""


@dataclass(frozen=True)
class Node:
    """This process, as a node."""

    stack: Stack
    id: str = field(default_factory=new_id)
    host: str = field(default_factory=socket.gethostname)
    process: int = field(default_factory=os.getpid)

    @property
    def name(self) -> str:
        """What its claims are signed with: no other process ever has the same."""
        return f"{self.stack}:{self.host}:{self.process}:{self.id[:8]}"


@dataclass(frozen=True)
class NodeSeen:
    """A node, as others see it."""

    stack: str
    host: str
    process: int
    heartbeat: datetime
    """Aware, in UTC."""
    started_at: datetime
    """Aware, in UTC."""
    heartbeat_age_seconds: float
    clock_skew_seconds: float | None
    """How far its machine's clock is ahead of the database's; None until it has been measured."""


@dataclass(frozen=True)
class Skew:
    """By how much this machine's clock is ahead of the database's, by which runs are due."""

    least: timedelta
    most: timedelta
    """They differ by how long the database took to answer."""

    @property
    def seconds(self) -> float:
        """What is likely."""
        return ((self.least + self.most) / 2).total_seconds()


@dataclass(frozen=True)
class Standing:
    """What the anchor database knows: whose processes may fire, and which there are."""

    switch: Switch
    nodes: list[NodeSeen]
    """The one that showed life last comes first."""
    last_pass: dict[str, Any] | None
    """Of the node that showed life last: at, claimed, reaped, replanned."""


@dataclass(frozen=True)
class Status:
    """What `GET scheduler/status` says."""

    owner: str
    """flask, fastapi, both or off."""
    changed_by: str | None
    changed_at: datetime | None
    """Naive UTC; with `changed_by` None if nobody has ever turned the switch."""
    nodes: list[NodeSeen]
    """The one that showed life last comes first."""
    counts: dict[str, int]
    """active_jobs, scheduled_jobs (they have a next run), due_jobs, running_executions."""
    states: dict[str, int]
    """How many runs are due or running, and how the others of the last day ended."""
    overdue_seconds: float
    """How long the oldest run has been due that nobody takes; 0 if there is none."""
    last_pass: dict[str, Any] | None
    """Of the node that showed life last: at, claimed, reaped, replanned."""


def beat(session: WriteSession, node: Node, *, last_pass: dict[str, Any] | None = None) -> Skew:
    """Says that `node` is alive, and forgets nodes that have not been for an hour."""
    before = clock.naive_utc()
    now = moments.moment(session, None)
    skew = Skew(before - now, clock.naive_utc() - now)
    if session.get_bind().dialect.name != "postgresql":
        skew = Skew(timedelta(0), timedelta(0))  # there is but one clock
    written = None if last_pass is None else json.dumps(last_pass)
    beaten = session.execute(
        update(SchedulerNode)
        .where(SchedulerNode.id == node.id)
        .values(heartbeat_at=now, last_pass=written)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", beaten).rowcount == 0:
        session.add(
            SchedulerNode(
                id=node.id,
                stack=node.stack,
                host=node.host,
                process=node.process,
                started_at=now,
                heartbeat_at=now,
                last_pass=written,
            )
        )
    session.execute(delete(SchedulerNode).where(SchedulerNode.heartbeat_at < now - FORGOTTEN_AFTER))
    return skew


def leave(session: WriteSession, node: Node) -> None:
    """Takes `node` off the list: it was stopped in order."""
    session.execute(delete(SchedulerNode).where(SchedulerNode.id == node.id))


def standing(session: Session) -> Standing:
    """Who ticks, and who may; `session` is on the anchor database."""
    now = clock.utc(moments.moment(session, None))
    found = session.scalars(select(SchedulerNode).order_by(SchedulerNode.heartbeat_at.desc())).all()
    passes = [json.loads(each.last_pass) for each in found if each.last_pass]
    # Workers make no passes.
    last_pass = next((each for each in passes if each.get("at")), None)
    return Standing(control.look(session), [_seen(each, now) for each in found], last_pass)


def status(session: Session, *, anchored: Standing | None = None) -> Status:
    """Who ticks, who may, and how much there is to do in the database of `session`.

    `anchored` is what stands in the anchor database, where that is another one.
    """
    known = standing(session) if anchored is None else anchored
    return Status(
        owner=known.switch.owner,
        changed_by=known.switch.changed_by,
        changed_at=known.switch.changed_at,
        nodes=known.nodes,
        counts=_counts(session),
        states=executions.states(session, since=clock.now() - ENDED_WITHIN),
        overdue_seconds=backlog.overdue_seconds(session),
        last_pass=known.last_pass,
    )


def resync(session: WriteSession, settings: Settings, *, anchored: Standing | None = None) -> Status:
    """Plans every job that was changed by code that doesn't plan, then says how things are (see `status`)."""
    while runs.replan(session, zone=settings.zone) == runs.REPLANNED_AT_ONCE:
        continue
    return status(session, anchored=anchored)


def _seen(node: SchedulerNode, now: datetime) -> NodeSeen:
    heartbeat = clock.utc(node.heartbeat_at)
    return NodeSeen(
        stack=node.stack,
        host=node.host,
        process=node.process,
        heartbeat=heartbeat,
        started_at=clock.utc(node.started_at),
        heartbeat_age_seconds=max((now - heartbeat).total_seconds(), 0.0),
        clock_skew_seconds=json.loads(node.last_pass).get("clock_skew_seconds") if node.last_pass else None,
    )


def _counts(session: Session) -> dict[str, int]:
    active, scheduled, due = session.execute(
        select(
            func.count(),
            func.count(Job.next_run_at),
            func.count().filter(Job.next_run_at <= clock.naive_utc()),
        ).where(Job.is_active.is_(True))
    ).one()
    running = session.scalar(select(func.count()).select_from(JobExecution).where(JobExecution.status == RUNNING))
    return {
        "active_jobs": active,
        "scheduled_jobs": scheduled,
        "due_jobs": due,
        "running_executions": running or 0,
    }
