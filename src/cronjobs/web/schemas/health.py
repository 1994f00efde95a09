"""The shapes of health and echo."""

from typing import Any, Self

import pydantic_core
from pydantic import Field

from cronjobs.services import health as services
from cronjobs.web import problems
from cronjobs.web.schemas.answers import Answer


class DatabaseHealth(Answer):
    """What the stack talks to."""

    mode: str
    reachable: bool
    revision: str | None
    frozen: bool


class Health(Answer):
    """Is it alive."""

    status: str = Field(description="healthy, degraded while runs are overdue, or unhealthy.")
    scheduler_running: bool
    scheduled_jobs_count: int | None
    overdue_seconds: float | None = Field(description="How long the oldest run has been due that nobody takes.")
    stack: str
    database: DatabaseHealth

    @classmethod
    def of(cls, found: services.Health) -> "Health":
        """The answer, which is an error too while the database is out of reach."""
        if found.database.reachable:
            return cls.model_validate(found)
        problem = problems.of_unreachable()
        return Unhealthy(**cls.model_validate(found).model_dump(), error=problem.error, message=problem.message)


class Unhealthy(Health):
    """What is left of it while the database is out of reach, as an error like others."""

    error: str
    message: str


class Echo(Answer):
    """What was sent, for trying out webhooks."""

    method: str
    body: Any

    @classmethod
    def of(cls, method: str, raw: bytes) -> Self:
        """The body as JSON if it is JSON, as text otherwise, nothing if there is none; a HEAD is answered as a GET."""
        return cls(method="GET" if method == "HEAD" else method, body=_readable(raw))


def _readable(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return pydantic_core.from_json(raw)
    except ValueError:
        return raw.decode(errors="replace")
