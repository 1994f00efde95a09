"""Settings that admins keep in the database."""

from typing import Annotated

from fastapi import APIRouter, Response

from cronjobs.fastapi_app.edge import Admin, Body, Reader, Writer, reply
from cronjobs.services import slack
from cronjobs.web.schemas.slack import SlackChanged, SlackChoices, SlackShown

router = APIRouter(tags=["settings"])


@router.get("/settings/slack", response_model=SlackShown)
async def slack_settings(_: Admin, reader: Reader) -> Response:
    return reply(SlackShown.of(await reader.run(slack.current)))


@router.put("/settings/slack", response_model=SlackChanged)
async def change_slack_settings(
    caller: Admin, given: Annotated[SlackChoices, Body(SlackChoices)], writer: Writer
) -> Response:
    changed = await writer.run(slack.change, caller, given.changes())
    return reply(SlackChanged.of(changed))
