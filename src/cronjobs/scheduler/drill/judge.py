"""What came of a drill: what should have happened, what the database says, and what the target received.

lost     an instant without a row; a row that says success without a call of that attempt
doubled  an instant with two rows; two calls of one attempt; a call of a run that is in no row; an attempt more
than the job's policies ask for
stuck    a row that is neither over nor waiting for a policy to let it run
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Engine, Table, select

from cronjobs.models import Job, JobExecution
from cronjobs.models.executions import DUE, FAILED, MISSED, RUNNING, SKIPPED, SUCCESS, UNKNOWN
from cronjobs.models.jobs import ALLOW, RETRY, RUN_ALL
from cronjobs.scheduler.drill.conductor import Expected
from cronjobs.scheduler.drill.target import Received

SHOWN = 10
"""Faults of a kind that are spelt out."""

_jobs = cast("Table", Job.__table__)
_executions = cast("Table", JobExecution.__table__)


@dataclass(frozen=True)
class Verdict:
    """The counts, and the faults in words."""

    expected: int
    calls: int
    states: dict[str, int]
    further: int
    """Calls that were a further attempt, as a policy asked."""
    lost: list[str]
    doubled: list[str]
    stuck: list[str]

    @property
    def is_good(self) -> bool:
        """Whether there is no fault."""
        return not (self.lost or self.doubled or self.stuck)


def judge(engine: Engine, expected: Collection[Expected], calls: Sequence[Received]) -> Verdict:
    """Compares the three."""
    with engine.connect() as connection:
        jobs = {row.id: row for row in connection.execute(select(_jobs))}
        rows = connection.execute(select(_executions).where(_executions.c.scheduled_for.is_not(None))).all()
    by_attempt = Counter((call.id, call.attempt) for call in calls)
    attempts: dict[str, set[int]] = {}
    for call in calls:
        attempts.setdefault(call.id, set()).add(call.attempt)
    made = Counter((row.job_id, row.scheduled_for) for row in rows)
    ids, wanted = {row.id for row in rows}, set(expected)
    judged = [_of_row(row, jobs[row.job_id], attempts.get(row.id, set())) for row in rows]
    lost = [f"job {job} has no run of {_at(instant)}" for job, instant in wanted if not made[job, instant]]
    lost += [fault for kind, fault in _flat(judged) if kind == "lost"]
    doubled = [f"job {job} has {count} runs of {_at(instant)}" for (job, instant), count in made.items() if count > 1]
    doubled += [
        f"job {job} has a run of {_at(instant)}, which was none"
        for job, instant in made
        if (job, instant) not in wanted
    ]
    doubled += [
        f"run {run}, attempt {number}: {count} calls" for (run, number), count in by_attempt.items() if count > 1
    ]
    doubled += [f"a call of run {run}, which is in no row" for run in attempts if run not in ids]
    doubled += [fault for kind, fault in _flat(judged) if kind == "doubled"]
    return Verdict(
        expected=len(wanted),
        calls=len(calls),
        states=dict(Counter(_state(row) for row in rows)),
        further=sum(number > 1 for _, number in by_attempt),
        lost=lost,
        doubled=doubled,
        stuck=[fault for kind, fault in _flat(judged) if kind == "stuck"],
    )


def _of_row(row: Any, job: Any, attempts: set[int]) -> list[tuple[str, str]]:
    """The faults of a row, with their kinds."""
    state, name = _state(row), f"run {row.id} of {_at(row.scheduled_for)}"
    faults = []
    if state in {RUNNING, DUE}:
        faults.append(("stuck", f"{name} is {state}, attempt {row.attempt}, due at {row.due_at}"))
    if state == SUCCESS and row.attempt not in attempts:
        faults.append(("lost", f"{name} says success, and its attempt {row.attempt} made no call"))
    if state in {SKIPPED, MISSED} and attempts:
        faults.append(("doubled", f"{name} is {state}, and was called"))
    if state == SKIPPED and job.overlap_policy == ALLOW:
        faults.append(("lost", f"{name} was skipped, though runs of its job may go side by side"))
    if state == MISSED and job.misfire_policy == RUN_ALL and job.misfire_grace_seconds is None:
        faults.append(("lost", f"{name} was missed, though its job makes up for everything"))
    if state == UNKNOWN and job.on_crash == RETRY and row.attempt <= max(job.max_retries, 1):
        faults.append(("lost", f"{name} is unknown after attempt {row.attempt}, though its job tries again"))
    if state == FAILED and row.attempt <= job.max_retries:
        faults.append(("lost", f"{name} failed in attempt {row.attempt} of {job.max_retries + 1}"))
    if attempts and max(attempts) > row.attempt:
        faults.append(("doubled", f"{name} has {row.attempt} attempts, and was called in attempt {max(attempts)}"))
    if row.attempt > 1 + job.max_retries + (max(job.max_retries, 1) if job.on_crash == RETRY else 0):
        faults.append(("doubled", f"{name} was begun {row.attempt} times, more than its job's policies ask for"))
    return faults


def _flat(judged: Sequence[list[tuple[str, str]]]) -> list[tuple[str, str]]:
    return [fault for faults in judged for fault in faults]


def _state(row: Any) -> str:
    return str(row.state or row.status)


def _at(instant: datetime) -> str:
    return f"{instant:%H:%M:%S}"
