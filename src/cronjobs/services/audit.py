"""The audit log: who changed which user, job, category, team, setting or switch, and from what to what.

Services record what they change in the transaction in which they change it, so that there is no change without its
event and no event without its change:

    before = audit.state(job)
    job.name = "Renamed"
    session.flush()
    audit.changed(session, caller, job, before)

The actor is `caller`; None for what the application does by itself. Secrets are left out, long values cut. What the
legacy application writes, and SQL by hand, is not seen.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from cronjobs.models import AuditEvent, Job, JobCategory, PicTeam, SchedulerControl, SlackSettings, User
from cronjobs.services.pages import Page, Slice, Timeline
from cronjobs.services.periods import Period
from crossfade import redaction
from crossfade.database.sessions import WriteSession

CREATED = "created"
UPDATED = "updated"
DELETED = "deleted"
DISABLED = "disabled"
"""A category or a team, by DELETE."""
PAUSED = "paused"
"""A job, by the application's own rules: its last day is over, or its expression is no schedule."""

LONGEST_VALUE = 1000
"""Characters of a value that an event keeps."""

Subject = User | Job | JobCategory | PicTeam | SlackSettings | SchedulerControl
State = Mapping[str, Any]
"""The fields of something, as stored; not to be shown."""

_KINDS: Mapping[type[Subject], str] = {
    User: "user",
    Job: "job",
    JobCategory: "job_category",
    PicTeam: "pic_team",
    SlackSettings: "slack_settings",
    SchedulerControl: "scheduler",
}

_FIELDS: Mapping[type[Subject], tuple[str, ...]] = {
    User: ("username", "email", "role", "is_active", "password"),
    Job: (
        "name",
        "cron_expression",
        "cron_dialect",
        "target_url",
        "github_owner",
        "github_repo",
        "github_workflow_name",
        "metadata",
        "category",
        "end_date",
        "pic_team",
        "enable_email_notifications",
        "notification_emails",
        "notify_on_success",
        "created_by",
        "is_active",
        "timezone",
        "start_date",
        "misfire_policy",
        "misfire_grace_seconds",
        "overlap_policy",
        "on_crash",
        "max_retries",
        "retry_delay_seconds",
        "timeout_seconds",
    ),
    JobCategory: ("slug", "name", "is_active"),
    PicTeam: ("slug", "name", "slack_handle", "is_active"),
    SlackSettings: ("is_enabled", "webhook_url", "channel"),
    SchedulerControl: ("owner", "changed_by"),
}
"""What of each kind is recorded, by the names that the contract gives."""

_COLUMNS = {"password": "password_hash", "metadata": "job_metadata"}
"""Where fields are stored whose columns have other names."""

_TIMELINE = Timeline(AuditEvent.occurred_at, AuditEvent.id)

_SECRETS = frozenset({"password", "webhook_url"})
"""Fields of which an event says no more than that they changed."""


@dataclass(frozen=True)
class Wanted:
    """What a list of events is narrowed to; nothing given leaves that side open."""

    actor: str | None = None
    """A user's id or name."""
    kinds: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    period: Period = field(default_factory=Period)


def state(subject: Subject) -> State:
    """What it is like now, to be compared after a change."""
    return {name: getattr(subject, _COLUMNS.get(name, name)) for name in _FIELDS[type(subject)]}


def created(session: WriteSession, caller: User | None, subject: Subject) -> None:
    """Records that it was made; after the flush that gave it an id."""
    _record(session, [_event(caller, CREATED, subject, _differences({}, state(subject)))])


def changed(
    session: WriteSession, caller: User | None, subject: Subject, before: State, *, action: str = UPDATED
) -> None:
    """Records what is different since `before`; nothing if nothing is."""
    differences = _differences(before, state(subject))
    if differences:
        _record(session, [_event(caller, action, subject, differences)])


def deleted(session: WriteSession, caller: User | None, subject: Subject) -> None:
    """Records what it was like; before it is deleted."""
    _record(session, [_event(caller, DELETED, subject, _differences(state(subject), {}))])


def paused(session: WriteSession, jobs: Iterable[Job]) -> None:
    """Records that the application has paused active jobs by itself, however it wrote that."""
    _record(session, [_event(None, PAUSED, job, {"is_active": (True, False)}) for job in jobs])


def page(session: Session, wanted: Wanted, page: Page) -> Slice[AuditEvent]:
    """One page of the events that are wanted, newest first: two statements."""
    conditions = _conditions(wanted)
    total = _TIMELINE.count(session, conditions)
    listed = select(AuditEvent).where(_TIMELINE.are_on(page, conditions, total=total))
    return Slice(list(session.scalars(_TIMELINE.newest_first(listed))), total, page)


def changes(event: AuditEvent) -> dict[str, Any]:
    """What an event says of each field that changed: `{"before": ..., "after": ...}`."""
    found: dict[str, Any] = json.loads(event.changes)
    return found


def _record(session: WriteSession, events: Sequence[AuditEvent]) -> None:
    session.add_all(events)
    session.flush()


def _event(
    caller: User | None, action: str, subject: Subject, differences: Mapping[str, tuple[Any, Any]]
) -> AuditEvent:
    changes = {
        name: {"before": _shown(name, before), "after": _shown(name, after)}
        for name, (before, after) in differences.items()
    }
    return AuditEvent(
        actor_id=None if caller is None else caller.id,
        actor_name=None if caller is None else caller.username,
        action=action,
        kind=_KINDS[type(subject)],
        subject_id=str(subject.id),
        subject_name=_name(subject),
        changes=json.dumps(changes, ensure_ascii=False),
    )


def _differences(before: State, after: State) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*before, *after])
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _shown(name: str, value: Any) -> Any:
    """A value as an event keeps it."""
    match value:
        case None | bool() | int():
            return value
        case date():
            return value.isoformat()
        case _ if name in _SECRETS:
            return redaction.MASK
        case _:
            text = redaction.mask(str(value))  # before it is cut, or half a secret would not be recognised
            return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _name(subject: Subject) -> str:
    match subject:
        case User():
            return subject.username
        case SlackSettings():
            return "Slack"
        case SchedulerControl():
            return "Scheduler"
        case _:
            return subject.name


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = wanted.period.covers(AuditEvent.occurred_at)
    if wanted.actor is not None:
        conditions.append(or_(AuditEvent.actor_id == wanted.actor, AuditEvent.actor_name == wanted.actor))
    if wanted.kinds:
        conditions.append(AuditEvent.kind.in_(wanted.kinds))
    if wanted.actions:
        conditions.append(AuditEvent.action.in_(wanted.actions))
    return conditions
