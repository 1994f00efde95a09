"""Executions: of one job, and of all."""

from flask import Blueprint, Response

from cronjobs.flask_app.edge import query, read, reply, signed_in
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

blueprint = Blueprint("executions", __name__)


@blueprint.get("/jobs/<job_id>/executions")
def of_job(job_id: str) -> Response:
    signed_in()
    wanted, limit = queries.executions_of_job(query())
    return reply(ExecutionsOfJob.of(executions.of_job(read(), job_id, wanted, limit=limit)))


@blueprint.get("/jobs/<job_id>/executions/stats")
def statistics_of_job(job_id: str) -> Response:
    signed_in()
    return reply(StatisticsOfJob.of(executions.job_statistics(read(), job_id)))


@blueprint.get("/jobs/<job_id>/executions/<execution_id>")
def one_of_job(job_id: str, execution_id: str) -> Response:
    signed_in()
    return reply(ExecutionOfJob.of(*executions.one_of_job(read(), job_id, execution_id)))


@blueprint.get("/executions")
def listed() -> Response:
    signed_in()
    wanted, page = queries.executions(query())
    return reply(ExecutionPage.of(executions.page(read(), wanted, page)))


@blueprint.get("/executions/statistics")
def statistics() -> Response:
    signed_in()
    wanted = queries.execution_statistics(query())
    return reply(ExecutionStatistics.of(executions.statistics(read(), wanted), wanted.period))


@blueprint.get("/executions/<execution_id>")
def one(execution_id: str) -> Response:
    signed_in()
    return reply(OneExecution.of(executions.find(read(), execution_id)))
