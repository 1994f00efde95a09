"""Runs are handed to workers, on any number of machines, through Procrastinate's queue in the same PostgreSQL database.

A run becomes due as a row and a task in one transaction: neither is there without the other. The task says no more than
which run it is; a worker takes the row by compare-and-set, as any process would. So a task may come twice, late, or
never: runs that wait and have no task get one on the next pass, which is also how retries, runs that queued behind
another one, and those whose worker died come to be executed.
"""

from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session
from typing_extensions import override

from cronjobs.scheduler.executors import queue
from cronjobs.scheduler.executors.errors import ExecutorError
from cronjobs.scheduler.executors.interface import Executor, Taken
from cronjobs.services import runs
from crossfade.database.sessions import WriteSession
from crossfade.routes import Route, Stack

SWEPT = 500
"""Runs that wait and are looked after on one pass."""


class ProcrastinateExecutor(Executor):
    """Needs PostgreSQL, and the tables that `crossfade worker --init` makes."""

    @override
    def refuse(self, route: Route) -> None:
        queue.refuse_others(route)

    @override
    def take(
        self, session: WriteSession, *, node: str, stack: Stack, zone: ZoneInfo, limit: int, anchor: Session | None
    ) -> Taken:
        if not runs.may_fire(anchor or session, stack):
            return Taken([], 0, 0)
        if not queue.is_there(session):
            raise ExecutorError(
                "SCHEDULER_EXECUTOR is procrastinate, and the database has no queue: run `crossfade worker --init`"
            )
        new = runs.enqueue_due(session, stack=stack, zone=zone, limit=limit, anchor=anchor)
        queue.hand_over(session, new.waiting)
        queue.hand_over(session, queue.without_task(session, runs.takeable(session, limit=SWEPT)))
        return Taken([], len(new.waiting), new.count)
