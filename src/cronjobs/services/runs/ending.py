"""The end of runs: as they went, or as those left them who began them.

A run belongs to its owner and its attempt: who isn't both any more, writes nothing. A scheduled run that failed, or
whose process is gone, is due again where its job's policies say so; people are told of what is final alone.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.models.executions import DUE, FAILED, RUNNING, SCHEDULED, SKIPPED, SUCCESS, UNKNOWN
from cronjobs.services import calls, telling
from cronjobs.services.calls import Claim, Outcome
from cronjobs.services.errors import InvalidPolicyError
from cronjobs.services.runs import leases, moments, policies, states, switch
from cronjobs.services.runs.policies import Policy
from cronjobs.services.telling import Ended
from crossfade.database.sessions import WriteSession

REAPED_AT_ONCE = 500

_COPIED = "This row was copied while the run waited or went on: how it ended stands where it was copied from."

logger = logging.getLogger(__name__)

_executions = cast("Table", JobExecution.__table__)


@dataclass(frozen=True, kw_only=True)
class _End:
    """What is written of a run that goes on no more."""

    run: JobExecution
    after: str
    error: str | None
    due_at: datetime | None = None
    """When it is tried again."""
    status: int | None = None
    output: str | None = None

    def values(self, moment: datetime) -> dict[str, Any]:
        is_over = self.after != DUE
        return {
            "run": self.run.id,
            **states.step(RUNNING, self.after),
            "due_at": self.due_at,
            "lease_until": None,
            "completed_at": moment if is_over else None,
            "duration_seconds": max((moment - self.run.started_at).total_seconds(), 0.0) if is_over else None,
            "response_status": self.status,
            "error_message": self.error,
            "output": self.output,
        }


def finish(session: WriteSession, claim: Claim, outcome: Outcome, *, now: datetime | None = None) -> bool:
    """Writes down how the run went, and tells; False if it isn't ours any more: reaped, or deleted with its job.

    One that failed is due again, later, if its job has retries left.
    """
    moment = moments.moment(session, now)
    telling.hold(session, claim.job_id)
    return bool(_finish(session, [(claim, outcome)], moment))


def finish_all(
    session: WriteSession, ended: Sequence[tuple[Claim, Outcome]], *, now: datetime | None = None
) -> set[str]:
    """As `finish`, of several runs in a fixed number of statements; the ids of those that are dealt with.

    Runs whose job somebody else has in hand are left out: finish them one by one.
    """
    moment = moments.moment(session, now)
    held = telling.hold_free(session, {claim.job_id for claim, _ in ended})
    free = [(claim, outcome) for claim, outcome in ended if claim.job_id in held]
    _finish(session, free, moment)
    return {claim.execution_id for claim, _ in free}


def renew(session: WriteSession, *, node: str, execution_ids: Collection[str], now: datetime | None = None) -> set[str]:
    """Keeps the runs of `node` for another lease; the ids of those that still are its own."""
    if not execution_ids:
        return set()
    renewed = session.scalars(
        update(JobExecution)
        .where(JobExecution.id.in_(execution_ids), JobExecution.owner == node, states.are(RUNNING))
        .values(lease_until=moments.moment(session, now) + leases.LEASE)
        .returning(JobExecution.id)
        .execution_options(synchronize_session=False)
    )
    return set(renewed)


def abandon(session: WriteSession, claims: Sequence[Claim], *, now: datetime | None = None) -> int:
    """Gives up runs that are ours, because our process ends before they do; their number.

    Each is due again, or closed as unknown, as its job's policy for crashes says.
    """
    moment = moments.moment(session, now)
    held = telling.hold_free(session, {claim.job_id for claim in claims})
    wanted = {claim.execution_id: claim for claim in claims if claim.job_id in held}
    found = session.scalars(
        select(JobExecution).where(JobExecution.id.in_(wanted), states.are(RUNNING)).with_for_update()
    ).all()
    mine = [run for run in found if (run.owner, run.attempt) == _signature(wanted[run.id])]
    jobs = telling.jobs_of(session, [run.job_id for run in mine])
    ends = [_lost(run, jobs.get(run.job_id), moment, f"Its process ({run.owner}) was stopped") for run in mine]
    _write(session, ends, jobs, moment)
    return len(ends)


def reap(
    session: WriteSession, *, limit: int = REAPED_AT_ONCE, now: datetime | None = None, anchor: Session | None = None
) -> int:
    """Closes runs that nobody will finish, or lets them be due again; their number. Call again if it is `limit`.

    That are those whose lease has run out: nobody knows how far they came. And those without a lease that began more
    than an hour ago: the legacy application left them behind when it was stopped. Of these nobody is told: they are
    old news, and may be many.

    `anchor` is a session of the anchor database, where `session` is of another one. Runs of jobs that are there too
    were copied from it while they waited or went on: they are closed, and nobody is told, because they go on there.
    """
    moment = moments.moment(session, now)
    orphans = session.scalars(
        select(JobExecution)
        .where(_are_orphans(moment))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    leased = [run for run in orphans if run.lease_until is not None]
    # A job that is being changed or deleted is not waited for: its runs are closed the next time.
    held = telling.hold_free(session, {run.job_id for run in leased})
    jobs = telling.jobs_of(session, held)
    theirs = switch.of_anchor(anchor, jobs)
    ends = [
        _lost(run, jobs[run.job_id], moment, f"Its process ({run.owner}) ended or froze")
        for run in leased
        if run.job_id in jobs and run.job_id not in theirs
    ]
    _write(session, ends, jobs, moment)
    untold = [_End(run=run, after=UNKNOWN, error=_COPIED) for run in leased if run.job_id in theirs]
    untold += [_stale(run) for run in orphans if run.lease_until is None]
    _write(session, untold, {}, moment)
    return len(ends) + len(untold) + _close_copied(session, anchor, limit, moment)


def _close_copied(session: WriteSession, anchor: Session | None, limit: int, moment: datetime) -> int:
    """Closes runs that were copied while they waited."""
    if anchor is None:
        return 0
    waiting = session.execute(
        select(JobExecution.id, JobExecution.job_id)
        .where(JobExecution.due_at.is_not(None), states.are(DUE))
        .order_by(JobExecution.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    theirs = switch.of_anchor(anchor, {run.job_id for run in waiting})
    copied = [run.id for run in waiting if run.job_id in theirs]
    if copied:
        session.execute(
            update(_executions)
            .where(_executions.c.id.in_(copied), states.are(DUE))
            .values(**states.step(DUE, SKIPPED), due_at=None, completed_at=moment, error_message=_COPIED)
        )
    return len(copied)


def _are_orphans(moment: datetime) -> ColumnElement[bool]:
    return and_(
        states.are(RUNNING),
        or_(
            JobExecution.lease_until < moment,
            JobExecution.lease_until.is_(None) & (JobExecution.started_at < moment - leases.LEGACY_PATIENCE),
        ),
    )


def _finish(session: WriteSession, ended: Sequence[tuple[Claim, Outcome]], moment: datetime) -> list[_End]:
    """The jobs are held."""
    found = session.scalars(
        select(JobExecution)
        .where(JobExecution.id.in_([claim.execution_id for claim, _ in ended]), states.are(RUNNING))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    runs = {run.id: run for run in found}
    jobs = telling.jobs_of(session, {claim.job_id for claim, _ in ended})
    ends = []
    for claim, outcome in ended:
        run = runs.get(claim.execution_id)
        if run is not None and (run.owner, run.attempt) == _signature(claim):
            ends.append(_end(run, jobs.get(claim.job_id), outcome, moment))
        else:
            logger.warning(
                "Job %s, run %s: it is not %s's any more, its outcome is dropped",
                claim.job_id,
                claim.execution_id,
                claim.owner,
                extra=calls.fields(claim),
            )
    _write(session, ends, jobs, moment)
    return ends


def _end(run: JobExecution, job: Job | None, outcome: Outcome, moment: datetime) -> _End:
    policy = _policy(run, job)
    after, due_at = SUCCESS if outcome.ok else FAILED, None
    if not outcome.ok and policy is not None and policies.may_try_again(policy, run.attempt):
        after, due_at = DUE, moment + policies.retry_delay(policy, run.attempt)
    return _End(run=run, after=after, due_at=due_at, error=outcome.error, status=outcome.status, output=outcome.output)


def _lost(run: JobExecution, job: Job | None, moment: datetime, what: str) -> _End:
    """The end of a run whose process is gone, or goes. `what` begins the sentence that says so."""
    policy = _policy(run, job)
    error = f"{what} before the run did; it may have reached its target."
    if policy is not None and policies.may_begin_again(policy, run.attempt):
        return _End(run=run, after=DUE, due_at=moment, error=error)
    return _End(run=run, after=UNKNOWN, error=error)


def _stale(run: JobExecution) -> _End:
    minutes = leases.LEGACY_PATIENCE / timedelta(minutes=1)
    return _End(run=run, after=UNKNOWN, error=f"Nobody finished this run within {minutes:.0f} minutes.")


def _policy(run: JobExecution, job: Job | None) -> Policy | None:
    """What decides whether a run is begun again; None if it never is: by hand, or of a job that fires no more."""
    if job is None or not job.is_active or run.trigger_type != SCHEDULED:
        return None
    try:
        return policies.of(job)
    except InvalidPolicyError:  # the next claim pauses it
        return None


def _signature(claim: Claim) -> tuple[str, int]:
    return claim.owner, claim.attempt


def _write(session: WriteSession, ends: Sequence[_End], jobs: dict[str, Job], moment: datetime) -> None:
    """Writes ends of locked runs down, and tells of those that are final and whose job is among `jobs`."""
    if not ends:
        return
    values = [end.values(moment) for end in ends]
    columns: dict[str, Any] = {name: bindparam(name) for name in values[0] if name != "run"}
    session.connection().execute(
        update(_executions).where(_executions.c.id == bindparam("run"), states.are(RUNNING)).values(**columns), values
    )
    for end in ends:
        if end.after in {UNKNOWN, DUE}:
            of_run = calls.about(end.run.job_id, end.run.id, end.run.attempt, end.run.owner)
            logger.warning("Job %s, run %s is %s: %s", end.run.job_id, end.run.id, end.after, end.error, extra=of_run)
    told = [end for end in ends if end.after != DUE and end.run.job_id in jobs]
    telling.runs_ended(
        session,
        [Ended(job_id=end.run.job_id, execution_id=end.run.id, state=end.after, error=end.error) for end in told],
        moment=moment,
    )
