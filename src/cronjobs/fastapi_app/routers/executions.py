"""Executions: of one job, and of all."""

from fastapi import APIRouter, Response

from cronjobs.fastapi_app.document import in_query
from cronjobs.fastapi_app.edge import Query, Reader, SignedIn, reply
from cronjobs.services import executions
from cronjobs.web import queries
from cronjobs.web.schemas.executions import (
    ExecutionOfJob,
    ExecutionPage,
    ExecutionsOfJob,
    ExecutionStatistics,
    OneExecution,
    StatisticsOfJob,
)

router = APIRouter(tags=["executions"])


@router.get(
    "/jobs/{job_id}/executions",
    response_model=ExecutionsOfJob,
    openapi_extra=in_query("limit", "status", "state", "trigger_type", "from", "to"),
)
async def of_job(job_id: str, _: SignedIn, query: Query, reader: Reader) -> Response:
    wanted, limit = queries.executions_of_job(query)
    return reply(ExecutionsOfJob.of(await reader.run(executions.of_job, job_id, wanted, limit=limit)))


@router.get("/jobs/{job_id}/executions/stats", response_model=StatisticsOfJob)
async def statistics_of_job(job_id: str, _: SignedIn, reader: Reader) -> Response:
    return reply(StatisticsOfJob.of(await reader.run(executions.job_statistics, job_id)))


@router.get("/jobs/{job_id}/executions/{execution_id}", response_model=ExecutionOfJob)
async def one_of_job(job_id: str, execution_id: str, _: SignedIn, reader: Reader) -> Response:
    return reply(ExecutionOfJob.of(*await reader.run(executions.one_of_job, job_id, execution_id)))


@router.get(
    "/executions",
    response_model=ExecutionPage,
    openapi_extra=in_query(
        "page", "limit", "job_id", "status", "state", "trigger_type", "execution_type", "from", "to"
    ),
)
async def listed(_: SignedIn, query: Query, reader: Reader) -> Response:
    wanted, page = queries.executions(query)
    return reply(ExecutionPage.of(await reader.run(executions.page, wanted, page)))


@router.get(
    "/executions/statistics", response_model=ExecutionStatistics, openapi_extra=in_query("job_id", "from", "to")
)
async def statistics(_: SignedIn, query: Query, reader: Reader) -> Response:
    wanted = queries.execution_statistics(query)
    return reply(ExecutionStatistics.of(await reader.run(executions.statistics, wanted), wanted.period))


@router.get("/executions/{execution_id}", response_model=OneExecution)
async def one(execution_id: str, _: SignedIn, reader: Reader) -> Response:
    return reply(OneExecution.of(await reader.run(executions.find, execution_id)))
