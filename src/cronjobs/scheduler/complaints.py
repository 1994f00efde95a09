"""What is wrong with the scheduler, as its databases show it, for `crossfade doctor`. It only reads."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.models.scheduling import BOTH, OFF
from cronjobs.scheduler import nodes
from cronjobs.scheduler.nodes import NodeSeen, Standing
from cronjobs.services import backlog, cron, schedules
from cronjobs.services.errors import InvalidScheduleError
from crossfade.findings import Finding

ALIVE_WITHIN = 30.0
"""Seconds since a node's last sign of life; it gives one each few seconds."""
_NAMED = 5
"""Jobs that a sentence names."""


def complaints(sessions: Sequence[Session], *, always_on: bool) -> list[Finding]:
    """What is wrong where jobs should be fired; `sessions` are on each database, the anchor's first.

    Unless it is `always_on`, that nothing runs at all is nobody's fault: a developer stops what isn't looked at.
    """
    standing = nodes.standing(sessions[0])
    unreadable = [finding for session in sessions for finding in _unreadable(session)]
    if not any(_has_jobs(session) for session in sessions):
        return unreadable
    if standing.switch.owner == OFF:
        return [_off(standing), *unreadable]
    if not always_on and not any(_is_alive(node) for node in standing.nodes):
        return unreadable
    return [*_silence(standing), *_delay(sessions), *unreadable]


def _has_jobs(session: Session) -> bool:
    return session.scalar(select(Job.id).where(Job.is_active.is_(True)).limit(1)) is not None


def _off(standing: Standing) -> Finding:
    who = f", turned by {standing.switch.changed_by}" if standing.switch.changed_by else ""
    return Finding(
        "scheduler-off",
        "warning",
        f"the scheduler's owner is off{who}: no process fires any job",
        "Run `crossfade scheduler owner --set both`, or name the stack whose processes shall fire.",
    )


def _is_alive(node: NodeSeen) -> bool:
    return node.heartbeat_age_seconds <= ALIVE_WITHIN


def _silence(standing: Standing) -> Iterable[Finding]:
    owner = standing.switch.owner
    able = [node for node in standing.nodes if owner in {BOTH, node.stack}]
    if any(_is_alive(node) for node in able):
        return
    latest = f"the last sign of life is {able[0].heartbeat_age_seconds:.0f} s old" if able else "there is none"
    yield Finding(
        "scheduler-silent",
        "warning",
        f"no process that may fire jobs (owner: {owner}) is alive, {latest}: nothing is fired",
        "Start the servers with SCHEDULER_ENABLED on, or turn the switch to a stack that runs: "
        "`crossfade scheduler status` shows both.",
    )


def _delay(sessions: Sequence[Session]) -> Iterable[Finding]:
    seconds = max(backlog.overdue_seconds(session) for session in sessions)
    if seconds > backlog.OVERDUE_AFTER.total_seconds():
        yield Finding(
            "runs-overdue",
            "error",
            f"the oldest run has been due for {seconds:.0f} s, and nobody takes it",
            "See `crossfade scheduler status` and the logs of the processes that it names.",
        )


def _unreadable(session: Session) -> Iterable[Finding]:
    """Active jobs of which nobody can say when they are due: each kind of them once."""
    kinds = (Job.cron_expression, Job.cron_dialect, Job.timezone)
    for expression, dialect, timezone in session.execute(select(*kinds).where(Job.is_active.is_(True)).distinct()):
        try:
            cron.parse(expression, dialect)
            if timezone:
                schedules.zone_called(timezone)
        except InvalidScheduleError as error:
            names = session.scalars(
                select(Job.name)
                .where(Job.is_active.is_(True), Job.cron_expression == expression, Job.cron_dialect == dialect)
                .where(Job.timezone.is_(None) if timezone is None else Job.timezone == timezone)
                .order_by(Job.name)
                .limit(_NAMED)
            )
            yield Finding(
                "job-unreadable",
                "error",
                f"nobody can say when {', '.join(map(repr, names))} is due. {error.message}".rstrip("."),
                "Correct the job; the scheduler pauses what it can't read.",
            )
