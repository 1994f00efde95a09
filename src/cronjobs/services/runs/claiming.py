"""Claims: what is due is taken, once, by whoever comes first.

A scheduled run is a row, unique by (job, scheduled time). It is inserted in the transaction that moves the job's
`next_run_at` on, and who inserted it, runs it: a double is impossible however many processes look, and no leader can
be lost. A run that waits (for its turn, or to be tried again) is such a row, too: who makes it running, runs it.

Whether another run of the job goes on is asked once the job's row is locked, in a statement of its own: who locks it
later sees what was decided here. So two claims of one job never overlap against its will, whatever they claim. A manual
run locks the job as well before it begins.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, bindparam, select, update
from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.models.executions import DUE, MISSED, RUNNING
from cronjobs.models.jobs import QUEUE
from cronjobs.services import misses, schedules
from cronjobs.services.calls import Claim
from cronjobs.services.errors import InvalidError
from cronjobs.services.runs import moments, planning, policies, rows, standings, switch, waiting
from cronjobs.services.runs.policies import Policy, Sorted
from cronjobs.services.runs.rows import Row
from cronjobs.services.runs.standings import Standing
from cronjobs.services.runs.waiting import Waiting
from cronjobs.services.telling import Ended
from crossfade import clock
from crossfade.database.sessions import WriteSession
from crossfade.routes import Stack

BATCH = 100
"""Runs that one transaction claims: more is hardly faster, and leaves more in doubt when a process dies."""

_GOES_ON = "Another run of the job was going on (overlap_policy skip)."
_MANY_WAIT = f"{policies.MOST_WAITING} runs of the job were waiting already (overlap_policy queue)."

logger = logging.getLogger(__name__)

_jobs = cast("Table", Job.__table__)


@dataclass(frozen=True, kw_only=True)
class Dealt:
    """What became of what was due."""

    claims: list[Claim]
    """To be executed, once the transaction is committed and not before."""
    waiting: list[str]
    """New runs that wait to be taken, by their ids."""
    count: int
    """Due jobs that were seen to, whatever came of them, and runs that waited and begin: if it is the limit, there may
    be more."""


_NOTHING = Dealt(claims=[], waiting=[], count=0)


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """A job that is due, and what becomes of its ticks."""

    job: Job
    due: datetime
    """What `next_run_at` was, naive."""
    policy: Policy
    sorted: Sorted


def is_anything_due(session: Session, *, now: datetime | None = None) -> bool:
    """Whether a claim is worth a try: a look by the indexes that takes no lock."""
    moment = moments.moment(session, now)
    ticks = select(Job.id).where(*due_jobs(moment)).limit(1)
    return session.scalar(ticks) is not None or session.scalar(waiting.ids(moment).limit(1)) is not None


def claim_due(
    session: WriteSession,
    *,
    node: str,
    stack: Stack,
    zone: ZoneInfo,
    limit: int = BATCH,
    now: datetime | None = None,
    anchor: Session | None = None,
) -> Dealt:
    """Takes up to `limit` due runs for `node`, new ones and such that waited, those due longest first.

    Nothing is taken while the scheduler's owner is another stack, or off. What is late or overlaps becomes what its
    job's policies say; each tick gets its row. A job that can't be read, or whose end date is over, is paused and holds
    up no other.

    `anchor` is a session of the anchor database, where `session` is of another one: then the switch is read there, and
    jobs that are there too are passed over here. `now` is for tests: on PostgreSQL the database's clock decides.
    """
    if not switch.may_fire(anchor or session, stack):
        return _NOTHING
    moment = moments.moment(session, now)
    ticking, resting = _due_jobs(session, moment, limit), waiting.lock(session, moment, limit)
    ticking, resting = _longest_due(ticking, resting, limit)
    jobs = {job.id: job for job in (*ticking, *(job for _, job in resting))}
    ours = _ours(session, anchor, jobs.values(), moment=moment, zone=zone)
    standing_of = standings.of_jobs(session, ours)
    resting = [(run, job) for run, job in resting if job.id in ours]
    claims = waiting.begin(session, resting, standing_of, node=node, moment=moment)
    turns = _turns(session, [job for job in ticking if job.id in ours], moment=moment, zone=zone)
    made: list[Row] = []
    room = max(limit - len(claims), 0)
    for turn in turns:
        of_turn = _rows(turn, standing_of[turn.job.id], node=node, moment=moment, room=room)
        room -= sum(row.state == RUNNING for row in of_turn)
        made += of_turn
    stored = _store(session, turns, made, moment)
    count = len(ticking) + len(claims)
    claims += [rows.claim(row) for row in stored if row.state == RUNNING]
    return Dealt(claims=claims, waiting=_waiting(stored), count=count)


def enqueue_due(
    session: WriteSession,
    *,
    stack: Stack,
    zone: ZoneInfo,
    limit: int = BATCH,
    now: datetime | None = None,
    anchor: Session | None = None,
) -> Dealt:
    """As `claim_due`, for whoever hands runs to others: new ones wait, to be taken with `take`.

    They may be handed over in the same transaction. Runs that wait already are listed by `takeable`.
    """
    if not switch.may_fire(anchor or session, stack):
        return _NOTHING
    moment = moments.moment(session, now)
    ticking = _due_jobs(session, moment, limit)
    ours = _ours(session, anchor, ticking, moment=moment, zone=zone)
    standing_of = standings.of_jobs(session, ours)
    turns = _turns(session, [job for job in ticking if job.id in ours], moment=moment, zone=zone)
    made = [row for turn in turns for row in _rows(turn, standing_of[turn.job.id], node=None, moment=moment, room=0)]
    stored = _store(session, turns, made, moment)
    return Dealt(claims=[], waiting=_waiting(stored), count=len(ticking))


def due_jobs(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    """Whether jobs have a tick that is due."""
    return Job.is_active.is_(True), Job.next_run_at <= moment


# --- what is due ------------------------------------------------------------------------------------------------------


def _due_jobs(session: WriteSession, moment: datetime, limit: int) -> list[Job]:
    return list(
        session.scalars(
            select(Job)
            .where(*due_jobs(moment))
            .order_by(Job.next_run_at)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
            .execution_options(populate_existing=True)
        )
    )


def _longest_due(ticking: Sequence[Job], resting: Sequence[Waiting], limit: int) -> tuple[list[Job], list[Waiting]]:
    """The `limit` that are due longest of both kinds, so that neither can starve the other."""
    line = [(cast("datetime", run.due_at), 0, number) for number, (run, _) in enumerate(resting)]
    line += [(cast("datetime", job.next_run_at), 1, number) for number, job in enumerate(ticking)]
    chosen = sorted(line)[:limit]
    return (
        [ticking[number] for _, kind, number in chosen if kind == 1],
        [resting[number] for _, kind, number in chosen if kind == 0],
    )


def _ours(
    session: WriteSession, anchor: Session | None, jobs: Collection[Job], *, moment: datetime, zone: ZoneInfo
) -> set[str]:
    """Those of the locked jobs that are fired here; those of the anchor are moved on, so that they hold up no other."""
    theirs = switch.of_anchor(anchor, {job.id for job in jobs})
    passed = [job for job in jobs if job.id in theirs and (job.next_run_at or moment) <= moment]
    _move_on(session, [(job, cast("datetime", job.next_run_at), _after(job, moment, zone)) for job in passed])
    return {job.id for job in jobs} - theirs


def _after(job: Job, moment: datetime, zone: ZoneInfo) -> datetime | None:
    try:
        return schedules.of(job, zone=zone).next_run(after=clock.utc(moment))
    except InvalidError:
        return None


# --- what becomes of it -----------------------------------------------------------------------------------------------


def _turns(session: WriteSession, jobs: Sequence[Job], *, moment: datetime, zone: ZoneInfo) -> list[_Turn]:
    found = [_turn(session, job, moment=moment, zone=zone) for job in jobs]
    return [turn for turn in found if turn is not None]


def _turn(session: WriteSession, job: Job, *, moment: datetime, zone: ZoneInfo) -> _Turn | None:
    due = cast("datetime", job.next_run_at)
    if not job.is_active:
        return None  # a run of it that waited showed that it can't be read
    if not planning.is_planned(job):
        planning.replan_one(session, job, moment=moment, zone=zone)  # if it still is due, the next pass takes it
        return None
    try:
        schedule, policy = schedules.of(job, zone=zone), policies.of(job)
        if schedule.has_ended(clock.utc(due)):
            planning.pause(session, job, moment, f"its last day was {job.end_date}", zone=zone)
            return None
        found = policies.sort_out(schedule, policy, due=clock.utc(due), moment=clock.utc(moment))
    except InvalidError as error:
        planning.pause(session, job, moment, error.message, zone=zone)
        return None
    return _Turn(job=job, due=due, policy=policy, sorted=found)


def _rows(turn: _Turn, standing: Standing, *, node: str | None, moment: datetime, room: int) -> list[Row]:
    """The rows of a job's ticks; `node` begins what may begin, `room` runs at most, None lets it wait to be taken."""
    made: list[Row] = []
    if turn.sorted.missed is not None:
        why = f"in time (misfire_policy {turn.policy.misfire})"
        made.append(rows.missed(turn.job, turn.sorted.missed, why, moment=moment))
    for tick in turn.sorted.run:
        if policies.is_at_once(turn.policy) or not standing.is_busy:
            made.append(_begun(turn.job, tick, standing, node=node if room > 0 else None, moment=moment))
            room -= 1
        elif not (turn.policy.overlap == QUEUE or turn.sorted.catches_up):
            made.append(rows.skipped(turn.job, tick, _GOES_ON, moment=moment))
        elif standing.waiting >= policies.MOST_WAITING and not turn.sorted.catches_up:
            made.append(rows.skipped(turn.job, tick, _MANY_WAIT, moment=moment))
        else:
            made.append(_begun(turn.job, tick, standing, node=None, moment=moment))
    return made


def _begun(job: Job, tick: datetime, standing: Standing, *, node: str | None, moment: datetime) -> Row:
    if node is None:
        standing.waiting += 1
        return rows.waiting(job, tick, moment=moment)
    standing.running += 1
    return rows.running(job, tick, node=node, moment=moment)


# --- writing it down --------------------------------------------------------------------------------------------------


def _store(session: WriteSession, turns: Sequence[_Turn], made: Sequence[Row], moment: datetime) -> list[Row]:
    """Moves the jobs on and inserts the rows; those that were not there yet."""
    _move_on(session, [(turn.job, turn.due, turn.sorted.following) for turn in turns])
    stored = rows.insert(session, made)
    missed = [row for row in stored if row.state == MISSED]
    for row in missed:
        logger.warning("Job %s (%s): %s", row.job.id, row.job.name, row.values["error_message"])
    misses.tell(session, [_missed(row) for row in missed], moment=moment)
    return stored


def _waiting(stored: Sequence[Row]) -> list[str]:
    return [row.id for row in stored if row.state == DUE]


def _missed(row: Row) -> Ended:
    return Ended(job_id=row.job.id, execution_id=row.id, state=MISSED, error=row.values["error_message"])


def _move_on(session: WriteSession, steps: Sequence[tuple[Job, datetime, datetime | None]]) -> None:
    """From the tick that was due (naive) to the one that follows (aware), compare-and-set."""
    if not steps:
        return
    session.connection().execute(
        update(_jobs)
        .where(_jobs.c.id == bindparam("job"), _jobs.c.next_run_at == bindparam("due"))
        .values(next_run_at=bindparam("following"), planned_at=_jobs.c.updated_at, updated_at=_jobs.c.updated_at),
        [
            {"job": job.id, "due": due, "following": None if following is None else clock.naive_utc(following)}
            for job, due, following in steps
        ],
    )
