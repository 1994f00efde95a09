"""The scheduler's state, for Prometheus."""

from flask import Blueprint, Response

from cronjobs.flask_app.edge import parts, read, read_anchor
from cronjobs.scheduler import metrics, nodes

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def shown() -> Response:
    found = metrics.read(read(), anchored=read_anchor(nodes.standing))
    return Response(metrics.text(found, parts().measures), content_type=metrics.CONTENT_TYPE)
