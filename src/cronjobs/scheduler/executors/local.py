"""The process that claims a run executes it, in its own event loop."""

from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session
from typing_extensions import override

from cronjobs.scheduler.executors.interface import Executor, Taken
from cronjobs.services import runs
from crossfade.database.sessions import WriteSession
from crossfade.routes import Route, Stack


class LocalExecutor(Executor):
    """Works with every database, and needs nothing else."""

    @override
    def refuse(self, route: Route) -> None:
        """Never does."""

    @override
    def take(
        self, session: WriteSession, *, node: str, stack: Stack, zone: ZoneInfo, limit: int, anchor: Session | None
    ) -> Taken:
        dealt = runs.claim_due(session, node=node, stack=stack, zone=zone, limit=limit, anchor=anchor)
        return Taken(dealt.claims, len(dealt.claims), dealt.count)
