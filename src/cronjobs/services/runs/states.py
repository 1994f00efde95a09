"""Where a run stands, and where it may go from there: the one table, asked wherever a state is written.

                ┌────────────── retry ──────────────┐
                ▼                                   │
    tick ──▶   due  ──take──▶  running  ──▶  success | failed | unknown
      ├──────────────────────▶    ▲
      ├──▶ skipped                │
      └──▶ missed      manual ────┘

The `status` of a row, which clients know, follows from its state by `STATUS_OF`. Where the two disagree, code that
knows only the status wrote last, and the status holds; so does the status of a row without a state.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from cronjobs.models import JobExecution
from cronjobs.models.executions import (
    DUE,
    FAILED,
    MISSED,
    RUNNING,
    SKIPPED,
    STATUS_OF,
    SUCCESS,
    UNKNOWN,
)

NEW = "new"
"""A run before its row is there."""

NEXT: dict[str, frozenset[str]] = {
    NEW: frozenset({DUE, RUNNING, SKIPPED, MISSED}),
    # Whose job was paused while it waited, is begun no more: skipped if it never was, failed if it was.
    DUE: frozenset({RUNNING, SKIPPED, FAILED}),
    RUNNING: frozenset({SUCCESS, FAILED, UNKNOWN, DUE}),
    SUCCESS: frozenset(),
    FAILED: frozenset(),
    UNKNOWN: frozenset(),
    MISSED: frozenset(),
    SKIPPED: frozenset(),
}
"""For each state those that may follow."""


class ForbiddenStepError(Exception):
    """A run was about to go where none may go from its state: a mistake of ours."""


def step(before: str, after: str) -> dict[str, str]:
    """The columns of a run that goes from one state to another. Raises ForbiddenStepError.

    >>> step("running", "unknown")
    {'state': 'unknown', 'status': 'failed'}
    """
    if after not in NEXT[before]:
        raise ForbiddenStepError(f"A run that is {before} can't become {after}.")
    return {"state": after, "status": STATUS_OF[after]}


def are(state: str) -> ColumnElement[bool]:
    """Whether runs stand at `state`: the condition for their rows, without which no step may be written."""
    known: ColumnElement[bool] = JobExecution.state == state
    if STATUS_OF[state] == state:
        known = or_(known, JobExecution.state.is_(None))
    return and_(JobExecution.status == STATUS_OF[state], known)


def of(run: Any) -> str:
    """Where a run (a row, or what has its `state` and `status`) stands."""
    state: str | None = run.state
    status: str = run.status
    return state if state is not None and STATUS_OF.get(state) == status else status
