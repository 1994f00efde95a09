"""The shapes of the audit log."""

from typing import Any, Self

from pydantic import Field

from cronjobs.models import AuditEvent
from cronjobs.services import audit
from cronjobs.services.pages import Slice
from cronjobs.services.periods import Period
from cronjobs.web.schemas.answers import Answer, Instant
from cronjobs.web.schemas.executions import Range, range_of


class Difference(Answer):
    """A field before and after a change; null where there was none."""

    before: str | int | bool | None
    after: str | int | bool | None


class AuditEventObject(Answer):
    """A change that was made."""

    id: str
    occurred_at: Instant
    actor_id: str | None = Field(description="Null for what the application did by itself.")
    actor_name: str | None
    action: str
    kind: str
    subject_id: str
    subject_name: str
    changes: dict[str, Difference] = Field(description="By field; secrets are left out.")

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """The object of an event."""
        return cls.model_validate(_values(event))


def _values(event: AuditEvent) -> dict[str, Any]:
    columns = {name: getattr(event, name) for name in AuditEventObject.model_fields}
    return columns | {"changes": audit.changes(event)}


class AuditPage(Answer):
    """One page of events, newest first."""

    events: list[AuditEventObject]
    total: int
    page: int
    per_page: int
    total_pages: int
    range: Range

    @classmethod
    def of(cls, found: Slice[AuditEvent], period: Period) -> Self:
        """The answer of a page, narrowed to a period."""
        return cls(
            events=[AuditEventObject.of(event) for event in found.rows],
            total=found.total,
            page=found.page.number,
            per_page=found.page.size,
            total_pages=found.total_pages,
            range=range_of(period),
        )
