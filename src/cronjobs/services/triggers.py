"""A run that somebody asks for: who may, of what, and with which differences. Running is left to `services.runs`.

In two steps, with the call between them in which no transaction is held: `begin`, committed, then `end`.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from cronjobs.models import Job, User
from cronjobs.models.executions import FAILED, SUCCESS, WEBHOOK
from cronjobs.services import calls, drafts, errors, jobs, runs, targets, telling
from cronjobs.services.calls import Call, Claim, Outcome, Overrides
from cronjobs.services.targets import Named
from cronjobs.services.telling import Paused
from cronjobs.settings import Settings, is_sendable
from crossfade import clock
from crossfade.database.sessions import WriteSession

PAUSES: Final = (0.5,) * 20
"""Seconds between the tries to write down how a run went while writes are frozen: it has happened, whatever is said.
Whoever waited for it is told after the last that it is running: nothing else is written."""

_FOR_WEBHOOKS = ("target_url",)
_FOR_WORKFLOWS = ("github_owner", "github_repo", "github_workflow_name", "dispatch_url", "github_token")


@dataclass(frozen=True)
class Ended:
    """There is no run, because the job's last day is over: it was paused, which is to be committed."""

    end_date: date | None


def begin(
    session: WriteSession, caller: User, job_id: str, overrides: Overrides, *, owner: str, settings: Settings
) -> Claim | Ended:
    """Claims a run of the job, now, for `owner`; or pauses the job if its last day is over.

    Commit either, then ask `claimed` which it was. Raises NotFoundError, ForbiddenError, InvalidError.
    """
    job = jobs.find_to_change(session, caller, job_id)
    if jobs.has_ended(job, settings):
        jobs.pause(session, caller, job, settings)
        reason = f"its last day was {job.end_date}"
        paused = Paused(job_id=job.id, name=job.name, creator=job.created_by, reason=reason)
        telling.job_paused(session, paused, moment=clock.naive_utc())
        return Ended(job.end_date)
    if not job.is_active:
        raise errors.InvalidError("The job is inactive. Enable it to run it.", error="Job is inactive")
    return runs.begin_manual(session, job, owner=owner, overrides=_checked(overrides, job))


def claimed(begun: Claim | Ended) -> Claim:
    """The run that was begun. Raises InvalidError if the job has ended; not earlier, or its pause would be undone."""
    if isinstance(begun, Ended):
        raise errors.InvalidError(
            f"The job ended on {begun.end_date} and is paused now. Give it a new end_date to run it.",
            error="Job has ended",
        )
    return begun


def end(session: WriteSession, claim: Claim, outcome: Outcome) -> str:
    """Writes down how the run went; its final status."""
    runs.finish(session, claim, outcome)
    return SUCCESS if outcome.ok else FAILED


def trial(target: Named, metadata: dict[str, object] | None, settings: Settings) -> Call:
    """What is called to try a target that no job has yet. Raises InvalidError."""
    chosen = targets.named(target, default_owner=settings.default_github_owner)
    drafts.stored_metadata(metadata)
    return Call(
        kind="webhook" if chosen.is_webhook else "github_actions",
        metadata=metadata,
        url=chosen.target_url,
        owner=chosen.github_owner,
        repo=chosen.github_repo,
        workflow=chosen.github_workflow_name,
    )


def _checked(overrides: Overrides, job: Job) -> Overrides:
    """The overrides, if they are fit for a job of this kind."""
    is_webhook = calls.of(job).kind == WEBHOOK
    for field in _FOR_WORKFLOWS if is_webhook else _FOR_WEBHOOKS:
        if getattr(overrides, field) is not None:
            kind, other = ("webhook", "GitHub") if is_webhook else ("GitHub", "webhook")
            raise errors.InvalidError(
                f"{field}: this is a {kind} job; only a {other} job can be run with it.", error=f"Invalid {field}"
            )
    drafts.stored_metadata(overrides.metadata)
    if overrides.target_url is not None:
        targets.web_address(overrides.target_url)
    if overrides.dispatch_url is not None:
        targets.web_address(overrides.dispatch_url, field="dispatch_url")
    if overrides.github_token is not None and not is_sendable(overrides.github_token.get_secret_value()):
        raise errors.InvalidError(
            "github_token: a token is made of visible ASCII characters.", error="Invalid github_token"
        )
    if overrides.github_workflow_name is not None:
        targets.workflow_name(overrides.github_workflow_name)
    if overrides.github_repo is not None:
        owner, repo = targets.repository(overrides.github_owner, overrides.github_repo)
        return replace(overrides, github_owner=owner, github_repo=repo)
    if overrides.github_owner is not None:
        targets.owner_name(overrides.github_owner)
    return overrides
