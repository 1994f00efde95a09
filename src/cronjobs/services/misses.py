"""Telling people of runs that were missed: one by one, or in one message each where they are many.

After an outage every job may have missed some. A hundred letters to one person say less than one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from cronjobs.models import Job, notifications
from cronjobs.services import audience, drafts, news, telling
from cronjobs.services.news import Line, Mail
from cronjobs.services.telling import Ended, Note
from crossfade.database.sessions import WriteSession

SPELT_OUT = 10
"""Jobs that missed runs at once and are told of one by one; more are told of together."""
_NAMED = 20
"""Of those that are told of together, so many are named."""
_ABOUT = "missed runs"


def tell(session: WriteSession, missed: Sequence[Ended], *, moment: datetime) -> None:
    """Tells of the missed rows that one transaction has written; `moment` is naive UTC."""
    if len(missed) <= SPELT_OUT:
        telling.runs_ended(session, missed, moment=moment)
        return
    jobs = telling.jobs_of(session, (each.job_id for each in missed))
    found = sorted(jobs.values(), key=lambda job: job.name)
    lists = {job.id: drafts.emails(job) if job.enable_email_notifications else [] for job in found}
    addresses = {address for each in lists.values() for address in each}
    listeners = audience.find(session, {job.created_by for job in found}, addresses)
    users = {each.email.lower(): each for each in listeners}
    letters: dict[str, list[Job]] = {}
    for each in listeners:
        theirs = [job for job in found if each.hears_of(job.created_by)]
        if theirs:
            telling.write(session, [(each, _note(theirs))], moment=moment)
            if each.wants("email_on_job_failure"):
                letters[each.email.lower()] = theirs
    for address in sorted(addresses):
        user = users.get(address.lower())
        if user is None or user.wants("email_on_job_failure"):
            listed = [job for job in found if address in lists[job.id]]
            letters[address.lower()] = _together(letters.get(address.lower(), []), listed)
    news.put(session, *(_mail(address, theirs) for address, theirs in letters.items()))
    note = _note(found)
    telling.post(session, about=_ABOUT, lines=[Line(note.title), Line(note.message)], path=telling.path_of(note.job_id))


def _together(some: Iterable[Job], others: Iterable[Job]) -> list[Job]:
    return sorted({job.id: job for job in (*some, *others)}.values(), key=lambda job: job.name)


def _note(jobs: Sequence[Job]) -> Note:
    named = ", ".join(job.name for job in jobs[:_NAMED])
    others = f" and {len(jobs) - _NAMED} others" if len(jobs) > _NAMED else ""
    message = f"Runs were not made in time of {named}{others}. Each job's runs say which."
    title = f"{len(jobs)} jobs missed runs" if len(jobs) > 1 else telling.titled("Job missed", jobs[0].name)
    only = jobs[0].id if len(jobs) == 1 else None
    return Note(title=title, message=message, type=notifications.ERROR, job_id=only)


def _mail(address: str, jobs: Sequence[Job]) -> Mail:
    note = _note(jobs)
    return Mail(
        about=_ABOUT, to=(address,), subject=note.title, lines=(note.message,), path=telling.path_of(note.job_id)
    )
