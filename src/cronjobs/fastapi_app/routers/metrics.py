"""The scheduler's state, for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse

from cronjobs.fastapi_app.edge import Anchor, Parts, Reader, parts
from cronjobs.scheduler import metrics, nodes

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_class=PlainTextResponse)
async def shown(made: Annotated[Parts, Depends(parts)], anchor: Anchor, reader: Reader) -> Response:
    found = await reader.run(metrics.read, anchored=await anchor.read(nodes.standing))
    return Response(metrics.text(found, made.measures), headers={"Content-Type": metrics.CONTENT_TYPE})
