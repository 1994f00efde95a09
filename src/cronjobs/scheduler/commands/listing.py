"""What ran last, in one database or in two."""

from typing import Any

from cronjobs.models import JobExecution
from cronjobs.models.executions import STATES
from cronjobs.scheduler.commands import finding, shapes
from cronjobs.scheduler.commands.databases import Databases
from cronjobs.scheduler.commands.told import Told
from cronjobs.services import executions
from cronjobs.services.executions import Wanted
from cronjobs.services.pages import Page
from crossfade.cli.tables import aligned
from crossfade.errors import SelectionError

_LONGEST_ERROR = 60


def listed(databases: Databases, *, job: str | None, states: list[str], limit: int) -> Told:
    """The newest runs. Raises SelectionError for a state that there isn't, NotFoundError for such a job."""
    for state in states:
        if state not in STATES:
            raise SelectionError(reason=f"--state {state}: there are {', '.join(STATES)}")
    rows = []
    with databases.sessions() as sessions:
        job_id = None if job is None else finding.job(sessions, job)[1].id
        wanted = Wanted(job_id=job_id, states=tuple(states))
        for route, session in zip(databases.routes, sessions, strict=True):
            page = executions.page(session, wanted, Page(1, limit))
            rows += [_row(each.execution, each.job_name, route.stack) for each in page.rows]
    rows.sort(key=lambda row: row["started_at"], reverse=True)
    rows = rows[:limit]
    return Told({"ok": True, "runs": rows}, _lines(rows, separate=databases.are_separate))


def _row(execution: JobExecution, job_name: str, stack: str) -> dict[str, Any]:
    return {
        "id": execution.id,
        "job_id": execution.job_id,
        "job_name": job_name,
        "database": stack,
        "state": executions.state(execution),
        "trigger_type": execution.trigger_type,
        "scheduled_for": shapes.instant(execution.scheduled_for),
        "started_at": shapes.instant(execution.started_at),
        "completed_at": shapes.instant(execution.completed_at),
        "attempt": execution.attempt,
        "missed_from": shapes.instant(execution.missed_from),
        "missed_count": execution.missed_count,
        "owner": execution.owner,
        "response_status": execution.response_status,
        "error_message": execution.error_message,
    }


def _lines(rows: list[dict[str, Any]], *, separate: bool) -> list[str]:
    if not rows:
        return ["no runs"]
    names = ["started", "state", "attempt", "tick", *(["database"] if separate else []), "job", "why"]
    cells = [names]
    for row in rows:
        tick = row["scheduled_for"] or row["trigger_type"]
        if row["missed_count"]:
            tick = f"{row['missed_count']} from {row['missed_from']}"
        why = (row["error_message"] or "")[:_LONGEST_ERROR]
        where = [row["database"]] if separate else []
        cells.append([row["started_at"], row["state"], str(row["attempt"]), tick, *where, row["job_name"], why])
    return aligned(cells)
