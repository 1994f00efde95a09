"""Jobs, running them by hand, and the tools for cron expressions and targets."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from cronjobs.fastapi_app.document import in_query, refusing
from cronjobs.fastapi_app.edge import (
    AppCourier,
    AppRouter,
    AppSettings,
    Body,
    Editor,
    OptionalBody,
    Parts,
    Query,
    Reader,
    SignedIn,
    Writer,
    parts,
    release,
    reply,
)
from cronjobs.models.executions import RUNNING
from cronjobs.scheduler import runner
from cronjobs.scheduler.courier import Courier
from cronjobs.services import calls, jobs, news, previews, triggers
from cronjobs.services.calls import Claim, Outcome
from cronjobs.web import queries
from cronjobs.web.schemas.cron import (
    CronPreview,
    CronPreviewRequest,
    CronRefusal,
    CronText,
    CronVerdict,
    NextRuns,
    cron_verdict,
)
from cronjobs.web.schemas.jobs import DeletedJob, JobFields, JobList, JobPage, OneJob, SavedJob
from cronjobs.web.schemas.triggers import (
    AnsweredTrial,
    FailedTrial,
    RunOverrides,
    TrialRequest,
    TriggeredRun,
    trial_answer,
)
from crossfade.errors import WritesFrozenError
from crossfade.fastapi import Writing
from crossfade.router import Router

router = APIRouter(tags=["jobs"])


@router.get(
    "/jobs",
    response_model=JobPage | JobList,
    openapi_extra=in_query("page", "per_page", "search", "category", "pic_team", "is_active"),
)
async def listed(_: SignedIn, query: Query, settings: AppSettings, reader: Reader) -> Response:
    wanted, page = queries.jobs(query)
    if page is None:
        return reply(JobList.of(await reader.run(jobs.listed, wanted, settings)))
    return reply(JobPage.of(await reader.run(jobs.page, wanted, page, settings)))


@router.post("/jobs", status_code=201, response_model=SavedJob, responses=refusing(409))
async def create(
    caller: Editor, given: Annotated[JobFields, Body(JobFields)], settings: AppSettings, writer: Writer
) -> Response:
    job = await writer.run(jobs.create, caller, given.draft(), settings)
    return reply(SavedJob.created(job), 201)


@router.post("/jobs/validate-cron", response_model=CronRefusal | CronVerdict)
async def validate_cron(_: SignedIn, given: Annotated[CronText, Body(CronText)], settings: AppSettings) -> Response:
    return reply(cron_verdict(previews.verdict(given.written, given.cron_dialect, settings)))


@router.post("/jobs/cron-preview", response_model=CronPreview)
async def cron_preview(
    _: SignedIn, given: Annotated[CronPreviewRequest, Body(CronPreviewRequest)], settings: AppSettings
) -> Response:
    preview = previews.preview(
        given.written,
        given.cron_dialect,
        given.runs,
        settings,
        timezone=given.timezone,
        start_date=given.start_date,
    )
    return reply(CronPreview.of(preview))


@router.post("/jobs/test-run", response_model=AnsweredTrial | FailedTrial)
async def try_target(
    _: Editor,
    given: Annotated[TrialRequest, Body(TrialRequest)],
    settings: AppSettings,
    reader: Reader,
    units: AppRouter,
) -> Response:
    call = triggers.trial(given.named(), given.metadata, settings)
    await release(reader, units)
    trial = await runner.test_run(call, settings, timeout_seconds=given.timeout_seconds)
    return reply(trial_answer(trial))


@router.get("/jobs/{job_id}", response_model=OneJob)
async def one(job_id: str, _: SignedIn, settings: AppSettings, reader: Reader) -> Response:
    return reply(OneJob.of(await reader.run(jobs.seen, job_id, settings)))


@router.get("/jobs/{job_id}/next-runs", response_model=NextRuns, openapi_extra=in_query("count"))
async def next_runs(job_id: str, _: SignedIn, query: Query, settings: AppSettings, reader: Reader) -> Response:
    return reply(NextRuns.of(await reader.run(previews.ahead, job_id, queries.next_runs(query), settings)))


@router.put("/jobs/{job_id}", response_model=SavedJob)
async def change(
    job_id: str,
    caller: Editor,
    given: Annotated[JobFields, Body(JobFields)],
    settings: AppSettings,
    writer: Writer,
) -> Response:
    job = await writer.run(jobs.change, caller, job_id, given.draft(), settings)
    return reply(SavedJob.changed(job))


@router.delete("/jobs/{job_id}", response_model=DeletedJob)
async def delete(job_id: str, caller: Editor, writer: Writer) -> Response:
    job = await writer.run(jobs.delete, caller, job_id)
    return reply(DeletedJob.of(job))


@router.post("/jobs/{job_id}/execute", response_model=TriggeredRun)
async def execute(
    job_id: str,
    caller: Editor,
    given: Annotated[RunOverrides, OptionalBody(RunOverrides)],
    settings: AppSettings,
    reader: Reader,
    units: AppRouter,
    courier: AppCourier,
    made: Annotated[Parts, Depends(parts)],
) -> Response:
    overrides = given.overrides()
    await release(reader, units)
    async with units.async_session("fastapi") as session:
        begun = await Writing(session).run(
            triggers.begin, caller, job_id, overrides, owner=calls.here("fastapi"), settings=settings
        )
        said = news.taken(session.sync_session)
    courier.send(said)
    claim = triggers.claimed(begun)
    made.measures.started(claim)
    outcome = await runner.perform(claim, settings)
    made.measures.ended(claim, outcome)
    return reply(TriggeredRun.of(claim, await _recorded(units, courier, claim, outcome)))


async def _recorded(units: Router, courier: Courier, claim: Claim, outcome: Outcome) -> str:
    """The run's status, written down; for which a freeze is waited out."""
    for pause in triggers.PAUSES:
        try:
            async with units.async_session("fastapi") as session:
                status = await Writing(session).run(triggers.end, claim, outcome)
                said = news.taken(session.sync_session)
        except WritesFrozenError:
            await asyncio.sleep(pause)
        else:
            courier.send(said)
            return status
    return RUNNING
