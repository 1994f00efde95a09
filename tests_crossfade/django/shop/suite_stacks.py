"""The plugin's own fixtures beside Django's; run by test_guest, once for each kind of database."""

from datetime import datetime

import pytest
from sqlalchemy import select

AT = datetime.fromisoformat("2026-01-02T03:04:05.000006")


@pytest.fixture
def tea(db):
    from shop.models import Item

    return Item.objects.create(name="tea", at=AT, on=AT.date(), paid=True)


@pytest.mark.parametrize("turn", [1, 2])
def test_a_session_is_on_djangos_database(tea, sync_session, turn):
    from shop.models import Item
    from shop.web import Item as Row
    from shop.web import add

    assert sync_session.scalars(select(Row.name)).all() == ["tea"]
    add(sync_session, "coffee")
    sync_session.commit()

    assert sorted(Item.objects.values_list("name", flat=True)) == ["coffee", "tea"]


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.django_db
async def test_so_are_an_async_session_and_a_client(tea, async_session, fastapi_client, turn):
    from shop.web import add

    await async_session.run_sync(add, "coffee")
    await async_session.commit()
    assert (await fastapi_client.post("/items/milk")).status_code == 201

    assert [row[0] for row in (await fastapi_client.get("/items")).json()] == ["coffee", "milk", "tea"]


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.django_db(transaction=True)
async def test_and_where_django_commits(transactional_db, tea, fastapi_client, turn):
    assert (await fastapi_client.post("/items/milk")).status_code == 201

    assert [row[0] for row in (await fastapi_client.get("/items")).json()] == ["milk", "tea"]


@pytest.mark.parametrize("turn", [1, 2])
async def test_a_test_without_django_has_the_plugins_database(fastapi_client, turn):
    assert (await fastapi_client.post("/items/milk")).status_code == 201

    assert [row[0] for row in (await fastapi_client.get("/items")).json()] == ["milk"]
