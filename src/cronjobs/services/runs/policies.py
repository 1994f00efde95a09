"""What becomes of ticks that are late, of runs that fail, and of those whose process died: decided, not done.

Pure: a job's columns, instants and counts in, decisions out.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronjobs.models import Job
from cronjobs.models.jobs import ALLOW, CRASH_POLICIES, MISFIRE_POLICIES, OVERLAP_POLICIES, RETRY, RUN_ONCE, SKIP
from cronjobs.services.errors import InvalidPolicyError
from cronjobs.services.schedules import Schedule

SKIP_GRACE = timedelta(seconds=60)
"""How late a tick may be under `skip`, where the job says nothing."""
ON_TIME = timedelta(seconds=60)
"""A tick that is run later than this is caught up with."""
MOST_AT_ONCE = 100
"""Ticks of one job that one claim runs; the next claim goes on with the others."""
MOST_WAITING = 100
"""Runs of one job that wait because one goes on; what comes on top is skipped."""
LONGEST_DELAY = timedelta(hours=1)

_INSTANT = timedelta(microseconds=1)
_DOUBLED = 12
"""How often a delay is doubled: one of a second is beyond the longest by then."""
_MOST = 2**31 - 1
_KNOWN = {
    "misfire_policy": MISFIRE_POLICIES,
    "overlap_policy": OVERLAP_POLICIES,
    "on_crash": CRASH_POLICIES,
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How a job wants to be dealt with."""

    misfire: str
    grace: timedelta | None
    """How late a tick may be run; None: as late as may be."""
    overlap: str
    on_crash: str
    retries: int
    retry_delay: timedelta


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Ticks that are not run any more."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """What becomes of the ticks of a job that are due."""

    run: tuple[datetime, ...]
    """Rising."""
    missed: Gap | None
    following: datetime | None
    """The first tick that is not dealt with by this."""
    catches_up: bool
    """Whether what is run is run for the sake of ticks that were late."""


def of(job: Job) -> Policy:
    """The policy of `job`. Raises InvalidPolicyError."""
    for name, known in _KNOWN.items():
        if getattr(job, name) not in known:
            raise InvalidPolicyError(f"{name} is {getattr(job, name)!r}, which is none of {', '.join(known)}.")
    for name in ("misfire_grace_seconds", "max_retries", "retry_delay_seconds", "timeout_seconds"):
        if not 0 <= (getattr(job, name) or 0) <= _MOST:
            raise InvalidPolicyError(f"{name} is {getattr(job, name)}, which is out of range.")
    grace = None if job.misfire_grace_seconds is None else timedelta(seconds=job.misfire_grace_seconds)
    return Policy(
        misfire=job.misfire_policy,
        grace=SKIP_GRACE if grace is None and job.misfire_policy == SKIP else grace,
        overlap=job.overlap_policy,
        on_crash=job.on_crash,
        retries=job.max_retries,
        retry_delay=timedelta(seconds=job.retry_delay_seconds),
    )


def sort_out(schedule: Schedule, policy: Policy, *, due: datetime, moment: datetime) -> Sorted:
    """What becomes of the ticks from `due` to `moment`, all aware. Raises InvalidCronError."""
    following = schedule.next_run(after=due)
    if following is None or following > moment:
        return _sorted_one(policy, due, following, moment)
    if policy.misfire == RUN_ONCE:
        return _sorted_once(schedule, policy, due, moment)
    return _sorted_each(schedule, policy, due, moment)


def may_try_again(policy: Policy, attempt: int) -> bool:
    """Whether a run that failed in its attempt `attempt` (from 1) is tried again."""
    return attempt <= policy.retries


def may_begin_again(policy: Policy, attempt: int) -> bool:
    """Whether a run whose process died in its attempt `attempt` (from 1) is tried again: once at least, if at all."""
    return policy.on_crash == RETRY and attempt <= max(policy.retries, 1)


def retry_delay(policy: Policy, attempt: int) -> timedelta:
    """How long to wait after attempt `attempt` (from 1): up to the job's delay, doubled for each one before, by chance.

    By chance, because what failed together would otherwise come back together.
    """
    doubled: timedelta = min(policy.retry_delay, LONGEST_DELAY) * 2 ** min(attempt - 1, _DOUBLED)
    return min(doubled, LONGEST_DELAY) * random.random()  # noqa: S311 - nothing is secret here


def is_at_once(policy: Policy) -> bool:
    """Whether runs of one job may go on side by side."""
    return policy.overlap == ALLOW


def _in_grace(policy: Policy, tick: datetime, moment: datetime) -> bool:
    return policy.grace is None or moment - tick <= policy.grace


def _sorted_one(policy: Policy, due: datetime, following: datetime | None, moment: datetime) -> Sorted:
    if _in_grace(policy, due, moment):
        late = moment - due > ON_TIME
        return Sorted(run=(due,), missed=None, following=following, catches_up=late)
    return Sorted(run=(), missed=Gap(first=due, last=due, count=1), following=following, catches_up=False)


def _sorted_once(schedule: Schedule, policy: Policy, due: datetime, moment: datetime) -> Sorted:
    latest = _latest(schedule, due, moment)
    is_run = _in_grace(policy, latest, moment)
    missed = _gap(schedule, due, _latest(schedule, due, latest - _INSTANT) if is_run else latest)
    run = (latest,) if is_run else ()
    return Sorted(run=run, missed=missed, following=schedule.next_run(after=latest), catches_up=True)


def _sorted_each(schedule: Schedule, policy: Policy, due: datetime, moment: datetime) -> Sorted:
    missed, ticks = None, [due, *schedule.next_runs(after=due, count=MOST_AT_ONCE)]
    if not _in_grace(policy, due, moment):
        before = moment - (policy.grace or timedelta()) - _INSTANT
        missed = _gap(schedule, due, _latest(schedule, due, before))
        ticks = schedule.next_runs(after=before, count=MOST_AT_ONCE + 1)
    run = tuple(tick for tick in ticks[:MOST_AT_ONCE] if tick <= moment)
    following = ticks[len(run)] if len(run) < len(ticks) else None
    return Sorted(run=run, missed=missed, following=following, catches_up=True)


def _latest(schedule: Schedule, due: datetime, until: datetime) -> datetime:
    """The last tick up to `until`; `due` itself if the job was changed since, and has none there any more."""
    return schedule.latest_run(first=due, until=until) or due


def _gap(schedule: Schedule, first: datetime, last: datetime) -> Gap:
    return Gap(first=first, last=last, count=max(schedule.count(first=first, until=last), 1))
