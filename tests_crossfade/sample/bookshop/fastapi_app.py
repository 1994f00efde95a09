"""The FastAPI half."""

import asyncio
import os
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from bookshop.models import Book
from crossfade.fastapi import Reader, install, lifespan
from crossfade.project import Project
from crossfade.router import Router
from crossfade.settings import Settings


def create_app():
    """The application."""
    router = Router(Settings.load(root=Project.find().root), name="fastapi:web")
    app = FastAPI(lifespan=lifespan(router))
    install(app, router)

    @app.get("/api/v2/books")
    async def books(reader: Reader) -> list[str]:
        return await reader.run(lambda session: list(session.scalars(select(Book.title).order_by(Book.id))))

    @app.get("/api/v2/mirror")
    async def mirror(request: Request) -> dict[str, object]:
        address = request.client.host if request.client else None
        return {"address": address, "scheme": request.url.scheme, "host": request.headers["host"]}

    @app.get("/api/v2/process")
    async def process() -> dict[str, int]:
        return {"process": os.getpid()}

    @app.get("/api/v2/drip")
    async def drip(note: str) -> StreamingResponse:
        """Drips until the client leaves, and notes that it did."""

        async def drops():
            try:
                while True:
                    yield b"drop\n"
                    await asyncio.sleep(0.01)
            finally:
                Path(note).write_text("left")  # noqa: ASYNC240  a few bytes

        return StreamingResponse(drops())

    return app
