"""FastAPI's half: answers below /api/v2, by the same functions, over a real async connection."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from books import services
from books.services import DuplicateError, NewBook
from crossfade.fastapi import Reader, Writer, install, lifespan
from crossfade.project import Project
from crossfade.router import Router
from crossfade.settings import Settings


def create_app(router: Router | None = None) -> FastAPI:
    """The application, on a router of its own or on the one that a test gives it."""
    router = router or Router(Settings.load(root=Project.find().root), name="fastapi:web")
    app = FastAPI(lifespan=lifespan(router))
    install(app, router)

    @app.get("/api/v2/books")
    async def titles(reader: Reader) -> list[str]:
        return await reader.run(services.titles)

    @app.post("/api/v2/books", status_code=201)
    async def add(writer: Writer, new: NewBook) -> dict[str, int]:
        return {"id": await writer.run(services.add, new)}

    @app.exception_handler(DuplicateError)
    async def duplicate(_: Request, error: DuplicateError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    return app
