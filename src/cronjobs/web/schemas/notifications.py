"""The shapes of notifications."""

from typing import Self

from cronjobs.models import Notification
from cronjobs.services.pages import Slice
from cronjobs.services.periods import Period
from cronjobs.web.schemas.answers import Answer, Instant
from cronjobs.web.schemas.executions import Range, range_of


class NotificationObject(Answer):
    """A notification: its columns."""

    id: str
    user_id: str
    title: str
    message: str
    type: str
    related_job_id: str | None
    related_execution_id: str | None
    is_read: bool
    read_at: Instant | None
    created_at: Instant


class NotificationPage(Answer):
    """A page of one's notifications, newest first."""

    notifications: list[NotificationObject]
    total: int
    page: int
    per_page: int
    total_pages: int
    range: Range

    @classmethod
    def of(cls, found: Slice[Notification], period: Period) -> Self:
        """The answer of a page, narrowed to a period."""
        return cls(
            notifications=[NotificationObject.model_validate(row) for row in found.rows],
            total=found.total,
            page=found.page.number,
            per_page=found.page.size,
            total_pages=found.total_pages,
            range=range_of(period),
        )


class UnreadCount(Answer):
    """How many of one's notifications are unread."""

    unread_count: int
    range: Range

    @classmethod
    def of(cls, count: int, period: Period) -> Self:
        """The answer of a count over a period."""
        return cls(unread_count=count, range=range_of(period))


class ReadNotification(Answer):
    """A notification that was marked as read."""

    message: str
    notification: NotificationObject

    @classmethod
    def of(cls, notification: Notification) -> Self:
        """The answer."""
        shown = NotificationObject.model_validate(notification)
        return cls(message="Notification marked as read", notification=shown)


class ReadNotifications(Answer):
    """All were marked as read."""

    message: str = "All notifications marked as read"
    updated_count: int


class DeletedNotification(Answer):
    """One was deleted."""

    message: str = "Notification deleted successfully"


class DeletedNotifications(Answer):
    """Some were deleted."""

    deleted_count: int
