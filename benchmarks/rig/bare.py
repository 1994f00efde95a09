"""The list of executions with nothing around it: what FastAPI, SQLAlchemy Core and the driver cost by themselves.

No signing in, no filters, no models, no schemas: a count, a page by its offset, and the JSON of the application. The
database is named by BARE_DATABASE_URL.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import create_async_engine

from cronjobs.models import Job, JobExecution

_COLUMNS = (
    "id",
    "job_id",
    "status",
    "trigger_type",
    "started_at",
    "completed_at",
    "duration_seconds",
    "execution_type",
    "target",
    "response_status",
    "error_message",
    "output",
    "state",
    "attempt",
    "scheduled_for",
    "missed_from",
    "missed_count",
)
_INSTANTS = ("started_at", "completed_at", "scheduled_for", "missed_from")


def create_app() -> FastAPI:
    """The application; it answers `/executions`, and any POST to `/hook`, where runs are sent."""
    engine = create_async_engine(os.environ["BARE_DATABASE_URL"])

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/executions")
    async def executions(page: int = 1, limit: int = 20) -> JSONResponse:
        async with engine.connect() as connection:
            total = await connection.scalar(_count()) or 0
            rows = (await connection.execute(_page(page, limit))).mappings().all()
        return JSONResponse(
            {
                "executions": [_shown(row) for row in rows],
                "total": total,
                "page": page,
                "limit": limit,
                "total_pages": -(-total // limit),
            }
        )

    @app.post("/hook")
    async def hook() -> JSONResponse:
        return JSONResponse({"ok": True})

    return app


def _count() -> Select[int]:
    return select(func.count()).select_from(JobExecution.__table__)


def _page(page: int, limit: int) -> Select[*tuple[Any, ...]]:
    jobs, executions = Job.__table__, JobExecution.__table__
    return (
        select(*(executions.c[name] for name in _COLUMNS), jobs.c.name.label("job_name"), jobs.c.github_repo)
        .join_from(executions, jobs, jobs.c.id == executions.c.job_id)
        .order_by(executions.c.started_at.desc(), executions.c.id.desc())
        .limit(limit)
        .offset((page - 1) * limit)
    )


def _shown(row: RowMapping) -> dict[str, Any]:
    return dict(row) | {name: _instant(row[name]) for name in _INSTANTS}


def _instant(value: datetime | None) -> str | None:
    return None if value is None else f"{value.isoformat(timespec='milliseconds')}Z"
