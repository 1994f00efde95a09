"""Settings that admins keep in the database."""

from flask import Blueprint, Response

from cronjobs.flask_app.edge import body, read, reply, signed_in, write
from cronjobs.models.users import ADMIN
from cronjobs.services import slack
from cronjobs.web.schemas.slack import SlackChanged, SlackChoices, SlackShown

blueprint = Blueprint("settings", __name__)


@blueprint.get("/settings/slack")
def slack_settings() -> Response:
    signed_in(ADMIN)
    return reply(SlackShown.of(slack.current(read())))


@blueprint.put("/settings/slack")
def change_slack_settings() -> Response:
    caller = signed_in(ADMIN)
    given = body(SlackChoices)
    changed = slack.change(write(), caller, given.changes())
    return reply(SlackChanged.of(changed))
