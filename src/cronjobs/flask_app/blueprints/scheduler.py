"""The scheduler, as admins see it."""

from flask import Blueprint, Response

from cronjobs.flask_app.edge import read, reply, settings, signed_in, write
from cronjobs.models.users import ADMIN
from cronjobs.scheduler import nodes
from cronjobs.web.schemas.scheduler import SchedulerStatus

blueprint = Blueprint("scheduler", __name__)


@blueprint.get("/scheduler/status")
def status() -> Response:
    signed_in(ADMIN)
    return reply(SchedulerStatus.model_validate(nodes.status(read())))


@blueprint.post("/scheduler/resync")
def resync() -> Response:
    signed_in(ADMIN)
    return reply(SchedulerStatus.model_validate(nodes.resync(write(), settings())))
