"""Jobs, running them by hand, and the tools for cron expressions and targets."""

import time

from flask import Blueprint, Response

from cronjobs.flask_app.edge import (
    body,
    courier,
    optional_body,
    parts,
    query,
    read,
    release,
    reply,
    router,
    settings,
    signed_in,
    write,
)
from cronjobs.models.executions import RUNNING
from cronjobs.models.users import ADMIN, USER
from cronjobs.scheduler import runner
from cronjobs.services import calls, jobs, news, previews, triggers
from cronjobs.services.calls import Claim, Outcome
from cronjobs.web import queries
from cronjobs.web.schemas.cron import CronPreview, CronPreviewRequest, CronText, NextRuns, cron_verdict
from cronjobs.web.schemas.jobs import DeletedJob, JobFields, JobList, JobPage, OneJob, SavedJob
from cronjobs.web.schemas.triggers import RunOverrides, TrialRequest, TriggeredRun, trial_answer
from crossfade.database.sessions import begin_write
from crossfade.errors import WritesFrozenError

blueprint = Blueprint("jobs", __name__)


@blueprint.get("/jobs")
def listed() -> Response:
    signed_in()
    wanted, page = queries.jobs(query())
    if page is None:
        return reply(JobList.of(jobs.listed(read(), wanted, settings())))
    return reply(JobPage.of(jobs.page(read(), wanted, page, settings())))


@blueprint.post("/jobs")
def create() -> Response:
    caller = signed_in(ADMIN, USER)
    draft = body(JobFields).draft()
    job = jobs.create(write(), caller, draft, settings())
    return reply(SavedJob.created(job), 201)


@blueprint.post("/jobs/validate-cron")
def validate_cron() -> Response:
    signed_in()
    given = body(CronText)
    return reply(cron_verdict(previews.verdict(given.written, given.cron_dialect, settings())))


@blueprint.post("/jobs/cron-preview")
def cron_preview() -> Response:
    signed_in()
    given = body(CronPreviewRequest)
    preview = previews.preview(
        given.written,
        given.cron_dialect,
        given.runs,
        settings(),
        timezone=given.timezone,
        start_date=given.start_date,
    )
    return reply(CronPreview.of(preview))


@blueprint.post("/jobs/test-run")
def try_target() -> Response:
    signed_in(ADMIN, USER)
    given = body(TrialRequest)
    call = triggers.trial(given.named(), given.metadata, settings())
    release()
    trial = runner.test_run_blocking(call, settings(), timeout_seconds=given.timeout_seconds)
    return reply(trial_answer(trial))


@blueprint.get("/jobs/<job_id>")
def one(job_id: str) -> Response:
    signed_in()
    return reply(OneJob.of(jobs.seen(read(), job_id, settings())))


@blueprint.get("/jobs/<job_id>/next-runs")
def next_runs(job_id: str) -> Response:
    signed_in()
    return reply(NextRuns.of(previews.ahead(read(), job_id, queries.next_runs(query()), settings())))


@blueprint.put("/jobs/<job_id>")
def change(job_id: str) -> Response:
    caller = signed_in(ADMIN, USER)
    draft = body(JobFields).draft()
    job = jobs.change(write(), caller, job_id, draft, settings())
    return reply(SavedJob.changed(job))


@blueprint.delete("/jobs/<job_id>")
def delete(job_id: str) -> Response:
    caller = signed_in(ADMIN, USER)
    job = jobs.delete(write(), caller, job_id)
    return reply(DeletedJob.of(job))


@blueprint.post("/jobs/<job_id>/execute")
def execute(job_id: str) -> Response:
    caller = signed_in(ADMIN, USER)
    overrides = optional_body(RunOverrides).overrides()
    release()
    with router().session("flask") as session:
        begun = triggers.begin(
            begin_write(session), caller, job_id, overrides, owner=calls.here("flask"), settings=settings()
        )
        said = news.taken(session)
    courier().send(said)
    claim = triggers.claimed(begun)
    parts().measures.started(claim)
    outcome = runner.perform_blocking(claim, settings())
    parts().measures.ended(claim, outcome)
    return reply(TriggeredRun.of(claim, _recorded(claim, outcome)))


def _recorded(claim: Claim, outcome: Outcome) -> str:
    """The run's status, written down; for which a freeze is waited out."""
    for pause in triggers.PAUSES:
        try:
            with router().session("flask") as session:
                status = triggers.end(begin_write(session), claim, outcome)
                said = news.taken(session)
        except WritesFrozenError:
            time.sleep(pause)
        else:
            courier().send(said)
            return status
    return RUNNING
