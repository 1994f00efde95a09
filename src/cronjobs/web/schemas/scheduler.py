"""The shapes of the scheduler's state, and of its switch."""

from typing import Any

from pydantic import Field

from cronjobs.web.requests import Body
from cronjobs.web.schemas.answers import Answer, Instant


class OwnerRequest(Body):
    """Whose processes may fire from now on."""

    owner: str = Field(description="flask, fastapi, both or off.")


class SwitchObject(Answer):
    """Whose processes may fire, and who said so."""

    owner: str
    changed_by: str | None = Field(description="Null if nobody has ever turned it: then both may fire.")
    changed_at: Instant | None


class NodeObject(Answer):
    """A process that ticks."""

    stack: str
    host: str
    process: int
    started_at: Instant
    heartbeat: Instant
    heartbeat_age_seconds: float


class SchedulerStatus(SwitchObject):
    """Whose processes may fire, which there are, and how much there is to do."""

    nodes: list[NodeObject]
    counts: dict[str, int]
    states: dict[str, int] = Field(description="Runs that are due or running, and those that ended in the last day.")
    overdue_seconds: float = Field(description="How long the oldest run has been due that nobody takes; 0 for none.")
    last_pass: dict[str, Any] | None
