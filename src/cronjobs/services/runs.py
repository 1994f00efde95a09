"""Runs, as the database sees them: planned, claimed, finished, and taken from the dead.

    due ──claim──▶ running ──finish──▶ success | failed
                      └──────reap────▶ failed

A scheduled run is a row, unique by (job, scheduled time). It is inserted in the transaction that moves the job's
`next_run_at` on, and who inserted it, runs it: a double is impossible however many processes look, and no leader can
be lost. A claim is leased: its owner alone writes down how it went; when the lease ends unrenewed, the row is closed.

`planned_at` is the `updated_at` that `next_run_at` was computed from. Code that doesn't know of plans (the legacy
application, SQL by hand) changes `updated_at`, so the two differ and `replan` sees it, whatever clock that code has.

Calling targets is left to `cronjobs.scheduler`, what an expression means to `services.cron`.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, CursorResult, DateTime, Table, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution, SchedulerControl
from cronjobs.models.base import new_id
from cronjobs.models.executions import FAILED, MANUAL, RUNNING, SCHEDULED, SUCCESS
from cronjobs.models.scheduling import BOTH
from cronjobs.services import audit, calls, cron, telling
from cronjobs.services.calls import Claim, Outcome, Overrides
from cronjobs.services.errors import InvalidCronError
from cronjobs.services.telling import Ended, Paused
from crossfade import clock
from crossfade.database.sessions import WriteSession
from crossfade.routes import Stack

BATCH = 50
"""Jobs that one transaction claims: more is hardly faster, and leaves more in doubt when a process dies."""
REPLANNED_AT_ONCE = 500
REAPED_AT_ONCE = 500
LEASE = timedelta(seconds=60)
"""How long a run belongs to its owner without a renewal. Longer than any run may take."""
LEGACY_PATIENCE = timedelta(hours=1)
"""How long a running row without a lease, of the legacy application, is believed."""

_COUNTED = 100
_CONTROL = 1

logger = logging.getLogger(__name__)

_jobs = cast("Table", Job.__table__)
_executions = cast("Table", JobExecution.__table__)


# --- planning -----------------------------------------------------------------------------------------------------


def plan(job: Job, *, zone: ZoneInfo, now: datetime | None = None) -> None:
    """Sets when `job` is due next: to be called when it was made, changed, paused or enabled, before the flush.

    A tick that is due already and not claimed yet stays due: changing a job must not swallow its run.
    Raises InvalidCronError.
    """
    moment = clock.naive_utc(now)
    owed = job.next_run_at is not None and job.next_run_at <= moment
    if not job.is_active:
        job.next_run_at = None
    elif not owed:
        job.next_run_at = _next_tick(job, after=moment, zone=zone)
    job.updated_at = job.planned_at = moment


def replan(
    session: WriteSession,
    *,
    zone: ZoneInfo,
    since: datetime | None = None,
    limit: int = REPLANNED_AT_ONCE,
    now: datetime | None = None,
) -> int:
    """Plans jobs that were changed by code that doesn't plan; the number of jobs seen to. Call again if it is `limit`.

    `since` (aware) looks only at what was changed after it, by an index; without it all jobs are looked at. A job
    that can't be planned is paused.
    """
    moment = _moment(session, now)
    floor = None if since is None else clock.naive_utc(since)
    statement = (
        select(Job)
        .where(_unplanned())
        .order_by(Job.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if floor is not None:
        statement = statement.where(Job.updated_at >= floor)
    found = session.scalars(statement).all()
    for job in found:
        _replan(session, job, moment=moment, floor=floor, zone=zone)
    return len(found)


def _unplanned() -> ColumnElement[bool]:
    return or_(Job.planned_at.is_(None), Job.planned_at != Job.updated_at)


def _replan(session: WriteSession, job: Job, *, moment: datetime, floor: datetime | None, zone: ZoneInfo) -> None:
    """Plans from the moment of the change, so that a tick between it and now is not lost."""
    tick: datetime | None = None
    if job.is_active:
        try:
            tick = _next_tick(job, after=_since(job, moment=moment, floor=floor), zone=zone)
        except InvalidCronError as error:
            _pause(session, job, moment, str(error))
            return
        if job.next_run_at is not None and job.next_run_at <= min(job.updated_at, moment):
            tick = job.next_run_at  # it was due before the change
    session.execute(
        update(_jobs)
        .where(_jobs.c.id == job.id)
        # Naming updated_at keeps its onupdate from firing: to write a plan is not to change the job.
        .values(next_run_at=tick, planned_at=_jobs.c.updated_at, updated_at=_jobs.c.updated_at)
    )


def _since(job: Job, *, moment: datetime, floor: datetime | None) -> datetime:
    if job.next_run_at is None or job.planned_at is None:
        # Never planned, or paused: nothing is owed from before the last look.
        return min(max(job.updated_at, floor), moment) if floor is not None else moment
    return min(max(job.updated_at, job.planned_at), moment)


def _next_tick(job: Job, *, after: datetime, zone: ZoneInfo) -> datetime | None:
    """Naive UTC in and out, as stored."""
    tick = cron.next_run(
        job.cron_expression, job.cron_dialect, after=clock.utc(after), zone=zone, end_date=job.end_date
    )
    return None if tick is None else clock.naive_utc(tick)


# --- claiming -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """A job that is due: the tick that is run now and the one after it, naive UTC."""

    job: Job
    due: datetime
    """What `next_run_at` was."""
    tick: datetime
    following: datetime | None


def is_anything_due(session: Session, *, now: datetime | None = None) -> bool:
    """Whether a claim is worth a try: a look by the index that takes no lock."""
    return session.scalar(select(Job.id).where(*_due(_moment(session, now))).limit(1)) is not None


def claim_due(
    session: WriteSession,
    *,
    node: str,
    stack: Stack,
    zone: ZoneInfo,
    limit: int = BATCH,
    now: datetime | None = None,
) -> list[Claim]:
    """Takes up to `limit` due runs for `node`. They may be executed once the transaction is committed, not before.

    Nothing is taken while the scheduler's owner is another stack, or off. After an outage one run is made for the
    latest tick that was missed; how many were passed over is logged. A job whose expression can't be read, or whose
    end date is over, is paused and holds up no other. `now` is for tests: on PostgreSQL the database's clock decides.
    """
    if not may_fire(session, stack):
        return []
    moment = _moment(session, now)
    due = session.scalars(
        select(Job)
        .where(*_due(moment))
        .order_by(Job.next_run_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    turns = [turn for job in due if (turn := _turn(session, job, moment=moment, zone=zone)) is not None]
    if not turns:
        return []
    _advance(session, turns)
    return _insert(session, turns, node=node, moment=moment)


def may_fire(session: Session, stack: Stack) -> bool:
    """Whether the processes of `stack` may fire: the switch, as it stands in this transaction."""
    owner = session.scalar(select(SchedulerControl.owner).where(SchedulerControl.id == _CONTROL))
    return owner in {None, BOTH, stack}


def _due(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    return Job.is_active.is_(True), Job.next_run_at <= moment


def _turn(session: WriteSession, job: Job, *, moment: datetime, zone: ZoneInfo) -> _Turn | None:
    due = cast("datetime", job.next_run_at)
    if job.planned_at != job.updated_at:
        _replan(session, job, moment=moment, floor=None, zone=zone)  # if it still is due, the next pass takes it
        return None
    if job.end_date is not None and clock.utc(due).astimezone(zone).date() > job.end_date:
        _pause(session, job, moment, f"its last day was {job.end_date}")
        return None
    try:
        tick = _latest_tick(job, due=due, moment=moment, zone=zone)
        following = _next_tick(job, after=tick, zone=zone)
    except InvalidCronError as error:
        _pause(session, job, moment, str(error))
        return None
    return _Turn(job=job, due=due, tick=tick, following=following)


def _latest_tick(job: Job, *, due: datetime, moment: datetime, zone: ZoneInfo) -> datetime:
    """The one tick that is run, of all that are due."""
    until, first = clock.utc(moment), clock.utc(due)
    if job.end_date is not None:
        until = min(until, _end_of(job.end_date, zone))
    latest = cron.latest_run(job.cron_expression, job.cron_dialect, first=first, until=until, zone=zone)
    if latest > first:
        ticks = cron.next_runs(job.cron_expression, job.cron_dialect, after=first, zone=zone, count=_COUNTED)
        missed = 1 + sum(tick < latest for tick in ticks)
        logger.warning(
            "Job %s (%s): %s%s missed since %s passed over, the one of %s is run",
            job.id,
            job.name,
            "more than " if missed > _COUNTED else "",
            f"{min(missed, _COUNTED)} run(s)",
            first.isoformat(),
            latest.isoformat(),
        )
    return clock.naive_utc(latest)


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.max, tzinfo=zone)


def _pause(session: WriteSession, job: Job, moment: datetime, reason: str) -> None:
    logger.error("Job %s (%s) is paused: %s", job.id, job.name, reason)
    session.execute(
        update(_jobs)
        .where(_jobs.c.id == job.id)
        .values(is_active=False, next_run_at=None, updated_at=moment, planned_at=moment)
    )
    audit.paused(session, [job])
    paused = Paused(job_id=job.id, name=job.name, creator=job.created_by, reason=reason)
    telling.job_paused(session, paused, moment=moment)


def _advance(session: WriteSession, turns: Sequence[_Turn]) -> None:
    """Moves the jobs on, compare-and-set: where somebody else has moved one on, nothing happens."""
    session.connection().execute(
        update(_jobs)
        .where(_jobs.c.id == bindparam("job"), _jobs.c.next_run_at == bindparam("due"))
        .values(next_run_at=bindparam("following"), planned_at=_jobs.c.updated_at, updated_at=_jobs.c.updated_at),
        [{"job": turn.job.id, "due": turn.due, "following": turn.following} for turn in turns],
    )


def _insert(session: WriteSession, turns: Sequence[_Turn], *, node: str, moment: datetime) -> list[Claim]:
    """Inserts the rows; a claim for each that was not there yet."""
    claims = [
        Claim(
            execution_id=new_id(),
            job_id=turn.job.id,
            job_name=turn.job.name,
            owner=node,
            attempt=1,
            scheduled_for=clock.utc(turn.tick),
            call=calls.of(turn.job),
        )
        for turn in turns
    ]
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    inserted = session.scalars(
        dialect.insert(JobExecution)
        .values([_row(claim, trigger_type=SCHEDULED, moment=moment) for claim in claims])
        .on_conflict_do_nothing(index_elements=["job_id", "scheduled_for"])
        .returning(JobExecution.id)
    ).all()
    return [claim for claim in claims if claim.execution_id in set(inserted)]


def _row(claim: Claim, *, trigger_type: str, moment: datetime) -> dict[str, Any]:
    return {
        "id": claim.execution_id,
        "job_id": claim.job_id,
        "status": RUNNING,
        "trigger_type": trigger_type,
        "started_at": moment,
        "execution_type": claim.call.kind,
        "target": claim.call.target,
        "scheduled_for": None if claim.scheduled_for is None else clock.naive_utc(claim.scheduled_for),
        "owner": claim.owner,
        "lease_until": moment + LEASE,
        "attempt": claim.attempt,
    }


# --- running ------------------------------------------------------------------------------------------------------


def begin_manual(
    session: WriteSession, job: Job, *, owner: str, overrides: Overrides | None = None, now: datetime | None = None
) -> Claim:
    """A run that somebody asked for, now, whatever the schedule says. Commit before it is executed.

    Whether the job may be run, and by whom, is left to the caller.
    """
    claim = Claim(
        execution_id=new_id(),
        job_id=job.id,
        job_name=job.name,
        owner=owner,
        attempt=1,
        scheduled_for=None,
        call=calls.of(job, overrides),
    )
    session.execute(_executions.insert().values(**_row(claim, trigger_type=MANUAL, moment=_moment(session, now))))
    return claim


def finish(session: WriteSession, claim: Claim, outcome: Outcome, *, now: datetime | None = None) -> bool:
    """Writes down how the run went, and tells; False if it isn't ours any more: reaped, or deleted with its job."""
    moment = _moment(session, now)
    telling.hold(session, claim.job_id)
    started_at = session.scalar(select(JobExecution.started_at).where(*_ours(claim)).with_for_update())
    if started_at is None:
        logger.warning(
            "Job %s, run %s: it is not %s's any more, its outcome is dropped",
            claim.job_id,
            claim.execution_id,
            claim.owner,
        )
        return False
    session.execute(
        update(_executions)
        .where(_executions.c.id == claim.execution_id)
        .values(
            status=SUCCESS if outcome.ok else FAILED,
            response_status=outcome.status,
            error_message=outcome.error,
            output=outcome.output,
            **_closed(started_at, moment),
        )
    )
    ended = Ended(job_id=claim.job_id, execution_id=claim.execution_id, ok=outcome.ok, error=outcome.error)
    telling.run_ended(session, ended, moment=moment)
    return True


def renew(session: WriteSession, *, node: str, execution_ids: Collection[str], now: datetime | None = None) -> int:
    """Keeps the runs of `node` for another lease; the number that still are its own."""
    if not execution_ids:
        return 0
    renewed = session.execute(
        update(_executions)
        .where(_executions.c.id.in_(execution_ids), _executions.c.owner == node, _executions.c.status == RUNNING)
        .values(lease_until=_moment(session, now) + LEASE)
    )
    return cast("CursorResult[Any]", renewed).rowcount


def reap(session: WriteSession, *, limit: int = REAPED_AT_ONCE, now: datetime | None = None) -> int:
    """Closes runs that nobody will finish, as failed with the reason; their number. Call again if it is `limit`.

    That are those whose lease has run out, and those without a lease that began more than an hour ago: the legacy
    application left them behind when it was stopped. Of these nobody is told: they are old news, and may be many.
    """
    moment = _moment(session, now)
    orphans = session.execute(
        select(
            JobExecution.id, JobExecution.job_id, JobExecution.started_at, JobExecution.lease_until, JobExecution.owner
        )
        .where(
            JobExecution.status == RUNNING,
            or_(
                JobExecution.lease_until < moment,
                JobExecution.lease_until.is_(None) & (JobExecution.started_at < moment - LEGACY_PATIENCE),
            ),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    # A job that is being changed or deleted is not waited for: its runs are closed the next time.
    held = telling.hold_free(session, {row.job_id for row in orphans if row.lease_until is not None})
    closed = [row for row in orphans if row.lease_until is None or row.job_id in held]
    for row in closed:
        if row.lease_until is None:
            reason = f"Nobody finished this run within {LEGACY_PATIENCE.total_seconds() / 60:.0f} minutes."
        else:
            reason = f"Its process ({row.owner}) ended or froze before the run did; it may have reached its target."
        logger.warning("Job %s, run %s is closed as failed: %s", row.job_id, row.id, reason)
        session.execute(
            update(_executions)
            .where(_executions.c.id == row.id)
            .values(status=FAILED, error_message=reason, **_closed(row.started_at, moment))
        )
        if row.lease_until is not None:
            ended = Ended(job_id=row.job_id, execution_id=row.id, ok=False, error=reason)
            telling.run_ended(session, ended, moment=moment)
    return len(closed)


def _ours(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        JobExecution.id == claim.execution_id,
        JobExecution.owner == claim.owner,
        JobExecution.attempt == claim.attempt,
        JobExecution.status == RUNNING,
    )


def _closed(started_at: datetime, moment: datetime) -> dict[str, Any]:
    seconds = max((moment - started_at).total_seconds(), 0.0)
    return {"completed_at": moment, "duration_seconds": seconds, "lease_until": None}


def _moment(session: Session, now: datetime | None) -> datetime:
    """Naive UTC: `now`, or what the one clock says that all processes share. SQLite's is this machine's."""
    if now is not None:
        return clock.naive_utc(now)
    if session.get_bind().dialect.name == "postgresql":
        return session.execute(select(func.timezone("UTC", func.clock_timestamp(), type_=DateTime))).scalar_one()
    return clock.naive_utc()
