"""Many jobs at once, from a CSV file."""

from flask import Blueprint, Response, request

from cronjobs.flask_app.edge import raw_body, reply, settings, signed_in, write
from cronjobs.models.users import ADMIN, USER
from cronjobs.services import bulk
from cronjobs.web.schemas.bulk import BulkReport, Upload

blueprint = Blueprint("bulk", __name__)


@blueprint.post("/jobs/bulk-upload")
def upload() -> Response:
    caller = signed_in(ADMIN, USER)
    given = Upload.of(request.headers.get("Content-Type"), raw_body())
    tuned = bulk.with_default_owner(settings(), given.default_github_owner)
    perform = bulk.rehearse if given.dry_run else bulk.create
    outcome = perform(write(), caller, given.entries, tuned)
    return reply(BulkReport.of(given.sheet.stats, outcome, dry_run=given.dry_run))
