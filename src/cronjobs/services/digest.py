"""The daily digest: how the runs of the last day went, by e-mail, for who asked for it.

Each day at 09:00 in the scheduler's zone, once whoever ticks. Each person hears of the jobs that they are told of
anyway: their own, admins of all; of a day without runs nobody hears.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution
from cronjobs.models.executions import FAILED, SKIPPED, SUCCESS
from cronjobs.services import audience, news, rounds, runs
from cronjobs.services.audience import Listener
from cronjobs.services.news import Mail
from cronjobs.services.runs import switch
from crossfade import clock
from crossfade.database.sessions import WriteSession
from crossfade.routes import Stack

CHORE = "daily-digest"
HOUR = time(9)
SPAN = timedelta(days=1)
PATIENCE = timedelta(hours=12)
"""How late it may be, when nobody ticked in the morning; later, the next day's is the first."""

_NAMED = 50
"""Jobs with failures that are named; the rest is counted."""


@dataclass(frozen=True)
class _Day:
    """How a job's runs of the day went."""

    name: str
    creator: str | None
    succeeded: int
    failed: int


def due_at(now: datetime, zone: ZoneInfo) -> datetime:
    """The latest 09:00 in `zone` that is not after `now`; aware."""
    morning = datetime.combine(now.astimezone(zone).date(), HOUR, tzinfo=zone)
    return morning if morning <= now else datetime.combine(morning.date() - timedelta(days=1), HOUR, tzinfo=zone)


def is_due(session: Session, *, zone: ZoneInfo, now: datetime | None = None) -> bool:
    """Whether it is worth a try: a look that takes no lock."""
    moment = now or clock.now()
    morning = due_at(moment, zone)
    return moment - morning < PATIENCE and rounds.is_open(session, CHORE, morning)


def write_digest(
    session: WriteSession,
    *,
    node: str,
    stack: Stack,
    zone: ZoneInfo,
    now: datetime | None = None,
    anchor: Session | None = None,
) -> bool:
    """Does today's round; False if it is not due, was done, or the scheduler's owner is another stack, or off.

    `anchor` is a session of the anchor database, where `session` is of another one: jobs of both are left to it.
    """
    moment = now or clock.now()
    morning = due_at(moment, zone)
    if not (is_due(session, zone=zone, now=moment) and runs.may_fire(anchor or session, stack)):
        return False
    if not rounds.take(session, CHORE, morning, owner=node):
        return False
    readers = audience.who_want(session, "daily_digest")
    days = _days(session, anchor, until=morning) if readers else []
    for reader in readers:
        theirs = [day for day in days if reader.hears_of(day.creator)]
        if theirs:
            news.put(session, _mail(reader, theirs))
    return True


def _days(session: WriteSession, anchor: Session | None, *, until: datetime) -> list[_Day]:
    succeeded = func.count().filter(JobExecution.status == SUCCESS)
    failed = func.count().filter(JobExecution.status == FAILED)
    found = session.execute(
        select(Job.id, Job.name, Job.created_by, succeeded, failed)
        .join(JobExecution, JobExecution.job_id == Job.id)
        .where(
            JobExecution.started_at >= clock.naive_utc(until - SPAN),
            JobExecution.started_at < clock.naive_utc(until),
            # To be passed over because a run goes on is what the job asked for.
            or_(JobExecution.state.is_(None), JobExecution.state != SKIPPED),
        )
        .group_by(Job.id, Job.name, Job.created_by)
        .order_by(failed.desc(), Job.name)
    ).all()
    theirs = switch.of_anchor(anchor, {row.id for row in found})
    return [_Day(*row[1:]) for row in found if row.id not in theirs]


def _mail(reader: Listener, days: Sequence[_Day]) -> Mail:
    succeeded, failed = sum(day.succeeded for day in days), sum(day.failed for day in days)
    broken = [day for day in days if day.failed]
    lines = [f"In the last day {succeeded} runs succeeded and {failed} failed, of {len(days)} jobs."]
    lines += [f"{day.name}: {day.failed} failed, {day.succeeded} succeeded." for day in broken[:_NAMED]]
    if len(broken) > _NAMED:
        lines.append(f"And {len(broken) - _NAMED} more jobs with failures.")
    subject = f"Daily digest: {failed} failed, {succeeded} succeeded"
    return Mail(about="the daily digest", to=(reader.email,), subject=subject, lines=tuple(lines), path="/jobs")
