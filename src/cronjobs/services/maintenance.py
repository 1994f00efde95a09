"""End dates, looked after each Monday at 09:00 in the scheduler's zone: once, whoever ticks.

Active jobs whose last day is over are paused, and their owners and the admins told. Of active jobs that end within 30
days the same people are reminded, with the handle of the team in charge; on Slack too. E-mails are one a person,
however many jobs they are about: of paused jobs for who wants to hear of those, reminders for who wants the weekly
report.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from cronjobs.models import Job, PicTeam
from cronjobs.models.notifications import WARNING
from cronjobs.services import audience, audit, news, rounds, runs, schedules, telling
from cronjobs.services.audience import Listener
from cronjobs.services.news import Line, Mail
from cronjobs.services.runs import owing, switch
from cronjobs.services.telling import Note, Paused
from crossfade import clock
from crossfade.database.sessions import WriteSession
from crossfade.routes import Stack

CHORE = "end-dates"
HOUR = time(9)
REMINDED = timedelta(days=30)
"""How long before its last day a job is reminded of."""
PATIENCE = timedelta(days=1)
"""How late it may be, when nobody ticked on Monday morning; later, the next Monday does."""

_LINES = 40
"""Of one Slack message."""
_AT_ONCE = 500
"""Jobs of one statement."""

_jobs = cast("Table", Job.__table__)


def due_at(now: datetime, zone: ZoneInfo) -> datetime:
    """The latest Monday, 09:00 in `zone`, that is not after `now`; aware."""
    local = now.astimezone(zone)
    monday = datetime.combine(local.date() - timedelta(days=local.weekday()), HOUR, tzinfo=zone)
    return monday if monday <= now else datetime.combine(monday.date() - timedelta(weeks=1), HOUR, tzinfo=zone)


def is_due(session: Session, *, zone: ZoneInfo, now: datetime | None = None) -> bool:
    """Whether it is worth a try: a look that takes no lock."""
    moment = now or clock.now()
    monday = due_at(moment, zone)
    return moment - monday < PATIENCE and rounds.is_open(session, CHORE, monday)


def see_to_end_dates(
    session: WriteSession,
    *,
    node: str,
    stack: Stack,
    zone: ZoneInfo,
    now: datetime | None = None,
    anchor: Session | None = None,
) -> bool:
    """Does this week's round; False if it is not due, was done, or the scheduler's owner is another stack, or off.

    `anchor` is a session of the anchor database, where `session` is of another one: jobs of both are left to it.
    """
    moment = now or clock.now()
    if not (is_due(session, zone=zone, now=moment) and runs.may_fire(anchor or session, stack)):
        return False
    if not rounds.take(session, CHORE, due_at(moment, zone), owner=node):
        return False
    today = moment.astimezone(zone).date()
    _pause_ended(session, zone, moment, anchor)
    _remind(session, today, clock.naive_utc(moment), anchor)
    return True


def _pause_ended(session: WriteSession, zone: ZoneInfo, now: datetime, anchor: Session | None) -> None:
    found = session.scalars(
        select(Job)
        .where(Job.is_active.is_(True), Job.end_date < now.astimezone(zone).date())
        .order_by(Job.name)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    theirs = switch.of_anchor(anchor, {job.id for job in found})
    moment = clock.naive_utc(now)
    # Its last day may go on where a job is at home, or have a tick that nobody claimed yet: the next round pauses it.
    ended = [
        job
        for job in found
        if job.id not in theirs and _is_over(job, zone, now) and owing.of(job, zone=zone, moment=moment) is None
    ]
    if not ended:
        return
    for start in range(0, len(ended), _AT_ONCE):
        session.execute(
            update(_jobs)
            .where(_jobs.c.id.in_([job.id for job in ended[start : start + _AT_ONCE]]))
            .values(is_active=False, next_run_at=None, updated_at=moment, planned_at=moment)
        )
    audit.paused(session, ended)
    notes = {
        job.id: telling.of_paused(
            Paused(job_id=job.id, name=job.name, creator=job.created_by, reason=f"its last day was {job.end_date}")
        )
        for job in ended
    }
    _tell(session, ended, notes, moment=moment, preference="email_on_job_disabled", subject=_paused_subject)
    _say(session, [Line(notes[job.id].message) for job in ended])


def _is_over(job: Job, zone: ZoneInfo, now: datetime) -> bool:
    return cast("date", job.end_date) < now.astimezone(schedules.zone_of(job, zone=zone)).date()


def _remind(session: WriteSession, today: date, moment: datetime, anchor: Session | None) -> None:
    ending_soon = session.execute(
        select(Job, PicTeam)
        .outerjoin(PicTeam, PicTeam.slug == Job.pic_team)
        .where(Job.is_active.is_(True), Job.end_date >= today, Job.end_date <= today + REMINDED)
        .order_by(Job.end_date, Job.name)
        .with_for_update(read=True, key_share=True, of=Job)
    ).all()
    theirs = switch.of_anchor(anchor, {job.id for job, _ in ending_soon})
    found = [(job, team) for job, team in ending_soon if job.id not in theirs]
    if not found:
        return
    notes = {job.id: _reminder(job, team, today) for job, team in found}
    ending = [job for job, _ in found]
    _tell(session, ending, notes, moment=moment, preference="weekly_report", subject=_ending_subject)
    _say(session, [Line(_ends(job, team, today), _handle(team)) for job, team in found])


def _reminder(job: Job, team: PicTeam | None, today: date) -> Note:
    handle = f" ({_handle(team)})" if _handle(team) else ""
    message = f"{_ends(job, team, today)}{handle}. Give it a new end date if it shall go on."
    return Note(title=telling.titled("Job ends soon", job.name), message=message, type=WARNING, job_id=job.id)


def _handle(team: PicTeam | None) -> str | None:
    return None if team is None else team.slack_handle


def _ends(job: Job, team: PicTeam | None, today: date) -> str:
    days = (cast("date", job.end_date) - today).days
    when = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
    return f"The job {job.name} ends {when}, on {job.end_date}. Team: {team.name if team else job.pic_team or 'none'}"


def _tell(
    session: WriteSession,
    jobs: Sequence[Job],
    notes: dict[str, Note],
    *,
    moment: datetime,
    preference: str,
    subject: Callable[[int], str],
) -> None:
    """A note a job in each inbox, one e-mail a person."""
    for listener in audience.find(session, {job.created_by for job in jobs}):
        theirs = [notes[job.id] for job in jobs if listener.hears_of(job.created_by)]
        telling.write(session, [(listener, note) for note in theirs], moment=moment)
        if theirs and listener.wants(preference):
            news.put(session, _mail(listener, theirs, subject))


def _mail(listener: Listener, notes: Sequence[Note], subject: Callable[[int], str]) -> Mail:
    only = notes[0] if len(notes) == 1 else None
    return Mail(
        about="end dates",
        to=(listener.email,),
        subject=only.title if only else subject(len(notes)),
        lines=tuple(note.message for note in notes),
        path=telling.path_of(only.job_id) if only else "/jobs",
    )


def _say(session: WriteSession, lines: Sequence[Line]) -> None:
    for start in range(0, len(lines), _LINES):
        telling.post(session, about="end dates", lines=lines[start : start + _LINES], path="/jobs")


def _paused_subject(count: int) -> str:
    return f"{count} jobs are paused: their last day is over"


def _ending_subject(count: int) -> str:
    return f"{count} jobs end within {REMINDED.days} days"
