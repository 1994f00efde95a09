"""Which schedule a job had when: its row, and what the audit log says was different before.

The log is read backwards from the row. Where the two don't agree, or the row was changed when the log says nothing,
somebody changed it who records nothing (the legacy application, SQL by hand): for that span nothing is claimed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from cronjobs.models import AuditEvent, Job
from cronjobs.services import audit
from crossfade import clock

MARGIN = timedelta(seconds=10)
"""What clocks may differ by, and a transaction take: closer to a change, a tick may be of before or after it."""

_JOB = "job"
_TAXONOMIES = ("job_category", "pic_team")


@dataclass(frozen=True)
class Held:
    """What a job's schedule is made of."""

    cron_expression: str
    cron_dialect: str
    timezone: str | None
    start_date: date | None
    end_date: date | None
    is_active: bool


@dataclass(frozen=True)
class Span:
    """A time, from `start` to before `end`, through which a job was the same, or nobody knows what it was like."""

    start: datetime
    end: datetime
    held: Held | None
    """None if that can't be known; then `reason` says why."""
    reason: str | None = None


@dataclass(frozen=True)
class Change:
    """What the audit log says of a job at a time."""

    at: datetime
    action: str
    fields: Mapping[str, Any]
    """For each field that changed `{"before": ..., "after": ...}`."""


_FIELDS = tuple(Held.__dataclass_fields__)
_COLUMNS = [getattr(Job, name) for name in _FIELDS]
COLUMNS = (Job.id, Job.name, *_COLUMNS, Job.created_at, Job.updated_at, Job.planned_at, Job.next_run_at)
"""What is read of a job."""


def changes(session: Session, job_ids: Sequence[str]) -> dict[str, list[Change]]:
    """What the log says of these jobs, each in its order."""
    found: dict[str, list[Change]] = {}
    statement = (
        select(AuditEvent.subject_id, AuditEvent.occurred_at, AuditEvent.action, AuditEvent.changes)
        .where(AuditEvent.subject_id.in_(job_ids), AuditEvent.kind == _JOB)
        .order_by(AuditEvent.subject_id, AuditEvent.occurred_at, AuditEvent.id)
    )
    for job_id, occurred_at, action, written in session.execute(statement):
        found.setdefault(job_id, []).append(Change(clock.utc(occurred_at), action, json.loads(written)))
    return found


def renames(session: Session, *, since: datetime) -> list[datetime]:
    """When categories or teams were changed: a new name changes the rows of their jobs, and no schedule."""
    statement = select(AuditEvent.occurred_at).where(
        AuditEvent.kind.in_(_TAXONOMIES), AuditEvent.occurred_at >= clock.naive_utc(since)
    )
    return [clock.utc(moment) for moment in session.scalars(statement)]


def spans(
    job: Row[Any], logged: Sequence[Change], *, explained: Iterable[datetime], known_since: datetime, until: datetime
) -> list[Span]:
    """The spans of a job's life up to `until`, rising and without a gap.

    `explained` are moments at which its row may have been changed without its schedule; `known_since` is from when on
    something is known of a job whose creation isn't in the log.
    """
    history = _History(Held(*(getattr(job, name) for name in _FIELDS)), until)
    changed = clock.utc(job.updated_at)
    if not _is_explained(changed, [clock.utc(job.created_at), *(one.at for one in logged)], explained):
        history.go_back_to(changed)
        history.forget("its row was changed by something that records nothing")
    for change in reversed(logged):
        if history.undo(change):
            return history.told(change.at)
    return history.told(known_since)


class _History:
    """Walks back from what a job is like now."""

    def __init__(self, held: Held, until: datetime) -> None:
        self._held = held
        self._end = until
        self._reason: str | None = None
        """Why nothing is known of the span that the walk is in."""
        self._spans: list[Span] = []

    def undo(self, change: Change) -> bool:
        """Goes back to before a change; True if there was no job before it."""
        said = {name: both for name, both in change.fields.items() if name in _FIELDS}
        if any(_written(getattr(self._held, name)) != both["after"] for name, both in said.items()):
            self.forget("its row is not what the audit log left")
        if said or self._reason is not None:
            self.go_back_to(change.at)
        if change.action == audit.CREATED:
            return True
        self._held = replace(self._held, **{name: _read(name, both["before"]) for name, both in said.items()})
        return False

    def forget(self, reason: str) -> None:
        """Nothing is known of the span that ends where the walk is."""
        self._reason = reason

    def go_back_to(self, moment: datetime) -> None:
        if moment < self._end:
            held = self._held if self._reason is None else None
            self._spans.append(Span(moment, self._end, held, self._reason))
            self._end = moment
        self._reason = None

    def told(self, beginning: datetime) -> list[Span]:
        self.go_back_to(beginning)
        return self._spans[::-1]


def _is_explained(changed: datetime, own: Sequence[datetime], others: Iterable[datetime]) -> bool:
    """Whether the last change of a row is one that is recorded: of itself, or of what it refers to."""
    return changed <= max(own) + MARGIN or any(abs(changed - other) <= MARGIN for other in others)


def _written(value: Any) -> Any:
    """A value as the log has it."""
    return value.isoformat() if isinstance(value, date) else value


def _read(name: str, value: Any) -> Any:
    if name in {"start_date", "end_date"} and isinstance(value, str):
        return date.fromisoformat(value)
    return value
