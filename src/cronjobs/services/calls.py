"""What a run needs to know and what it comes back with: values that are used without a database.

A `Claim` is made by `services.runs` in the transaction that takes a run, an `Outcome` by `cronjobs.scheduler`, which
does the calling. Secrets in them are never shown.
"""

import socket
from dataclasses import dataclass, field
from datetime import datetime
from os import getpid
from typing import Any, Literal

from pydantic import SecretStr

from cronjobs.models import Job
from cronjobs.models.executions import WEBHOOK
from cronjobs.services import drafts
from crossfade.routes import Stack

DEADLINE = 10.0
"""Seconds that an attempt may take, all in all, where its job says nothing."""

Kind = Literal["webhook", "github_actions"]

_LONGEST_TARGET = 500
"""Characters: what the column holds."""


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """What a manual run does differently, this once. None: as the job says."""

    metadata: dict[str, Any] | None = field(default=None, repr=False)
    target_url: str | None = None
    github_owner: str | None = None
    github_repo: str | None = None
    github_workflow_name: str | None = None
    dispatch_url: str | None = None
    """Where the dispatch is posted to, instead of the address that the other three make."""
    github_token: SecretStr | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """A web address or a GitHub workflow, and what it is told."""

    kind: Kind
    metadata: Any = field(default=None, repr=False)
    """An object; legacy jobs may hold any JSON value. Posted if there is any."""
    url: str | None = None
    owner: str | None = None
    repo: str | None = None
    workflow: str | None = None
    dispatch_url: str | None = None
    token: SecretStr | None = field(default=None, repr=False)
    """The run's own; without one the installation's is used."""
    deadline: float = DEADLINE
    """Seconds for everything: name look-up, connecting, redirects, the body."""

    @property
    def target(self) -> str | None:
        """What is called, as the execution shows it; never with a token."""
        if self.kind == WEBHOOK:
            return self.url and self.url[:_LONGEST_TARGET]
        return "/".join(part or "?" for part in (self.owner, self.repo, self.workflow))[:_LONGEST_TARGET]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A run that is ours: its row is committed, with our name on it."""

    execution_id: str
    job_id: str
    job_name: str
    owner: str
    attempt: int
    scheduled_for: datetime | None
    """The tick, aware, in UTC; None for a manual run."""
    call: Call


def fields(claim: Claim) -> dict[str, str | int]:
    """What a log record about the run carries: job, run, attempt, stack, node."""
    return about(claim.job_id, claim.execution_id, claim.attempt, claim.owner)


def about(job_id: str, execution_id: str, attempt: int, owner: str | None) -> dict[str, str | int]:
    """The same, of a run that nobody may have in hand."""
    named = {} if owner is None else {"stack": owner.partition(":")[0], "node": owner}
    return {"job": job_id, "run": execution_id, "attempt": attempt, **named}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run went."""

    ok: bool
    status: int | None = None
    """The HTTP status that came last; None if none came."""
    error: str | None = None
    """Why it failed, for people; None if it didn't."""
    output: str | None = None
    """The beginning of the answer's body."""


def of(job: Job, overrides: Overrides | None = None) -> Call:
    """What a run of `job` calls. A legacy job without any target makes a call that fails and says so."""
    wanted = overrides or Overrides()
    metadata = drafts.metadata(job) if wanted.metadata is None else wanted.metadata
    deadline = float(job.timeout_seconds or DEADLINE)
    if (job.target_url or "").strip() or not (job.github_repo or job.github_workflow_name):
        url = wanted.target_url or (job.target_url or "").strip() or None
        return Call(kind="webhook", metadata=metadata, url=url, deadline=deadline)
    return Call(
        kind="github_actions",
        metadata=metadata,
        owner=wanted.github_owner or job.github_owner,
        repo=wanted.github_repo or job.github_repo,
        workflow=wanted.github_workflow_name or job.github_workflow_name,
        dispatch_url=wanted.dispatch_url,
        token=wanted.github_token,
        deadline=deadline,
    )


def here(stack: Stack) -> str:
    """The name under which this process owns the runs of its web requests: stack, host, process."""
    return f"{stack}:{socket.gethostname()}:{getpid()}"
