"""What the application knows about databases that the legacy Flask application made with `create_all`.

Which tables and columns the oldest lack, what may be left over in them, and what a person should know about their rows.
It only reads; how a database is compared and mended is left to `crossfade.revisions`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session, aliased

from cronjobs.models import (
    Job,
    JobCategory,
    JobExecution,
    Notification,
    User,
    UserNotificationPreferences,
    UserUiPreferences,
)
from cronjobs.models.executions import RUNNING, STATUSES, TRIGGER_TYPES
from cronjobs.models.users import ROLES
from cronjobs.services import cron
from cronjobs.services.errors import InvalidCronError
from cronjobs.settings import Settings
from crossfade import clock
from crossfade.revisions import Adoption
from crossfade.settings import Settings as RouterSettings

SCHEDULER_TABLE = "apscheduler_jobs"
"""Pickles of the legacy scheduler: never read, never unpickled, never copied."""

_NAMED = 20
"""How many rows a sentence names before it only counts them."""

_POINTERS = (
    (JobExecution.job_id, Job.id),
    (Notification.user_id, User.id),
    (Notification.related_job_id, Job.id),
    (Notification.related_execution_id, JobExecution.id),
    (UserNotificationPreferences.user_id, User.id),
    (UserUiPreferences.user_id, User.id),
)


def oddities(session: Session, settings: RouterSettings) -> list[str]:
    """What is unusual about the rows of an adopted database, a sentence each. Nothing is changed."""
    zone = settings.zone if isinstance(settings, Settings) else ZoneInfo("UTC")
    return [
        *_stuck_executions(session),
        *_metadata(session),
        *_owners(session),
        *_unknown_words(session),
        *_incomplete_jobs(session),
        *_dangling_rows(session),
        *_scheduler_table(session),
        *_logins(session),
        *_dialects(session, zone),
    ]


def _stuck_executions(session: Session) -> Iterable[str]:
    statement = (
        select(Job.name)
        .select_from(JobExecution)
        .outerjoin(Job, Job.id == JobExecution.job_id)
        .where(JobExecution.status == RUNNING)
        .order_by(Job.name)
    )
    names = [name or "a job that is gone" for name in session.scalars(statement)]
    if names:
        yield (
            f"{_count(names, 'execution')} still marked running, of {_named(dict.fromkeys(names))}: "
            "left by a process that ended; the scheduler will close them as failed"
        )


def _metadata(session: Session) -> Iterable[str]:
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    statement = select(Job.name, Job.job_metadata).where(Job.job_metadata.is_not(None)).order_by(Job.name)
    for name, text in session.execute(statement):
        kind = _kind(text or "")
        if kind is not None:
            kinds[kind].append(name)
    for kind, names in sorted(kinds.items()):
        yield f"the metadata of {_named(names)} is {kind}, not an object: it is kept and shown as it is"


def _kind(text: str) -> str | None:
    """What a metadata column holds, if that isn't a JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return "no JSON"
    match value:
        case dict():
            return None
        case list():
            return "a list"
        case str():
            return "a string"
        case None:
            return "null"
        case bool():
            return "a boolean"
        case _:
            return "a number"


def _owners(session: Session) -> Iterable[str]:
    nobody = list(session.scalars(select(Job.name).where(Job.created_by.is_(None)).order_by(Job.name)))
    if nobody:
        yield f"{_named(nobody)} belong to nobody (created_by is null): only administrators can change them"
    statement = (
        select(Job.name)
        .outerjoin(User, User.id == Job.created_by)
        .where(Job.created_by.is_not(None), User.id.is_(None))
        .order_by(Job.name)
    )
    gone = list(session.scalars(statement))
    if gone:
        yield f"{_named(gone)} belong to a user who is gone: only administrators can change them"


def _unknown_words(session: Session) -> Iterable[str]:
    """Values that the contract doesn't know: they are shown, but no filter and no rule expects them."""
    for column, known in (
        (User.role, ROLES),
        (JobExecution.status, STATUSES),
        (JobExecution.trigger_type, TRIGGER_TYPES),
    ):
        words = list(session.scalars(select(column).where(column.not_in(known)).distinct().order_by(column)))
        if words:
            yield f"{column.class_.__tablename__}.{column.key} also holds {_named(words)}, which means nothing here"
    listed = select(JobCategory.slug)
    categories = list(
        session.scalars(select(Job.category).where(Job.category.not_in(listed)).distinct().order_by(Job.category))
    )
    if categories:
        yield f"jobs have the categories {_named(categories)}, which are not on the list"


def _incomplete_jobs(session: Session) -> Iterable[str]:
    """Jobs that run, but that nobody could create today."""
    for lacking, words in (
        (Job.end_date.is_(None), "no end date: they run for ever"),
        (Job.pic_team.is_(None), "no team in charge"),
        (
            func.coalesce(Job.target_url, Job.github_repo, Job.github_workflow_name).is_(None),
            "no target: every run will fail",
        ),
    ):
        names = list(session.scalars(select(Job.name).where(lacking).order_by(Job.name)))
        if names:
            yield f"{_named(names)} have {words}"


def _dangling_rows(session: Session) -> Iterable[str]:
    """Rows that point at nothing: the legacy application didn't ask SQLite to hold its foreign keys."""
    for pointer, key in _POINTERS:
        target = aliased(key.class_)
        there = select(target.id).where(target.id == pointer).exists()
        statement = select(func.count()).select_from(pointer.class_).where(pointer.is_not(None), ~there)
        count = session.scalar(statement)
        if count:
            rows = "1 row" if count == 1 else f"{count} rows"
            yield f"{rows} of {pointer.class_.__tablename__} point at a {pointer.key} that doesn't exist"


def _scheduler_table(session: Session) -> Iterable[str]:
    if inspect(session.connection()).has_table(SCHEDULER_TABLE):
        yield f"the table {SCHEDULER_TABLE} is left from the legacy scheduler: it is never read, and may be dropped"


def _logins(session: Session) -> Iterable[str]:
    for kind, column in (("usernames", User.username), ("email addresses", User.email)):
        alike: defaultdict[str, list[str]] = defaultdict(list)
        for login in session.scalars(select(column).order_by(column)):
            alike[login.casefold()].append(login)
        for logins in alike.values():
            if len(logins) > 1:
                yield f"the {kind} {_named(logins)} differ in case only: a new one like them would be refused"


def _dialects(session: Session, zone: ZoneInfo) -> Iterable[str]:
    """One sentence for each job, because each needs somebody's decision."""
    after = clock.now()
    for name, expression in session.execute(select(Job.name, Job.cron_expression).order_by(Job.name)):
        try:
            difference = cron.differs(expression, zone=zone, after=after)
        except InvalidCronError as error:
            yield f"{name!r} can't be run, and the scheduler will pause it. {error.message}".rstrip(".")
            continue
        if difference is not None:
            yield (
                f"{name!r} ({expression}) keeps the dialect apscheduler; standard cron would run it at other times. "
                f"{difference.reason}"
            ).rstrip(".")


def _count(rows: list[str], noun: str) -> str:
    return f"1 {noun} is" if len(rows) == 1 else f"{len(rows)} {noun}s are"


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(repr(name) for name in listed[:_NAMED])
    return shown if len(listed) <= _NAMED else f"{shown} and {len(listed) - _NAMED} more"


adoption = Adoption(
    later_tables=frozenset(
        {
            "job_categories",
            "job_executions",
            "notifications",
            "pic_teams",
            "slack_settings",
            "user_notification_preferences",
            "user_ui_preferences",
        }
    ),
    later_columns={
        "jobs": frozenset({"end_date", "pic_team"}),
        "pic_teams": frozenset({"slack_handle"}),
    },
    ignored_tables=frozenset({SCHEDULER_TABLE}),
    oddities=oddities,
)
"""Users and jobs were there from the start; all other tables came one by one."""
