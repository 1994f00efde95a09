"""Jobs: finding, listing, creating, changing and deleting them.

Anybody who is signed in may look; a job is changed by its owner or an admin. What a job must be like is said in
`services.drafts`, when it runs in `services.schedules` and `services.runs`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobExecution, User
from cronjobs.services import audit, drafts, errors, permissions, runs, schedules, taxonomies
from cronjobs.services.drafts import Draft
from cronjobs.services.pages import Page, Slice, Timeline
from cronjobs.services.runs import owing
from cronjobs.services.runs.owing import Owed
from cronjobs.services.runs.policies import Gap
from cronjobs.services.schedules import Schedule
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.database.sessions import WriteSession

_ESCAPE = "\\"
_TIMELINE = Timeline(Job.created_at, Job.id)

_Looking = Select[Job, datetime]
"""Jobs, each with the start of its last run."""


@dataclass(frozen=True)
class Wanted:
    """What a list of jobs is narrowed to; None leaves that side open."""

    search: str | None = None
    """A part of the name, in any case."""
    category: str | None = None
    """A slug or a display name, in any case."""
    pic_team: str | None = None
    """A slug or a display name, in any case."""
    is_active: bool | None = None


@dataclass(frozen=True)
class Seen:
    """A job as it is looked at: with its last run, and its next one if there will be one."""

    job: Job
    last_execution_at: datetime | None
    """Naive UTC."""
    next_execution_at: datetime | None
    """Aware, in the job's zone, or in the scheduler's if it has none of its own."""


def listed(session: Session, wanted: Wanted, settings: Settings) -> list[Seen]:
    """All jobs that are wanted, newest first, in a fixed number of statements."""
    return _seen(session, _TIMELINE.newest_first(_looked_at().where(*_conditions(session, wanted))), settings)


def page(session: Session, wanted: Wanted, page: Page, settings: Settings) -> Slice[Seen]:
    """One page of the jobs that are wanted, newest first, in a fixed number of statements."""
    conditions = _conditions(session, wanted)
    total = _TIMELINE.count(session, conditions)
    statement = _TIMELINE.newest_first(_looked_at().where(_TIMELINE.are_on(page, conditions, total=total)))
    return Slice(_seen(session, statement, settings), total, page)


def seen(session: Session, job_id: str, settings: Settings) -> Seen:
    """One job. Raises NotFoundError."""
    found = _seen(session, _looked_at().where(Job.id == _storable(job_id)), settings)
    if not found:
        raise _unknown()
    return found[0]


def find(session: Session, job_id: str) -> Job:
    """The job of that id, to read. Raises NotFoundError."""
    job = session.get(Job, _storable(job_id))
    if job is None:
        raise _unknown()
    return job


def find_to_change(session: WriteSession, caller: User, job_id: str) -> Job:
    """The job of that id, locked, if `caller` may change it. Raises NotFoundError, ForbiddenError."""
    job = session.get(Job, _storable(job_id), with_for_update=True, populate_existing=True)
    if job is None:
        raise _unknown()
    permissions.require_owner(caller, job.created_by)
    return job


def create(session: WriteSession, caller: User, draft: Draft, settings: Settings) -> Job:
    """A new job of `caller`'s. Raises InvalidError: what is missing (`missing_fields`), malformed or taken."""
    taxonomies.hold(session)
    job = drafts.new(session, draft, settings)
    job.created_by = caller.id
    _refuse_taken(session, job.name, but=None)
    runs.plan(job, zone=settings.zone)
    session.add(job)
    _flush(session, job.name)
    audit.created(session, caller, job)
    return job


def change(session: WriteSession, caller: User, job_id: str, draft: Draft, settings: Settings) -> Job:
    """Changes what `draft` mentions. Raises NotFoundError, ForbiddenError, InvalidError."""
    taxonomies.hold(session)
    job = find_to_change(session, caller, job_id)
    before, now = audit.state(job), clock.now()
    owed = owing.of(job, zone=settings.zone, moment=clock.naive_utc(now))
    with session.no_autoflush:  # the checks below read: nothing half changed may be sent
        drafts.apply(session, job, draft, settings)
        _refuse_taken(session, job.name, but=job.id)
    left = _replan(session, job, settings, owed, now)
    _flush(session, job.name)
    why = "when the job was changed" if job.is_active else "when the job was paused"
    owing.write_off(session, job, left, why, moment=clock.naive_utc(now))
    audit.changed(session, caller, job, before)
    return job


def delete(session: WriteSession, caller: User, job_id: str) -> Job:
    """Deletes a job with its executions; notifications stay, without it. Raises NotFoundError, ForbiddenError."""
    job = find_to_change(session, caller, job_id)
    audit.deleted(session, caller, job)
    session.delete(job)
    session.flush()
    return job


def pause(session: WriteSession, caller: User | None, job: Job, settings: Settings) -> None:
    """The job fires no more, until somebody enables it. `caller` is None where the application does it by itself."""
    before, now = audit.state(job), clock.now()
    owed = owing.of(job, zone=settings.zone, moment=clock.naive_utc(now))
    job.is_active = False
    left = _replan(session, job, settings, owed, now)
    session.flush()
    owing.write_off(session, job, left, "when the job was paused", moment=clock.naive_utc(now))
    audit.changed(session, caller, job, before, action=audit.PAUSED)


def has_ended(job: Job, settings: Settings) -> bool:
    """Whether the job's last day is over in its zone."""
    return job.end_date is not None and job.end_date < drafts.today(settings, job)


def _replan(session: WriteSession, job: Job, settings: Settings, owed: Owed | None, now: datetime) -> Gap | None:
    """Plans a job that was changed; the ticks it owed that no claim will answer."""
    if not session.is_modified(job):
        return None
    # A legacy row may hold an expression that never was a schedule, and somebody may change its name all the same: the
    # scheduler sees that it was not planned, and deals with it.
    with suppress(errors.InvalidScheduleError):
        return runs.plan(job, zone=settings.zone, owed=owed, now=now)
    return None


def _looked_at() -> _Looking:
    last = (
        select(func.max(JobExecution.started_at)).where(JobExecution.job_id == Job.id).correlate(Job).scalar_subquery()
    )
    return select(Job, last)


def _seen(session: Session, statement: _Looking, settings: Settings) -> list[Seen]:
    next_tick = _next_ticks(settings)
    return [Seen(job, last, next_tick(job)) for job, last in session.execute(statement)]


def _next_ticks(settings: Settings) -> Callable[[Job], datetime | None]:
    """When a job fires next. Jobs share schedules, so that each is computed once for a list."""
    now, known = clock.now(), dict[Schedule, datetime | None]()

    def next_tick(job: Job) -> datetime | None:
        if not job.is_active or has_ended(job, settings):
            return None
        try:
            schedule = schedules.of(job, zone=settings.zone)
            if schedule not in known:
                known[schedule] = schedule.next_run(after=now)
        except errors.InvalidScheduleError:  # a row that never was a schedule
            return None
        tick = known[schedule]
        return None if tick is None else tick.astimezone(schedule.zone)

    return next_tick


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.search:
        conditions.append(Job.name.ilike(f"%{_literal(wanted.search)}%", escape=_ESCAPE))
    if wanted.category:
        conditions.append(Job.category == taxonomies.category_filter(session, wanted.category))
    if wanted.pic_team:
        conditions.append(Job.pic_team == taxonomies.team_filter(session, wanted.pic_team))
    if wanted.is_active is not None:
        conditions.append(Job.is_active.is_(wanted.is_active))
    return conditions


def _literal(text: str) -> str:
    """Text in which `%` and `_` mean themselves in a LIKE."""
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text


def _refuse_taken(session: WriteSession, name: str, *, but: str | None) -> None:
    holder = session.scalar(select(Job.id).where(Job.name == name))
    if holder is not None and holder != but:
        raise _taken(name)


def _flush(session: WriteSession, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        # On PostgreSQL somebody else may take the name between the check and here.
        if "jobs.name" in str(error.orig) or "jobs_name_key" in str(error.orig):
            raise _taken(name) from error
        raise


def _taken(name: str) -> errors.InvalidError:
    return errors.InvalidError(f"There is a job called {name!r} already. Choose another name.", error="Duplicate name")


def _unknown() -> errors.NotFoundError:
    return errors.NotFoundError("There is no such job.", error="Job not found")


def _storable(job_id: str) -> str:
    """The id, or one that no row has: PostgreSQL can't even be asked for U+0000."""
    return "" if "\x00" in job_id else job_id
