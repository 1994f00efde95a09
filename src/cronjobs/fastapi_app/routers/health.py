"""Is it alive, and what does it talk to."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from cronjobs.fastapi_app.document import refuses
from cronjobs.fastapi_app.edge import AppSettings, Parts, Reader, parts, raw_body, reply
from cronjobs.scheduler import gate
from cronjobs.services import health as services
from cronjobs.web.schemas.health import Echo, Health, Unhealthy

router = APIRouter(tags=["health"])


@router.get(
    "/health",
    response_model=Health,
    responses={503: {"model": Unhealthy, "description": "The same, while the database is out of reach"}},
)
async def health(made: Annotated[Parts, Depends(parts)], reader: Reader) -> Response:
    found = await reader.run(
        services.look,
        stack="fastapi",
        router=made.router,
        scheduler_running=made.scheduler is not None,
        enabled=gate.enabled(made.settings),
    )
    return reply(Health.of(found), 200 if found.database.reachable else 503)


@refuses(404)
async def _not_in_production(settings: AppSettings) -> None:
    if settings.app_env == "production":
        raise HTTPException(404)


@router.get("/echo", response_model=Echo, operation_id="echo_nothing", dependencies=[Depends(_not_in_production)])
@router.post("/echo", response_model=Echo, operation_id="echo", dependencies=[Depends(_not_in_production)])
async def echo(request: Request, raw: Annotated[bytes, Depends(raw_body)]) -> Response:
    return reply(Echo.of(request.method, raw))
