"""Notifications: the inbox of whoever asks."""

from flask import Blueprint, Response

from cronjobs.flask_app.edge import query, read, reply, signed_in, write
from cronjobs.services import notifications
from cronjobs.web import queries
from cronjobs.web.schemas.notifications import (
    DeletedNotification,
    DeletedNotifications,
    NotificationPage,
    ReadNotification,
    ReadNotifications,
    UnreadCount,
)

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/notifications")
def listed() -> Response:
    caller = signed_in()
    wanted, page = queries.notifications(query())
    return reply(NotificationPage.of(notifications.page(read(), caller, wanted, page), wanted.period))


@blueprint.get("/notifications/unread-count")
def unread_count() -> Response:
    caller = signed_in()
    period = queries.period(query())
    return reply(UnreadCount.of(notifications.unread_count(read(), caller, period), period))


@blueprint.put("/notifications/read-all")
def read_all() -> Response:
    caller = signed_in()
    return reply(ReadNotifications(updated_count=notifications.read_all(write(), caller)))


@blueprint.put("/notifications/<notification_id>/read")
def read_one(notification_id: str) -> Response:
    caller = signed_in()
    return reply(ReadNotification.of(notifications.read(write(), caller, notification_id)))


@blueprint.delete("/notifications/delete-read")
def delete_read() -> Response:
    caller = signed_in()
    period = queries.period(query())
    return reply(DeletedNotifications(deleted_count=notifications.remove_read(write(), caller, period)))


@blueprint.delete("/notifications/<notification_id>")
def delete(notification_id: str) -> Response:
    caller = signed_in()
    notifications.remove(write(), caller, notification_id)
    return reply(DeletedNotification())
