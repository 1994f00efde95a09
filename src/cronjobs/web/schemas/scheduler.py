"""The shape of the scheduler's state."""

from typing import Any

from cronjobs.web.schemas.answers import Answer, Instant


class NodeObject(Answer):
    """A process that ticks."""

    stack: str
    host: str
    process: int
    heartbeat: Instant


class SchedulerStatus(Answer):
    """Whose processes may fire, which there are, and how much there is to do."""

    owner: str
    nodes: list[NodeObject]
    counts: dict[str, int]
    last_pass: dict[str, Any] | None
