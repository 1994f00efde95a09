"""What the ticker asks of an executor."""

from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from cronjobs.services.calls import Claim
from crossfade.database.sessions import WriteSession
from crossfade.routes import Route, Stack


@dataclass(frozen=True)
class Taken:
    """What became of runs that were due."""

    claims: list[Claim]
    """To be executed by this process, once the transaction is committed."""
    made: int
    """How many there are, those that others will execute included."""
    seen: int
    """How many were dealt with, those that nobody will execute included: if it is the limit, there may be more."""


class Executor(Protocol):
    """Where runs go."""

    def refuse(self, route: Route) -> None:
        """Raises ExecutorError, before anything is claimed, if it can't work with a database."""

    def take(
        self, session: WriteSession, *, node: str, stack: Stack, zone: ZoneInfo, limit: int, anchor: Session | None
    ) -> Taken:
        """Takes up to `limit` runs that are due, in the transaction of `session`; see `runs.claim_due`."""
