"""The scheduler, as admins see it."""

from fastapi import APIRouter, Response

from cronjobs.fastapi_app.edge import Admin, AppSettings, Reader, Writer, reply
from cronjobs.scheduler import nodes
from cronjobs.web.schemas.scheduler import SchedulerStatus

router = APIRouter(tags=["scheduler"])


@router.get("/scheduler/status", response_model=SchedulerStatus)
async def status(_: Admin, reader: Reader) -> Response:
    return reply(SchedulerStatus.model_validate(await reader.run(nodes.status)))


@router.post("/scheduler/resync", response_model=SchedulerStatus)
async def resync(_: Admin, settings: AppSettings, writer: Writer) -> Response:
    return reply(SchedulerStatus.model_validate(await writer.run(nodes.resync, settings)))
