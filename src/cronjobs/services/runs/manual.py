"""Runs that somebody asks for."""

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table

from cronjobs.models import Job, JobExecution
from cronjobs.models.base import new_id
from cronjobs.models.executions import MANUAL, RUNNING
from cronjobs.services import calls
from cronjobs.services.calls import Claim, Overrides
from cronjobs.services.runs import leases, moments, states
from crossfade.database.sessions import WriteSession

_executions = cast("Table", JobExecution.__table__)


def begin_manual(
    session: WriteSession, job: Job, *, owner: str, overrides: Overrides | None = None, now: datetime | None = None
) -> Claim:
    """A run that somebody asked for, now, whatever the schedule says. Commit before it is executed.

    Lock the job before, so that no tick is claimed beside it against the job's will. Whether the job may be run, and
    by whom, is left to the caller.
    """
    moment = moments.moment(session, now)
    claim = Claim(
        execution_id=new_id(),
        job_id=job.id,
        job_name=job.name,
        owner=owner,
        attempt=1,
        scheduled_for=None,
        call=calls.of(job, overrides),
    )
    session.execute(
        _executions.insert().values(
            id=claim.execution_id,
            job_id=claim.job_id,
            **states.step(states.NEW, RUNNING),
            trigger_type=MANUAL,
            started_at=moment,
            execution_type=claim.call.kind,
            target=claim.call.target,
            owner=owner,
            # Nobody renews it: its request holds it for as long as it may take.
            lease_until=moment + timedelta(seconds=claim.call.deadline) + leases.LEASE,
            attempt=claim.attempt,
        )
    )
    return claim
