"""FastAPI's skin."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

from ledger import accounts, database


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    """The connections end with the process."""
    yield
    await database.router.adispose()


def create_app() -> FastAPI:
    """The application."""
    database.start()
    app = FastAPI(lifespan=lifespan)

    @app.get("/accounts/{name}")
    async def balance(name: str) -> int:
        try:
            return await accounts.balance(name)
        except LookupError as error:
            raise HTTPException(404, str(error)) from error

    return app
