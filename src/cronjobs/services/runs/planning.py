"""When a job is due next: planned by whoever changes it, and planned again where code changed it that doesn't plan.

`planned_at` is the `updated_at` that `next_run_at` was computed from. Code that doesn't know of plans (the legacy
application, SQL by hand) changes `updated_at`, so the two differ and `replan` sees it, whatever clock that code has.
"""

import logging
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, or_, select, update
from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.services import audit, schedules, telling
from cronjobs.services.errors import InvalidError
from cronjobs.services.runs import moments, owing, policies
from cronjobs.services.runs.owing import Owed
from cronjobs.services.runs.policies import Gap
from cronjobs.services.telling import Paused
from crossfade import clock
from crossfade.database.sessions import WriteSession

REPLANNED_AT_ONCE = 500

_PAUSED = "when the job was paused"

logger = logging.getLogger(__name__)

_jobs = cast("Table", Job.__table__)


def plan(job: Job, *, zone: ZoneInfo, owed: Owed | None = None, now: datetime | None = None) -> Gap | None:
    """Sets when `job` is due next: to be called when it was made, changed, paused or enabled, before the flush.

    `owed` is what it owed before the change. The latest of these ticks stays due: changing a job must not swallow its
    run. Returned are those that no claim will answer, because the job is paused or has another schedule now: write them
    off (`owing`). Raises InvalidCronError, InvalidZoneError.
    """
    moment = clock.naive_utc(now)
    left: Gap | None = None
    is_due = job.next_run_at is not None and job.next_run_at <= moment
    if not job.is_active:
        job.next_run_at, left = None, None if owed is None else owed.all()
    elif not is_due:
        job.next_run_at = _next_tick(job, after=moment, zone=zone)
    elif owed is not None and owed.schedule != schedules.of(job, zone=zone):
        job.next_run_at, left = clock.naive_utc(owed.latest), owed.but_latest()
    job.updated_at = job.planned_at = moment
    return left


def is_anything_unplanned(session: Session, *, since: datetime | None = None) -> bool:
    """Whether `replan` is worth a try: a look that takes no lock, over all jobs it is slow."""
    wanted = select(Job.id).where(_unplanned())
    if since is not None:
        wanted = wanted.where(Job.updated_at >= clock.naive_utc(since))
    return session.scalar(wanted.limit(1)) is not None


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
    moment = moments.moment(session, now)
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
        replan_one(session, job, moment=moment, zone=zone, floor=floor)
    return len(found)


def is_planned(job: Job) -> bool:
    """Whether nobody changed `job` since its next tick was computed."""
    return job.planned_at == job.updated_at


def replan_one(
    session: WriteSession, job: Job, *, moment: datetime, zone: ZoneInfo, floor: datetime | None = None
) -> None:
    """Plans a locked job from the moment of its change, so that a tick between it and now is not lost, or pauses it."""
    tick: datetime | None = None
    if job.is_active:
        try:
            policies.of(job)
            tick = _next_tick(job, after=_since(job, moment=moment, floor=floor), zone=zone)
        except InvalidError as error:
            pause(session, job, moment, error.message, zone=zone)
            return
        if job.next_run_at is not None and job.next_run_at <= min(job.updated_at, moment):
            tick = job.next_run_at  # it was due before the change
    else:
        _write_off(session, job, _PAUSED, moment=moment, zone=zone)
    session.execute(
        update(_jobs)
        .where(_jobs.c.id == job.id)
        # Naming updated_at keeps its onupdate from firing: to write a plan is not to change the job.
        .values(next_run_at=tick, planned_at=_jobs.c.updated_at, updated_at=_jobs.c.updated_at)
    )


def pause(session: WriteSession, job: Job, moment: datetime, reason: str, *, zone: ZoneInfo | None = None) -> None:
    """The application's own pause of a job that is over or can't be read; its people are told.

    Without the installation's `zone` of what it owed the first tick alone is written down.
    """
    logger.error("Job %s (%s) is paused: %s", job.id, job.name, reason)
    _write_off(session, job, f"{_PAUSED}: {reason.rstrip('.')}", moment=moment, zone=zone)
    session.execute(
        update(_jobs)
        .where(_jobs.c.id == job.id)
        .values(is_active=False, next_run_at=None, updated_at=moment, planned_at=moment)
    )
    audit.paused(session, [job])
    paused = Paused(job_id=job.id, name=job.name, creator=job.created_by, reason=reason)
    telling.job_paused(session, paused, moment=moment)
    session.refresh(job)


def _write_off(session: WriteSession, job: Job, why: str, *, moment: datetime, zone: ZoneInfo | None) -> None:
    owed = owing.of(job, zone=zone, moment=moment)
    owing.write_off(session, job, None if owed is None else owed.all(), why, moment=moment)


def _unplanned() -> ColumnElement[bool]:
    return or_(Job.planned_at.is_(None), Job.planned_at != Job.updated_at)


def _since(job: Job, *, moment: datetime, floor: datetime | None) -> datetime:
    if job.next_run_at is None or job.planned_at is None:
        # Never planned, or paused: nothing is owed from before the last look.
        return min(max(job.updated_at, floor), moment) if floor is not None else moment
    return min(max(job.updated_at, job.planned_at), moment)


def _next_tick(job: Job, *, after: datetime, zone: ZoneInfo) -> datetime | None:
    """Naive UTC in and out, as stored."""
    tick = schedules.of(job, zone=zone).next_run(after=clock.utc(after))
    return None if tick is None else clock.naive_utc(tick)
