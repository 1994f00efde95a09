"""The audit log: who changed what."""

from fastapi import APIRouter, Response

from cronjobs.fastapi_app.document import in_query
from cronjobs.fastapi_app.edge import Admin, Query, Reader, reply
from cronjobs.services import audit
from cronjobs.web import queries
from cronjobs.web.schemas.audit import AuditPage

router = APIRouter(tags=["audit"])


@router.get(
    "/audit",
    response_model=AuditPage,
    openapi_extra=in_query("page", "per_page", "actor", "kind", "action", "from", "to"),
)
async def listed(_: Admin, query: Query, reader: Reader) -> Response:
    wanted, page = queries.audit(query)
    return reply(AuditPage.of(await reader.run(audit.page, wanted, page), wanted.period))
