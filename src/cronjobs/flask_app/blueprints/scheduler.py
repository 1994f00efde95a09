"""The scheduler, as admins see it."""

from flask import Blueprint, Response

from cronjobs.flask_app.edge import body, read, read_anchor, reply, settings, signed_in, write, write_anchor
from cronjobs.models.users import ADMIN
from cronjobs.scheduler import nodes
from cronjobs.services import control
from cronjobs.web.schemas.scheduler import OwnerRequest, SchedulerStatus, SwitchObject

blueprint = Blueprint("scheduler", __name__)


@blueprint.get("/scheduler/status")
def status() -> Response:
    signed_in(ADMIN)
    anchored = read_anchor(nodes.standing)
    return reply(SchedulerStatus.model_validate(nodes.status(read(), anchored=anchored)))


@blueprint.put("/scheduler/owner")
def turn() -> Response:
    caller = signed_in(ADMIN)
    wanted = body(OwnerRequest).owner
    return reply(SwitchObject.model_validate(write_anchor(control.turn, caller, wanted)))


@blueprint.post("/scheduler/resync")
def resync() -> Response:
    signed_in(ADMIN)
    anchored = read_anchor(nodes.standing)
    return reply(SchedulerStatus.model_validate(nodes.resync(write(), settings(), anchored=anchored)))
