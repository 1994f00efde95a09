"""FastAPI's skin."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from contexts import services
from contexts.services import DuplicateError, NewContext, UnknownUserError
from crossfade.fastapi import Reader, Writer, install, lifespan
from crossfade.project import Project
from crossfade.router import Router
from crossfade.settings import Settings


def create_app(router: Router | None = None) -> FastAPI:
    """The application, on a router of its own or on the one that a test gives it."""
    router = router or Router(Settings.load(root=Project.find().root), name="fastapi:web")
    app = FastAPI(lifespan=lifespan(router))
    install(app, router)

    @app.get("/contexts")
    async def every(reader: Reader) -> list[dict[str, str]]:
        return await reader.run(services.every)

    @app.post("/contexts", status_code=201)
    async def add(writer: Writer, new: NewContext) -> None:
        await writer.run(services.add, new)

    @app.exception_handler(UnknownUserError)
    async def unknown(_: Request, error: UnknownUserError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(DuplicateError)
    async def duplicate(_: Request, error: DuplicateError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 409)

    return app
