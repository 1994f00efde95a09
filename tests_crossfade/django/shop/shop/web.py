"""FastAPI's side: an application made by a function without arguments, on the router."""

from datetime import date, datetime
from pathlib import Path

from fastapi import FastAPI, HTTPException
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from crossfade.fastapi import Reader, Writer, install, lifespan
from crossfade.router import Router
from crossfade.settings import Settings

AT = datetime.fromisoformat("2026-02-03T04:05:06.000007")


class Base(DeclarativeBase):
    """The tables as SQLAlchemy sees them."""


class Item(Base):
    """The table of Django's model."""

    __tablename__ = "shop_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    at: Mapped[datetime]
    on: Mapped[date | None]
    paid: Mapped[bool]


def items(session: Session) -> list[tuple[str, datetime, date | None, bool]]:
    """All of them."""
    return [(item.name, item.at, item.on, item.paid) for item in session.scalars(select(Item).order_by(Item.name))]


def add(session: Session, name: str) -> None:
    """One more."""
    session.add(Item(name=name, at=AT, on=AT.date(), paid=True))
    session.flush()


def create_app() -> FastAPI:
    """The application."""
    router = Router(Settings.load(root=Path(__file__).parents[1]), name="shop")
    app = FastAPI(lifespan=lifespan(router))
    install(app, router)
    app.state.router = router

    @app.get("/items")
    async def get(reader: Reader) -> list[tuple[str, datetime, date | None, bool]]:
        return await reader.run(items)

    @app.post("/items/{name}", status_code=201)
    async def post(writer: Writer, name: str) -> str:
        try:
            await writer.run(add, name)
        except IntegrityError as error:
            raise HTTPException(409) from error
        return name

    @app.post("/refused/{name}")
    async def refuse(writer: Writer, name: str) -> None:
        await writer.run(add, name)
        raise HTTPException(422)

    return app
