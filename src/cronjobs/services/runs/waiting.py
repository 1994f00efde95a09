"""Runs that wait: for their turn, for their next attempt, or for a worker to take them.

They do not depend on their job's next tick. Who makes one running, begins it; of one job's, one after the other, unless
the job allows them side by side.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, func, or_, select, update
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.models.executions import DUE, FAILED, RUNNING, SKIPPED
from cronjobs.models.jobs import ALLOW
from cronjobs.services import calls, telling
from cronjobs.services.calls import Claim
from cronjobs.services.errors import InvalidError
from cronjobs.services.runs import leases, moments, planning, policies, standings, states, switch
from cronjobs.services.runs.policies import Policy
from cronjobs.services.runs.standings import Standing
from cronjobs.services.telling import Ended
from crossfade import clock
from crossfade.database.sessions import WriteSession
from crossfade.routes import Stack

Waiting = tuple[JobExecution, Job]
"""A run that waits, and its job: both locked."""

_PAUSED = "The job was paused while this run waited."
_PAUSED_BEFORE = "It is not tried again, because the job was paused."

_executions = cast("Table", JobExecution.__table__)


def takeable(session: Session, *, limit: int, now: datetime | None = None) -> list[str]:
    """Runs that wait and could be taken now, those due longest first, by their ids; takes no lock."""
    return list(session.scalars(ids(moments.moment(session, now)).limit(limit)))


def take(
    session: WriteSession,
    execution_id: str,
    *,
    node: str,
    stack: Stack,
    now: datetime | None = None,
    anchor: Session | None = None,
) -> Claim | None:
    """Takes one run that waits, for `node`; None if somebody else has, or if it may not begin now.

    It may be executed once the transaction is committed, not before. `anchor` as for `claim_due`.
    """
    if not switch.may_fire(anchor or session, stack):
        return None
    moment = moments.moment(session, now)
    job_id = session.scalar(select(JobExecution.job_id).where(JobExecution.id == execution_id))
    # Deleting locks the job, then its runs: so does this.
    job = session.scalar(
        select(Job).where(Job.id == job_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
    run = session.scalar(
        select(JobExecution)
        .where(JobExecution.id == execution_id, states.are(DUE), JobExecution.due_at <= moment)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if job is None or run is None or switch.of_anchor(anchor, {job.id}):
        return None
    claims = begin(session, [(run, job)], standings.of_jobs(session, {job.id}), node=node, moment=moment)
    return claims[0] if claims else None


def lock(session: WriteSession, moment: datetime, limit: int) -> list[Waiting]:
    """Locks up to `limit` runs that could be taken at `moment` (naive), those due longest first, and their jobs."""
    found = session.execute(
        select(JobExecution, Job)
        .join(Job, Job.id == JobExecution.job_id)
        .where(JobExecution.id.in_(ids(moment).limit(limit)), states.are(DUE), JobExecution.due_at <= moment)
        .order_by(JobExecution.due_at, JobExecution.scheduled_for)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    return [(run, job) for run, job in found]


def ids(moment: datetime) -> Any:
    """Ids of runs that wait and could be taken: one of each job, unless they may go side by side.

    And all of those whose job was paused: they are ended.
    """
    going_on = select(JobExecution.job_id).where(leases.are_held())
    place = func.row_number().over(
        partition_by=JobExecution.job_id, order_by=(JobExecution.scheduled_for, JobExecution.due_at)
    )
    line = (
        select(JobExecution.id, JobExecution.due_at, Job.overlap_policy, Job.is_active, place.label("place"))
        .join(Job, Job.id == JobExecution.job_id)
        .where(
            JobExecution.due_at <= moment,
            states.are(DUE),
            or_(Job.overlap_policy == ALLOW, JobExecution.job_id.not_in(going_on), Job.is_active.is_(False)),
        )
        .subquery()
    )
    return (
        select(line.c.id)
        .where(or_(line.c.place == 1, line.c.overlap_policy == ALLOW, line.c.is_active.is_(False)))
        .order_by(line.c.due_at, line.c.place)
    )


def begin(
    session: WriteSession,
    resting: Sequence[Waiting],
    standing_of: Mapping[str, Standing],
    *,
    node: str,
    moment: datetime,
) -> list[Claim]:
    """Begins those of the locked runs that may begin, and ends those whose job was paused."""
    taken: list[Waiting] = []
    for run, job in resting:
        standing = standing_of[job.id]
        policy = _policy(session, job, moment)
        if policy is None:
            _give_up(session, run, moment)
        elif policies.is_at_once(policy) or standing.running == 0:
            standing.running += 1
            standing.waiting -= 1
            taken.append((run, job))
    if not taken:
        return []
    begun = session.execute(
        update(_executions)
        .where(_executions.c.id.in_([run.id for run, _ in taken]), states.are(DUE))
        .values(
            **states.step(DUE, RUNNING),
            owner=node,
            attempt=_executions.c.attempt + 1,
            started_at=moment,
            lease_until=moment + leases.LEASE,
            due_at=None,
        )
        .returning(_executions.c.id, _executions.c.attempt)
    )
    attempts = {row.id: row.attempt for row in begun}
    return [_claim(run, job, node, attempts[run.id]) for run, job in taken if run.id in attempts]


def _claim(run: JobExecution, job: Job, node: str, attempt: int) -> Claim:
    return Claim(
        execution_id=run.id,
        job_id=job.id,
        job_name=job.name,
        owner=node,
        attempt=attempt,
        scheduled_for=None if run.scheduled_for is None else clock.utc(run.scheduled_for),
        call=calls.of(job),
    )


def _policy(session: WriteSession, job: Job, moment: datetime) -> Policy | None:
    """The policy of an active job; one that nobody can read pauses it."""
    if not job.is_active:
        return None
    try:
        return policies.of(job)
    except InvalidError as error:
        planning.pause(session, job, moment, error.message)
        return None


def _give_up(session: WriteSession, run: JobExecution, moment: datetime) -> None:
    """Ends a run that waits and will not be begun any more: passed over if it never was, failed if it was."""
    after = FAILED if run.attempt else SKIPPED
    reason = f"{run.error_message} {_PAUSED_BEFORE}" if run.attempt and run.error_message else _PAUSED
    session.execute(
        update(_executions)
        .where(_executions.c.id == run.id, states.are(DUE))
        .values(**states.step(DUE, after), due_at=None, completed_at=moment, error_message=reason)
    )
    if after == FAILED:
        ended = Ended(job_id=run.job_id, execution_id=run.id, state=FAILED, error=reason)
        telling.runs_ended(session, [ended], moment=moment)
