"""Notifications: the inbox of whoever asks."""

from fastapi import APIRouter, Response

from cronjobs.fastapi_app.document import in_query
from cronjobs.fastapi_app.edge import Query, Reader, SignedIn, Writer, reply
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

router = APIRouter(tags=["notifications"])


@router.get(
    "/notifications",
    response_model=NotificationPage,
    openapi_extra=in_query("page", "per_page", "unread_only", "from", "to"),
)
async def listed(caller: SignedIn, query: Query, reader: Reader) -> Response:
    wanted, page = queries.notifications(query)
    return reply(NotificationPage.of(await reader.run(notifications.page, caller, wanted, page), wanted.period))


@router.get("/notifications/unread-count", response_model=UnreadCount, openapi_extra=in_query("from", "to"))
async def unread_count(caller: SignedIn, query: Query, reader: Reader) -> Response:
    period = queries.period(query)
    return reply(UnreadCount.of(await reader.run(notifications.unread_count, caller, period), period))


@router.put("/notifications/read-all", response_model=ReadNotifications)
async def read_all(caller: SignedIn, writer: Writer) -> Response:
    return reply(ReadNotifications(updated_count=await writer.run(notifications.read_all, caller)))


@router.put("/notifications/{notification_id}/read", response_model=ReadNotification)
async def read_one(notification_id: str, caller: SignedIn, writer: Writer) -> Response:
    return reply(ReadNotification.of(await writer.run(notifications.read, caller, notification_id)))


@router.delete("/notifications/delete-read", response_model=DeletedNotifications, openapi_extra=in_query("from", "to"))
async def delete_read(caller: SignedIn, query: Query, writer: Writer) -> Response:
    period = queries.period(query)
    return reply(DeletedNotifications(deleted_count=await writer.run(notifications.remove_read, caller, period)))


@router.delete("/notifications/{notification_id}", response_model=DeletedNotification)
async def delete(notification_id: str, caller: SignedIn, writer: Writer) -> Response:
    await writer.run(notifications.remove, caller, notification_id)
    return reply(DeletedNotification())
