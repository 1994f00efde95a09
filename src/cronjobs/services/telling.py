"""Telling people of a run that ended and of a job that was paused: in the inbox, by e-mail, on Slack.

The inbox is written in the caller's transaction, so that it says what is true; the rest is put on the session
(`services.news`) and leaves after the commit. Of a run the job's creator and the active admins are told; e-mails go to
the job's list too, about successes only if the job asks for it; Slack hears of every run where it is enabled.

Who wants what is said in `services.audience`. Targets, answers and settings are not repeated in messages: they may hold
secrets.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, select

from cronjobs.models import Job, Notification, SlackSettings, notifications
from cronjobs.models.base import new_id
from cronjobs.models.executions import FAILED, MISSED, SUCCESS, UNKNOWN
from cronjobs.services import audience, drafts, news, slack
from cronjobs.services.audience import Listener
from cronjobs.services.news import Line, Mail, Post
from crossfade.database.sessions import WriteSession
from crossfade.redaction import mask

LONGEST_TITLE = 255
"""Characters: what the column holds."""
INSERTED_AT_ONCE = 500

_WORDS = {
    FAILED: ("Job failed", "failed"),
    MISSED: ("Job missed", "was not run"),
    UNKNOWN: ("Job interrupted", "was interrupted, and nobody knows how far it came"),
}

_notifications = cast("Table", Notification.__table__)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that is over."""

    job_id: str
    execution_id: str
    state: str
    """success, failed, missed or unknown."""
    error: str | None
    """Why it is no success."""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to see to."""
        return self.state == SUCCESS


@dataclass(frozen=True, kw_only=True)
class Paused:
    """A job that fires no more."""

    job_id: str
    name: str
    creator: str | None
    reason: str
    """The rest of a sentence: `its last day was 2026-11-20`."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """What stands in an inbox."""

    title: str
    message: str
    type: str
    job_id: str | None
    """None if it is about several."""
    execution_id: str | None = None


def hold(session: WriteSession, job_id: str) -> None:
    """Keeps a job from being deleted under what is going to be told of it, before anything of it is locked.

    Deleting locks the job, then its runs: who did it the other way round would wait for each other.
    """
    session.execute(select(Job.id).where(Job.id == job_id).with_for_update(read=True, key_share=True))


def hold_free(session: WriteSession, job_ids: Collection[str]) -> set[str]:
    """As `hold`, of several jobs and without waiting: those of them that nobody else has in hand."""
    wanted = select(Job.id).where(Job.id.in_(job_ids))
    return set(session.scalars(wanted.with_for_update(read=True, key_share=True, skip_locked=True)))


def jobs_of(session: WriteSession, job_ids: Iterable[str]) -> dict[str, Job]:
    """The jobs of these ids that are there, as they are now."""
    wanted = set(job_ids)
    if not wanted:
        return {}
    found = session.scalars(select(Job).where(Job.id.in_(wanted)).execution_options(populate_existing=True))
    return {job.id: job for job in found}


def runs_ended(session: WriteSession, ended: Sequence[Ended], *, moment: datetime) -> None:
    """Tells of runs whose end was just written down, in a fixed number of statements; `moment` is naive UTC.

    Nothing of those whose job is gone.
    """
    jobs = jobs_of(session, (each.job_id for each in ended))
    known = [(each, jobs[each.job_id]) for each in ended if each.job_id in jobs]
    if not known:
        return
    lists = {each.execution_id: _mailed(each, job) for each, job in known}
    listeners = audience.find(
        session, {job.created_by for _, job in known}, {one for addresses in lists.values() for one in addresses}
    )
    settings = slack.current(session)
    notes: list[tuple[Listener, Note]] = []
    for each, job in known:
        note = _of_run(job, each)
        told = [listener for listener in listeners if listener.hears_of(job.created_by)]
        notes += [(listener, note) for listener in told]
        if not each.ok or job.notify_on_success:
            preference = "email_on_job_success" if each.ok else "email_on_job_failure"
            news.put(session, *_mails(note, told, listeners, lists[each.execution_id], preference))
        _post(session, settings, f"job {job.id}", [Line(note.title), *_detail(note)], path_of(job.id))
    write(session, notes, moment=moment)


def job_paused(session: WriteSession, paused: Paused, *, moment: datetime) -> None:
    """Tells of a job that was paused by the application itself; `moment` is naive UTC."""
    note = of_paused(paused)
    told = [each for each in audience.find(session, [paused.creator]) if each.hears_of(paused.creator)]
    write(session, [(each, note) for each in told], moment=moment)
    news.put(session, *_mails(note, told, told, [], "email_on_job_disabled"))
    post(session, about=f"job {paused.job_id}", lines=[Line(note.title), *_detail(note)], path=path_of(paused.job_id))


def of_paused(paused: Paused) -> Note:
    """The note of a job that was paused."""
    message = f"The job {paused.name} is paused: {paused.reason.rstrip('.')}. It runs again when somebody enables it."
    return Note(
        title=titled("Job paused", paused.name), message=message, type=notifications.WARNING, job_id=paused.job_id
    )


def titled(what: str, name: str) -> str:
    """A title that fits its column."""
    title = f"{what}: {name}"
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"


def path_of(job_id: str | None) -> str:
    """Where a job is seen, below the frontend's address; without one, where all are."""
    return "/jobs" if job_id is None else f"/jobs/{job_id}"


def write(session: WriteSession, notes: Iterable[tuple[Listener, Note]], *, moment: datetime) -> None:
    """Puts notes into the inboxes of those who want them there."""
    rows = [_row(each, note, moment) for each, note in notes if each.wants("browser_notifications")]
    for start in range(0, len(rows), INSERTED_AT_ONCE):
        session.execute(_notifications.insert(), rows[start : start + INSERTED_AT_ONCE])


def post(session: WriteSession, *, about: str, lines: Sequence[Line], path: str) -> None:
    """Says something on Slack, where that is enabled."""
    _post(session, slack.current(session), about, lines, path)


def _post(session: WriteSession, settings: SlackSettings | None, about: str, lines: Sequence[Line], path: str) -> None:
    if settings is not None and settings.is_enabled and settings.webhook_url:
        url, channel = settings.webhook_url, settings.channel
        news.put(session, Post(about=about, webhook_url=url, channel=channel, lines=tuple(lines), path=path))


def _mailed(ended: Ended, job: Job) -> list[str]:
    """The job's list, as far as it wants to hear of this."""
    return drafts.emails(job) if job.enable_email_notifications and (not ended.ok or job.notify_on_success) else []


def _of_run(job: Job, ended: Ended) -> Note:
    if ended.ok:
        title, message, kind = "Job succeeded", f"The job {job.name} ran successfully.", notifications.SUCCESS
    else:
        reason = mask(ended.error or "the reason is not known").rstrip(".")
        title, what = _WORDS.get(ended.state, _WORDS[FAILED])
        message, kind = f"The job {job.name} {what}: {reason}.", notifications.ERROR
    return Note(
        title=titled(title, job.name), message=message, type=kind, job_id=job.id, execution_id=ended.execution_id
    )


def _detail(note: Note) -> list[Line]:
    return [] if note.type == notifications.SUCCESS else [Line(note.message)]


def _mails(
    note: Note, told: Sequence[Listener], known: Sequence[Listener], addresses: Sequence[str], preference: str
) -> list[Mail]:
    """One to the job's list, and one to each who wants it: they need not see each other's address.

    An address of the list that is a user's follows that user's wish.
    """
    users = {each.email.lower(): each for each in known}
    listed = [one for one in addresses if one.lower() not in users or users[one.lower()].wants(preference)]
    already = {one.lower() for one in listed}
    alone = [each.email for each in told if each.wants(preference) and each.email.lower() not in already]
    groups = [tuple(listed)] if listed else []
    groups += [(each,) for each in alone]
    return [
        Mail(about=f"job {note.job_id}", to=to, subject=note.title, lines=(note.message,), path=path_of(note.job_id))
        for to in groups
    ]


def _row(listener: Listener, note: Note, moment: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "user_id": listener.id,
        "title": note.title,
        "message": note.message,
        "type": note.type,
        "related_job_id": note.job_id,
        "related_execution_id": note.execution_id,
        "is_read": False,
        "read_at": None,
        "created_at": moment,
    }
