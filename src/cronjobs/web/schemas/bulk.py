"""The shapes of a bulk upload: the form, the rows of its file, and the report."""

from dataclasses import dataclass
from typing import Any, Self

import pydantic_core

from cronjobs.services import bulk, errors, sheets
from cronjobs.services.bulk import Entry, Outcome
from cronjobs.services.drafts import Draft
from cronjobs.services.sheets import Row, Sheet, Stats
from cronjobs.web import multipart, requests
from cronjobs.web.multipart import Form
from cronjobs.web.schemas.answers import Answer
from cronjobs.web.schemas.jobs import JobFields, JobObject
from crossfade.settings import flag

FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "A CSV file, in UTF-8"},
        "default_github_owner": {"type": "string", "description": "For repositories that are named without an owner"},
        "dry_run": {"type": "string", "enum": ["true", "false"], "description": "Report, but create nothing"},
    },
}
"""For the OpenAPI document."""

_ACTIVE = {"active": True, "enabled": True, "inactive": False, "disabled": False, "paused": False}


@dataclass(frozen=True)
class Upload:
    """What a client sent, read as far as that is possible without a database."""

    sheet: Sheet
    entries: list[Entry]
    default_github_owner: str | None
    dry_run: bool

    @classmethod
    def of(cls, content_type: str | None, raw: bytes) -> Self:
        """The upload in a request's body. Raises InvalidError for a body that is no form, or a file that is no CSV."""
        form = multipart.parse(content_type, raw)
        if "file" not in form.files:
            raise errors.InvalidError(
                "Send the CSV file as the part called file.", error="Missing file", missing_fields=["file"]
            )
        dry_run = _dry_run(form)
        sheet = sheets.read(form.files["file"])
        return cls(sheet, [_entry(row) for row in sheet.rows], form.fields.get("default_github_owner"), dry_run)


def _dry_run(form: Form) -> bool:
    written = form.fields.get("dry_run", "").strip()
    try:
        return bool(written) and flag(written)
    except ValueError as error:
        raise errors.InvalidError(f"dry_run: {error}.", error="Invalid dry_run") from error


def _entry(row: Row) -> Entry:
    wanted: Draft | errors.InvalidError
    try:
        wanted = requests.validated(JobFields, _fields(row.cells)).draft()
    except errors.InvalidError as error:
        wanted = error
    return Entry(row.line, row.cells.get("name"), wanted)


def _fields(cells: Any) -> dict[str, Any]:
    """The cells as the JSON of a job."""
    fields: dict[str, Any] = dict(cells)
    branch = fields.pop("branch", None)
    if "is_active" in fields:
        fields["is_active"] = _is_active(fields["is_active"])
    if "metadata" in fields:
        fields["metadata"] = _metadata(fields["metadata"])
    if branch is not None:
        fields["metadata"] = fields.get("metadata", {}) | {"branchDetails": branch}
    return fields


def _is_active(written: str) -> bool:
    known = _ACTIVE.get(written.casefold())
    if known is not None:
        return known
    try:
        return flag(written)
    except ValueError as error:
        raise errors.InvalidError(
            "status: write active or inactive, or true or false.", error="Invalid status"
        ) from error


def _metadata(written: str) -> dict[str, Any]:
    try:
        value = pydantic_core.from_json(written, allow_inf_nan=False)
    except ValueError as error:
        raise errors.InvalidError("request body: this is not valid JSON.", error="Invalid request body") from error
    if not isinstance(value, dict):
        raise errors.InvalidError(
            'request body: write a JSON object, like {"key": "value"}.', error="Invalid request body"
        )
    return value


class SheetStats(Answer):
    """What the file had, and what of it was dropped."""

    original_column_count: int
    original_row_count: int
    removed_column_count: int
    removed_empty_row_count: int


class RefusedRow(Answer):
    """A row that became no job."""

    row: int
    job_name: str | None
    error: str
    message: str

    @classmethod
    def of(cls, refused: bulk.Refused) -> Self:
        """The report of a row."""
        reason = refused.reason
        return cls(row=refused.line, job_name=refused.job_name, error=reason.error, message=reason.message)


class BulkReport(Answer):
    """What became of an upload."""

    message: str
    dry_run: bool
    stats: SheetStats
    created_count: int
    error_count: int
    errors: list[RefusedRow]
    jobs: list[JobObject]

    @classmethod
    def of(cls, stats: Stats, outcome: Outcome, *, dry_run: bool) -> Self:
        """The answer to an upload, or to its rehearsal."""
        created, refused = len(outcome.created), len(outcome.refused)
        verb = "would be created" if dry_run else "created"
        return cls(
            message=f"{created} {'job' if created == 1 else 'jobs'} {verb}, {refused} refused",
            dry_run=dry_run,
            stats=SheetStats.model_validate(stats),
            created_count=created,
            error_count=refused,
            errors=[RefusedRow.of(each) for each in outcome.refused],
            jobs=[JobObject.of(job) for job in outcome.created],
        )
