"""A job as somebody wants it: what it must have, what each part may be, and what a change does to the rest.

A draft mentions fields; what it does not mention keeps its default on a new job and its value on an old one, unchecked:
legacy rows hold what they hold. Who may do it, and whether the name is free, is left to `services.jobs`.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pydantic_core
from sqlalchemy import String
from sqlalchemy.orm import Session

from cronjobs.models import Job
from cronjobs.models.jobs import FAIL, RETRY_DELAY_SECONDS, RUN_ONCE, SKIP
from cronjobs.services import credentials, cron, errors, schedules, targets, taxonomies
from cronjobs.services.targets import MissingTargetError, Target, text
from cronjobs.settings import Settings
from crossfade import clock

_SEPARATOR = ","


class Draft(targets.Named, total=False):
    """The fields of a job as somebody wrote them, of the right JSON type but not checked; a missing key: no mention."""

    name: str | None
    cron_expression: str | None
    cron_dialect: str | None
    timezone: str | None
    start_date: date | None
    end_date: date | None
    misfire_policy: str | None
    misfire_grace_seconds: int | None
    overlap_policy: str | None
    on_crash: str | None
    max_retries: int | None
    retry_delay_seconds: int | None
    timeout_seconds: int | None
    pic_team: str | None
    """A slug or a display name."""
    category: str | None
    """A slug or a display name."""
    metadata: dict[str, Any] | None
    enable_email_notifications: bool
    notification_emails: list[str] | None
    notify_on_success: bool
    is_active: bool


POLICIES: Mapping[str, str | int | None] = {
    "misfire_policy": RUN_ONCE,
    "misfire_grace_seconds": None,
    "overlap_policy": SKIP,
    "on_crash": FAIL,
    "max_retries": 0,
    "retry_delay_seconds": RETRY_DELAY_SECONDS,
    "timeout_seconds": None,
}
"""What becomes of runs that are late, overlap, crash, fail or take long: the fields, and what null means in each."""


def new(session: Session, draft: Draft, settings: Settings) -> Job:
    """A job that fulfils the rules, not yet in the session. Raises InvalidError, with `missing_fields` if any are."""
    target = _target_of_complete(draft, settings)
    job = Job(
        is_active=True,
        category=taxonomies.GENERAL,
        cron_dialect=settings.cron_dialect,
        enable_email_notifications=False,
        notify_on_success=False,
        **POLICIES,
    )
    _set_target(job, target)
    _set_fields(session, job, draft, settings)
    return job


def apply(session: Session, job: Job, draft: Draft, settings: Settings) -> None:
    """Changes a job as the draft says. Raises InvalidError; the job may then be changed in part, so don't keep it."""
    for field in ("name", "cron_expression", "end_date", "pic_team"):
        if field in draft and _is_blank(draft[field]):
            raise _invalid(field, "it can't be cleared")
    if any(field in draft for field in targets.FIELDS):
        target = targets.renamed(draft, job, default_owner=settings.default_github_owner)
        if target is not None:
            _set_target(job, target)
    _set_fields(session, job, draft, settings)


def today(settings: Settings, job: Job | None = None) -> date:
    """The day that it is in the zone of `job`, or in the scheduler's."""
    zone = settings.zone if job is None else schedules.zone_of(job, zone=settings.zone)
    return clock.now().astimezone(zone).date()


def emails(job: Job) -> list[str]:
    """The addresses that a job's mails go to."""
    stored = (address.strip() for address in (job.notification_emails or "").split(_SEPARATOR))
    return [address for address in stored if address]


def metadata(job: Job) -> Any:
    """The job's metadata, `{}` for none. Legacy rows may hold any JSON value, or text that is none: as it is."""
    if not job.job_metadata:
        return {}
    try:
        # Not `json`: that reads half a surrogate pair, which no answer could carry.
        return pydantic_core.from_json(job.job_metadata)
    except ValueError:
        return job.job_metadata


def stored_metadata(value: dict[str, Any] | None) -> str | None:
    """An object as the column holds it. Raises InvalidError for what is no JSON."""
    if value is None:
        return None
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise _invalid("metadata", "a number in it is too large") from error


def _target_of_complete(draft: Draft, settings: Settings) -> Target:
    """The draft's target, if nothing that a job needs is missing; what is missing is named all at once."""
    required = ("name", "cron_expression", "end_date", "pic_team")
    missing = [field for field in required if _is_blank(draft.get(field))]
    try:
        target = targets.named(draft, default_owner=settings.default_github_owner)
    except MissingTargetError as error:
        if missing:
            raise _missing(missing + error.fields) from error
        raise
    if missing:
        raise _missing(missing)
    return target


def _set_target(job: Job, target: Target) -> None:
    for field in targets.FIELDS:
        setattr(job, field, _fitting(field, getattr(target, field)))


def _set_fields(session: Session, job: Job, draft: Draft, settings: Settings) -> None:
    if "name" in draft:
        job.name = _fitting("name", text(draft["name"])) or ""
    _set_schedule(job, draft, settings)
    _set_taxonomies(session, job, draft)
    if "metadata" in draft:
        job.job_metadata = stored_metadata(draft["metadata"])
    _set_notices(job, draft)
    _set_policies(job, draft)
    _set_span(job, draft, settings)


def _set_schedule(job: Job, draft: Draft, settings: Settings) -> None:
    """The expression is read in its dialect when either changes."""
    if "timezone" in draft:
        job.timezone = text(draft["timezone"])
        if job.timezone is not None:
            schedules.zone_called(job.timezone)
    if "cron_expression" not in draft and "cron_dialect" not in draft:
        return
    if "cron_expression" in draft:
        job.cron_expression = _fitting("cron_expression", text(draft["cron_expression"])) or ""
    if "cron_dialect" in draft:
        job.cron_dialect = draft["cron_dialect"] or settings.cron_dialect
    cron.parse(job.cron_expression, job.cron_dialect)


def _set_taxonomies(session: Session, job: Job, draft: Draft) -> None:
    if "category" in draft:
        category = text(draft["category"])
        job.category = taxonomies.GENERAL if category is None else taxonomies.category_slug(session, category)
    if "pic_team" in draft:
        job.pic_team = taxonomies.team_slug(session, draft["pic_team"] or "")


def _set_notices(job: Job, draft: Draft) -> None:
    """Addresses are kept only as long as mails are wanted."""
    addresses = _addresses(draft.get("notification_emails") or [])
    job.enable_email_notifications = draft.get("enable_email_notifications", job.enable_email_notifications)
    job.notify_on_success = draft.get("notify_on_success", job.notify_on_success)
    if not job.enable_email_notifications:
        job.notification_emails = None
    elif "notification_emails" in draft:
        job.notification_emails = _SEPARATOR.join(addresses) or None


def _set_policies(job: Job, draft: Draft) -> None:
    for field, default in POLICIES.items():
        if field in draft:
            wanted = draft.get(field)
            setattr(job, field, default if wanted is None else wanted)


def _set_span(job: Job, draft: Draft, settings: Settings) -> None:
    """The first day and the last, in the job's zone, which is set by now."""
    end_date = draft.get("end_date")
    if end_date is not None:
        if end_date < today(settings, job):
            raise _invalid("end_date", f"{end_date} is over; the last day must be today or later")
        job.end_date = end_date
    if "start_date" in draft:
        job.start_date = draft["start_date"]
    if not draft.keys().isdisjoint({"start_date", "end_date"}) and _ends_before_it_starts(job):
        raise _invalid("start_date", f"{job.start_date} is after the last day, {job.end_date}")
    if "is_active" in draft:
        if draft["is_active"] and job.end_date is not None and job.end_date < today(settings, job):
            raise errors.InvalidError(
                f"The job ended on {job.end_date}. Give it a new end_date to enable it.", error="Job has ended"
            )
        job.is_active = draft["is_active"]


def _ends_before_it_starts(job: Job) -> bool:
    return job.start_date is not None and job.end_date is not None and job.start_date > job.end_date


def _addresses(written: list[str]) -> list[str]:
    """Checked addresses, each once, in their order."""
    try:
        return list(dict.fromkeys(credentials.email(address) for address in written))
    except ValueError as error:
        raise _invalid("notification_emails", str(error)) from error


def _fitting(field: str, value: str | None) -> str | None:
    """The value, if its column holds it."""
    column = Job.__table__.c[field].type
    longest = column.length if isinstance(column, String) else None
    if value is not None and longest is not None and len(value) > longest:
        raise _invalid(field, f"it has {len(value)} characters, at most {longest} fit")
    return value


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _invalid(field: str, rule: str) -> errors.InvalidError:
    return errors.InvalidError(f"{field}: {rule}.", error=f"Invalid {field}")


def _missing(fields: list[str]) -> errors.InvalidError:
    return errors.InvalidError(
        f"Missing required fields: {', '.join(fields)}.", error="Missing required fields", missing_fields=fields
    )
