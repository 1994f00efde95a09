"""FastAPI on the router's async connections, and one transaction a request."""

import asyncio
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from crossfade.database.sessions import in_transaction
from crossfade.errors import SessionLentError
from crossfade.fastapi import Reader, Writer, install, lifespan, session

Current = Annotated[AsyncSession, Depends(session)]


@pytest.fixture
def app(router, models):
    made = FastAPI(lifespan=lifespan(router))
    install(made, router)

    def add_book(session: Session, title: str) -> str:
        session.add(models.Book(title=title))
        session.flush()
        return title

    def is_locked(session: Session) -> bool:
        connection = session.connection()
        # PostgreSQL's driver begins by itself, at any first statement.
        return connection.dialect.name == "postgresql" or in_transaction(connection)

    def all_titles(session: Session) -> list[str]:
        return sorted(session.scalars(select(models.Book.title)))

    @made.post("/books/{title}", status_code=201)
    async def add(title: str, writer: Writer) -> str:
        return await writer.run(add_book, title)

    @made.post("/returns/{status}/{title}")
    async def returns(status: int, title: str, writer: Writer) -> JSONResponse:
        await writer.run(add_book, title)
        return JSONResponse({"status": status}, status)

    @made.post("/raises/{title}")
    async def raises(title: str, writer: Writer) -> None:
        await writer.run(add_book, title)
        raise HTTPException(409)

    @made.post("/breaks/{title}")
    async def breaks(title: str, writer: Writer) -> None:
        await writer.run(add_book, title)
        raise RuntimeError("broken")

    @made.get("/books")
    async def books(reader: Reader) -> list[str]:
        return await reader.run(all_titles)

    @made.get("/locked")
    async def locked(writer: Writer) -> bool:
        return await writer.run(is_locked)

    @made.get("/sessions")
    async def sessions(current: Current, reader: Reader, writer: Writer) -> bool:
        return current is reader.session is writer.session

    return made


@pytest.fixture
def client(app):
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made


def test_what_succeeded_is_committed(client, titles):
    assert client.post("/books/Emma").status_code == 201

    assert titles() == ["Emma"]


@pytest.mark.parametrize("path", ["/returns/400/Emma", "/returns/503/Emma", "/raises/Emma", "/breaks/Emma"])
def test_a_rejected_request_leaves_no_trace_however_it_was_rejected(client, titles, path):
    assert client.post(path).status_code >= 400

    assert titles() == []


def test_a_redirect_is_a_success(client, titles):
    client.post("/returns/303/Emma", follow_redirects=False)

    assert titles() == ["Emma"]


def test_a_commit_that_fails_is_an_error_and_not_a_success(client, titles):
    def fails(_session):
        raise RuntimeError("the disk is full")

    event.listen(Session, "before_commit", fails)
    try:
        assert client.post("/books/Emma").status_code == 500
    finally:
        event.remove(Session, "before_commit", fails)

    assert titles() == []


def test_a_request_has_one_session(client):
    assert client.get("/sessions").json() is True


def test_a_writer_is_in_a_transaction_from_its_first_statement(client):
    assert client.get("/locked").json() is True


async def test_many_requests_at_once_have_sessions_of_their_own(app, router, titles):
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answers = await asyncio.gather(*(client.post(f"/books/{number}") for number in range(20)))
    await router.adispose()

    assert [answer.status_code for answer in answers] == [201] * 20
    assert len(titles()) == 20


async def test_a_lent_session_is_used_and_neither_committed_nor_closed(app, router, titles, models):
    transport = httpx2.ASGITransport(app=app)
    async with router.async_session_factory("fastapi")() as session, router.lend(session):
        session.add(models.Book(title="Emma"))
        await session.flush()
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.post("/books/Persuasion")).status_code == 201
            assert (await client.post("/raises/Sanditon")).status_code == 409
            assert (await client.get("/books")).json() == ["Emma", "Persuasion"]
        assert session.in_transaction()
        await session.rollback()
    await router.adispose()

    assert titles() == []


async def test_a_lent_sync_session_is_of_no_use_here(app, router):
    transport = httpx2.ASGITransport(app=app)
    with router.session_factory("fastapi")() as session, router.lend(session):
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            with pytest.raises(SessionLentError):
                await client.get("/books")


def test_the_lifespan_leaves_no_connection_behind(app, router):
    with TestClient(app) as client:
        client.post("/books/Emma")

    assert router.async_engine("fastapi").pool.checkedin() == 0
