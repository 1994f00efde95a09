"""How many runs of a job go on or wait: asked once the job's row is locked, so that the answer holds."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, literal, select, union_all

from cronjobs.models import JobExecution
from cronjobs.models.executions import DUE, RUNNING
from cronjobs.services.runs import leases, states
from crossfade.database.sessions import WriteSession


@dataclass
class Standing:
    """How many runs of a job there are that aren't over; those of the legacy application don't count."""

    running: int = 0
    waiting: int = 0

    @property
    def is_busy(self) -> bool:
        """Whether there is any."""
        return self.running + self.waiting > 0


def of_jobs(session: WriteSession, job_ids: Collection[str]) -> dict[str, Standing]:
    """How the jobs stand: one statement, whatever their number."""
    standings = {job_id: Standing() for job_id in job_ids}
    if not job_ids:
        return standings
    is_theirs = JobExecution.job_id.in_(job_ids)
    counted = union_all(
        select(JobExecution.job_id, literal(RUNNING), func.count())
        .where(leases.are_held(), is_theirs)
        .group_by(JobExecution.job_id),
        select(JobExecution.job_id, literal(DUE), func.count())
        .where(JobExecution.due_at.is_not(None), states.are(DUE), is_theirs)
        .group_by(JobExecution.job_id),
    )
    for job_id, state, count in session.execute(counted):
        if state == RUNNING:
            standings[job_id].running = count
        else:
            standings[job_id].waiting = count
    return standings
