"""Is it alive, and what does it talk to."""

from flask import Blueprint, Response, abort, request

from cronjobs.flask_app.edge import parts, raw_body, read, reply
from cronjobs.scheduler import gate
from cronjobs.services import health as services
from cronjobs.web.schemas.health import Echo, Health

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    made = parts()
    found = services.look(
        read(),
        stack="flask",
        router=made.router,
        scheduler_running=made.scheduler is not None,
        enabled=gate.enabled(made.settings),
    )
    return reply(Health.of(found), 200 if found.database.reachable else 503)


@blueprint.route("/echo", methods=["GET", "POST"])
def echo() -> Response:
    if parts().settings.app_env == "production":
        abort(404)
    return reply(Echo.of(request.method, raw_body()))
