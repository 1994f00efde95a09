"""Many jobs at once: good rows become jobs, the others are reported, and a dry run reports the same but keeps nothing.

What a job must be like is asked of `services.jobs`, row by row; how a file becomes rows is left to `services.sheets`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cronjobs.models import Job, User
from cronjobs.services import jobs, locks, targets
from cronjobs.services.drafts import Draft
from cronjobs.services.errors import InvalidError
from cronjobs.services.locks import Turn
from cronjobs.settings import Settings
from crossfade.database.sessions import WriteSession


@dataclass(frozen=True)
class Entry:
    """What a row asks for."""

    line: int
    """Where the row starts in its file."""
    job_name: str | None
    wanted: Draft | InvalidError
    """An error where the row's cells can't be read."""


@dataclass(frozen=True)
class Refused:
    """A row that became no job, and why."""

    line: int
    job_name: str | None
    reason: InvalidError


@dataclass(frozen=True)
class Outcome:
    """What became of the rows, in their order."""

    created: list[Job]
    """In a dry run: the jobs that would have been created."""
    refused: list[Refused]


def create(session: WriteSession, caller: User, entries: Sequence[Entry], settings: Settings) -> Outcome:
    """Creates the jobs that fulfil the rules; a row that does not takes nothing along."""
    # Two uploads of the same names in another order would wait for each other's rows.
    locks.alone(session, Turn.UPLOADS)
    created: list[Job] = []
    refused: list[Refused] = []
    for entry in entries:
        try:
            created.append(_create_one(session, caller, entry, settings))
        except InvalidError as error:
            refused.append(Refused(entry.line, entry.job_name, error))
    return Outcome(created, refused)


def rehearse(session: WriteSession, caller: User, entries: Sequence[Entry], settings: Settings) -> Outcome:
    """What `create` would do; nothing of it stays."""
    rehearsal = session.begin_nested()
    try:
        outcome = create(session, caller, entries, settings)
        for job in outcome.created:
            # Kept readable: what is undone in the session loses its values.
            session.expunge(job)
    finally:
        rehearsal.rollback()
    return outcome


def with_default_owner(settings: Settings, owner: str | None) -> Settings:
    """The settings for an upload that brings an owner for repositories that name none. Raises InvalidError."""
    named = targets.text(owner)
    if named is None:
        return settings
    try:
        targets.owner_name(named)
    except InvalidError as error:
        message = error.message.replace("github_owner", "default_github_owner", 1)
        raise InvalidError(message, error="Invalid default_github_owner") from error
    return settings.model_copy(update={"default_github_owner": named})


def _create_one(session: WriteSession, caller: User, entry: Entry, settings: Settings) -> Job:
    if isinstance(entry.wanted, InvalidError):
        raise entry.wanted
    # A savepoint: what PostgreSQL refuses would take the rows before along.
    with session.begin_nested():
        return jobs.create(session, caller, entry.wanted, settings)
