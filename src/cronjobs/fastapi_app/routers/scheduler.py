"""The scheduler, as admins see it."""

from typing import Annotated

from fastapi import APIRouter, Response

from cronjobs.fastapi_app.edge import Admin, Anchor, AppSettings, Body, Reader, Writer, reply
from cronjobs.scheduler import nodes
from cronjobs.services import control
from cronjobs.web.schemas.scheduler import OwnerRequest, SchedulerStatus, SwitchObject

router = APIRouter(tags=["scheduler"])


@router.get("/scheduler/status", response_model=SchedulerStatus)
async def status(_: Admin, anchor: Anchor, reader: Reader) -> Response:
    anchored = await anchor.read(nodes.standing)
    return reply(SchedulerStatus.model_validate(await reader.run(nodes.status, anchored=anchored)))


@router.put("/scheduler/owner", response_model=SwitchObject)
async def turn(caller: Admin, given: Annotated[OwnerRequest, Body(OwnerRequest)], anchor: Anchor) -> Response:
    return reply(SwitchObject.model_validate(await anchor.write(control.turn, caller, given.owner)))


@router.post("/scheduler/resync", response_model=SchedulerStatus)
async def resync(_: Admin, settings: AppSettings, anchor: Anchor, writer: Writer) -> Response:
    anchored = await anchor.read(nodes.standing)
    return reply(SchedulerStatus.model_validate(await writer.run(nodes.resync, settings, anchored=anchored)))
