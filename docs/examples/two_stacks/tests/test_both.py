"""What one stack does, the other one sees at once; and both refuse alike."""

import httpx2
import pytest

from books.models import Book


async def test_what_flask_adds_fastapi_lists(flask_client, fastapi_client):
    added = flask_client.post("/api/books", json={"title": "Persuasion"})

    assert (added.status_code, added.json) == (201, {"id": 2})
    assert (await fastapi_client.get("/api/v2/books")).json() == ["Emma", "Persuasion"]


async def test_what_fastapi_adds_flask_lists(flask_client, fastapi_client):
    added = await fastapi_client.post("/api/v2/books", json={"title": "Persuasion"})

    assert (added.status_code, added.json()) == (201, {"id": 2})
    assert flask_client.get("/api/books").json == ["Emma", "Persuasion"]


@pytest.mark.parametrize(("body", "status"), [({"title": "Emma"}, 409), ({"title": ""}, 422), ({}, 422)])
async def test_both_refuse_alike_and_leave_no_trace(flask_client, fastapi_client, sync_session, body, status):
    refused = flask_client.post("/api/books", json=body)
    also = await fastapi_client.post("/api/v2/books", json=body)

    assert refused.status_code == also.status_code == status
    assert [book.title for book in sync_session.query(Book)] == ["Emma"]


def test_so_do_servers_in_processes_of_their_own(live_flask, live_fastapi, sync_session):
    sync_session.add(Book(title="Persuasion"))
    sync_session.commit()
    httpx2.post(f"{live_flask.url}/api/books", json={"title": "Sanditon"}).raise_for_status()

    assert httpx2.get(f"{live_fastapi.url}/api/v2/books").json() == ["Emma", "Persuasion", "Sanditon"]
