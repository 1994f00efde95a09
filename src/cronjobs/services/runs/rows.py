"""Rows of runs that begin, that wait, and that never will be run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from cronjobs.models import Job, JobExecution
from cronjobs.models.base import new_id
from cronjobs.models.executions import DUE, MISSED, RUNNING, SCHEDULED, SKIPPED
from cronjobs.services import calls
from cronjobs.services.calls import Call, Claim
from cronjobs.services.runs import leases, states
from cronjobs.services.runs.policies import Gap
from crossfade import clock
from crossfade.database.sessions import WriteSession


@dataclass(frozen=True, kw_only=True)
class Row:
    """A run that is about to be stored."""

    job: Job
    call: Call
    values: dict[str, Any]

    @property
    def state(self) -> str:
        """Where it begins."""
        return str(self.values["state"])

    @property
    def id(self) -> str:
        """The run's."""
        return str(self.values["id"])


def running(job: Job, tick: datetime, *, node: str, moment: datetime) -> Row:
    """A run of `tick` (aware) that `node` begins at `moment` (naive)."""
    return _row(job, RUNNING, tick, moment, owner=node, lease_until=moment + leases.LEASE, attempt=1, completed_at=None)


def waiting(job: Job, tick: datetime, *, moment: datetime) -> Row:
    """A run of `tick` that somebody will take."""
    return _row(job, DUE, tick, moment, due_at=moment, completed_at=None)


def skipped(job: Job, tick: datetime, reason: str, *, moment: datetime) -> Row:
    """A tick that is passed over."""
    return _row(job, SKIPPED, tick, moment, error_message=reason)


def missed(job: Job, gap: Gap, why: str, *, moment: datetime) -> Row:
    """Ticks that came and went, in one row. `why` ends a sentence: `in time (misfire_policy skip)`."""
    span = f"of {_shown(gap.first)}" if gap.count == 1 else f"from {_shown(gap.first)} to {_shown(gap.last)}"
    reason = f"{gap.count} run(s), {span}, were not made {why}."
    return _row(
        job,
        MISSED,
        gap.last,
        moment,
        error_message=reason,
        missed_from=clock.naive_utc(gap.first),
        missed_count=gap.count,
    )


def insert(session: WriteSession, rows: Sequence[Row]) -> list[Row]:
    """Stores them; those that were: a tick that has its row keeps it."""
    if not rows:
        return []
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(JobExecution)
        .on_conflict_do_nothing(index_elements=["job_id", "scheduled_for"])
        .returning(JobExecution.id)
    )
    stored = set(session.scalars(statement, [row.values for row in rows]))
    return [row for row in rows if row.id in stored]


def claim(row: Row) -> Claim:
    """The claim of a row that runs."""
    return Claim(
        execution_id=row.id,
        job_id=row.job.id,
        job_name=row.job.name,
        owner=row.values["owner"],
        attempt=row.values["attempt"],
        scheduled_for=clock.utc(row.values["scheduled_for"]),
        call=row.call,
    )


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def _row(job: Job, state: str, tick: datetime, moment: datetime, **values: Any) -> Row:
    call = calls.of(job)
    # All rows of one statement have the same columns.
    columns: dict[str, Any] = {
        "id": new_id(),
        "job_id": job.id,
        **states.step(states.NEW, state),
        "trigger_type": SCHEDULED,
        "started_at": moment,
        "completed_at": moment,
        "execution_type": call.kind,
        "target": call.target,
        "error_message": None,
        "scheduled_for": clock.naive_utc(tick),
        "owner": None,
        "lease_until": None,
        "attempt": 0,
        "due_at": None,
        "missed_from": None,
        "missed_count": None,
    }
    return Row(job=job, call=call, values=columns | values)
