"""Many jobs at once, from a CSV file."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cronjobs.fastapi_app.document import refusing, takes
from cronjobs.fastapi_app.edge import AppSettings, Editor, Writer, raw_body, reply
from cronjobs.services import bulk
from cronjobs.web.schemas.bulk import FORM_SCHEMA, BulkReport, Upload

router = APIRouter(tags=["jobs"])


@takes("multipart/form-data", FORM_SCHEMA)
async def _upload(request: Request) -> Upload:
    # In a thread: a file of the largest size takes long enough to be felt by the others on the loop.
    return await asyncio.to_thread(Upload.of, request.headers.get("Content-Type"), await raw_body(request))


@router.post("/jobs/bulk-upload", response_model=BulkReport, responses=refusing(409))
async def upload(
    caller: Editor, given: Annotated[Upload, Depends(_upload)], settings: AppSettings, writer: Writer
) -> Response:
    tuned = bulk.with_default_owner(settings, given.default_github_owner)
    perform = bulk.rehearse if given.dry_run else bulk.create
    outcome = await writer.run(perform, caller, given.entries, tuned)
    return reply(BulkReport.of(given.sheet.stats, outcome, dry_run=given.dry_run))
