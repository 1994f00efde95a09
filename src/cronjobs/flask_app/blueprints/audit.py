"""The audit log: who changed what."""

from flask import Blueprint, Response

from cronjobs.flask_app.edge import query, read, reply, signed_in
from cronjobs.models.users import ADMIN
from cronjobs.services import audit
from cronjobs.web import queries
from cronjobs.web.schemas.audit import AuditPage

blueprint = Blueprint("audit", __name__)


@blueprint.get("/audit")
def listed() -> Response:
    signed_in(ADMIN)
    wanted, page = queries.audit(query())
    return reply(AuditPage.of(audit.page(read(), wanted, page), wanted.period))
