"""FastAPI's part on its own schema. These tests stay when Django goes, and don't notice."""

import pytest
from sqlalchemy import inspect

AUTH = {"user", "group", "permission", "group_permissions", "user_groups", "user_user_permissions"}


async def test_what_is_added_is_listed(fastapi_client):
    context = {"name": "tone", "text": "Be brief.", "author": "ada"}

    added = await fastapi_client.post("/contexts", json=context)

    assert added.status_code == 201
    assert (await fastapi_client.get("/contexts")).json() == [context]


@pytest.mark.parametrize(("change", "status"), [({"author": "eve"}, 422), ({"name": ""}, 422), ({}, 409)])
async def test_what_is_refused_leaves_no_trace(fastapi_client, change, status):
    context = {"name": "tone", "text": "Be brief.", "author": "ada"}
    await fastapi_client.post("/contexts", json=context)

    refused = await fastapi_client.post("/contexts", json=context | change)

    assert refused.status_code == status
    assert (await fastapi_client.get("/contexts")).json() == [context]


def test_the_baseline_has_users_and_their_companions(sync_session):
    assert set(inspect(sync_session.connection()).get_table_names()) >= {f"auth_{name}" for name in AUTH}


def test_django_is_not_needed(no_django):
    no_django("contexts")
