"""Makes the FastAPI application: settings, router, session, routers, errors as JSON, and the scheduler."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp
from typing_extensions import override

from cronjobs import bootstrap
from cronjobs.fastapi_app import document, routers
from cronjobs.fastapi_app.edge import Parts
from cronjobs.fastapi_app.headers import Headers
from cronjobs.fastapi_app.paths import AnyPath
from cronjobs.fastapi_app.routers import metrics
from cronjobs.scheduler import gate
from cronjobs.scheduler.courier import Courier
from cronjobs.scheduler.measures import Measures
from cronjobs.services.errors import ServiceError
from cronjobs.settings import Settings
from cronjobs.web import problems
from cronjobs.web.problems import Problem
from crossfade.errors import UnreachableError, WritesFrozenError
from crossfade.fastapi import install, lifespan
from crossfade.router import Router

PREFIX = "/api/v2"

logger = logging.getLogger(__name__)


class _Application(FastAPI):
    @override
    def openapi(self) -> dict[str, Any]:
        return document.completed(super().openapi(), routers.every(), PREFIX)

    @override
    def build_middleware_stack(self) -> ASGIApp:
        # Outermost: a middleware that is added is inside of what answers unexpected errors.
        return Headers(super().build_middleware_stack(), self.state.cronjobs.settings)


def create_app(settings: Settings | None = None, *, router: Router | None = None) -> FastAPI:
    """The application on the routes that the environment asks for, or on those of `router`.

    Opens no connection, except that it creates the schema of a database in memory, which nobody else could.
    Raises SettingsError and the router's configuration errors.
    """
    made = bootstrap.parts("fastapi", settings, router)
    closing = lifespan(made.router)

    @asynccontextmanager
    async def span(app: FastAPI) -> AsyncGenerator[None]:
        async with closing(app):
            courier = app.state.cronjobs.courier = Courier(made.settings)
            scheduler = app.state.cronjobs.scheduler = gate.open_scheduler(
                made.router, made.settings, "fastapi", measures=app.state.cronjobs.measures
            )
            try:
                yield
            finally:
                if scheduler is not None:
                    # It waits for the runs in flight: not on the loop that may be serving the last requests.
                    await asyncio.to_thread(scheduler.stop)
                await asyncio.to_thread(courier.stop)

    app = _Application(
        title="Cron jobs",
        version="2",
        lifespan=span,
        redirect_slashes=False,
        openapi_url="/openapi.json",
        docs_url="/docs",
        redoc_url=None,
    )
    app.state.cronjobs = Parts(made.settings, made.router, Courier(made.settings), Measures())
    for each in routers.every():
        app.include_router(each, prefix=PREFIX)
    # Where Prometheus looks by itself; the front door leads to what is below the prefix alone.
    app.include_router(metrics.router, include_in_schema=False)
    app.add_api_route("/openapi", _openapi, include_in_schema=False)
    _answer_errors_as_json(app)
    install(app, made.router)
    app.add_middleware(AnyPath)
    return app


async def _openapi() -> RedirectResponse:
    return RedirectResponse("/openapi.json")


def _answer_errors_as_json(app: FastAPI) -> None:
    @app.exception_handler(ServiceError)
    async def refused(_: Request, error: ServiceError) -> JSONResponse:
        return _answer(problems.of(error))

    @app.exception_handler(HTTPException)
    async def bare(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return _answer(problems.of_method(_methods(request.scope["path"]) or _named_in(error)))
        return _answer(problems.of_status(error.status_code, dict(error.headers or {})))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, __: RequestValidationError) -> JSONResponse:
        return _answer(problems.of_status(400))

    @app.exception_handler(IntegrityError)
    async def collided(_: Request, __: IntegrityError) -> JSONResponse:
        return _answer(problems.of_collision())

    @app.exception_handler(WritesFrozenError)
    async def frozen(_: Request, __: WritesFrozenError) -> JSONResponse:
        return _answer(problems.of_frozen())

    @app.exception_handler(OperationalError)
    @app.exception_handler(UnreachableError)
    async def unreachable(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s: the database failed: %s", request.method, request.url.path, error)
        return _answer(problems.of_unreachable())

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(problems.of_status(500))


def _methods(path: str) -> set[str]:
    """What a path of the contract answers to: Starlette itself names the methods of the first route that fits alone."""
    below = path.removeprefix(PREFIX)
    routes = [route for each in routers.every() for route in each.routes if isinstance(route, APIRoute)]
    found = {method for route in routes if route.path_regex.match(below) for method in route.methods or ()}
    return found | {"HEAD"} if "GET" in found else found


def _named_in(error: HTTPException) -> list[str]:
    return (error.headers or {}).get("Allow", "").split(", ")


def _answer(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.body, problem.status, headers=problem.headers)
