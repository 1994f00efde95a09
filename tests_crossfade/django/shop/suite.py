"""Run by test_guest, once for each kind of database."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import httpx2
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from crossfade import urls
from crossfade.errors import RouterError

pytestmark = pytest.mark.django_db

AT = datetime.fromisoformat("2026-01-02T03:04:05.000006")


@pytest.fixture
def tea():
    from shop.models import Item

    return Item.objects.create(name="tea", at=AT, on=AT.date(), paid=True)


def names():
    from shop.models import Item

    return sorted(Item.objects.values_list("name", flat=True))


@pytest.mark.parametrize("turn", [1, 2])
def test_what_django_writes_fastapi_reads_and_the_next_test_starts_empty(tea, ask, turn):
    [(name, at, on, paid)] = ask("GET", "/items").json()
    # Django keeps moments with a zone on PostgreSQL.
    assert (name, at.removesuffix("Z"), on, paid) == ("tea", "2026-01-02T03:04:05.000006", "2026-01-02", True)


@pytest.mark.parametrize("turn", [1, 2])
def test_what_fastapi_commits_django_reads_and_the_next_test_starts_empty(ask, turn):
    from shop.models import Item

    assert ask("POST", "/items/coffee").status_code == 201

    coffee = Item.objects.get()
    assert (coffee.name, coffee.at, coffee.on, coffee.paid) == (
        "coffee",
        datetime.fromisoformat("2026-02-03T04:05:06.000007"),
        date(2026, 2, 3),
        True,
    )


def test_both_can_take_turns(tea, ask):
    from shop.models import Item

    ask("POST", "/items/coffee")
    Item.objects.filter(name="coffee").update(name="cocoa")
    ask("POST", "/items/milk")

    assert [row[0] for row in ask("GET", "/items").json()] == ["cocoa", "milk", "tea"]


def test_a_refused_request_undoes_its_own_work_alone(tea, ask):
    ask("POST", "/items/coffee")

    assert ask("POST", "/refused/milk").status_code == 422

    assert names() == ["coffee", "tea"]


def test_a_broken_constraint_costs_that_request_alone(tea, ask):
    assert ask("POST", "/items/tea").status_code == 409

    assert ask("POST", "/items/coffee").status_code == 201
    assert names() == ["coffee", "tea"]


def test_djangos_own_rollback_takes_what_fastapi_wrote_inside(tea, ask):
    from django.db import transaction

    with transaction.atomic():
        ask("POST", "/items/coffee")
        transaction.set_rollback(True)

    assert names() == ["tea"]
    assert len(ask("GET", "/items").json()) == 1


def test_requests_at_once_wait_for_each_other(tea, app):
    async def all_at_once(numbers):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await asyncio.gather(*(client.post(f"/items/{number}") for number in numbers))

    for numbers in (range(4), range(4, 9)):
        assert {response.status_code for response in asyncio.run(all_at_once(numbers))} == {201}

    assert names() == [*map(str, range(9)), "tea"]


def test_threads_wait_for_each_other(tea, app):
    from shop.web import add

    def put(number):
        with app.state.router.session("flask") as session:
            add(session, str(number))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put, range(8)))

    assert names() == [*map(str, range(8)), "tea"]


def test_sync_code_sees_the_same(tea, app):
    from shop.web import add, items

    with app.state.router.session("flask") as session:
        assert [item[0] for item in items(session)] == ["tea"]
        add(session, "coffee")

    assert names() == ["coffee", "tea"]


def test_engines_of_somebody_elses_see_the_same(tea, django_database):
    sqlite = django_database.url.drivername == "sqlite"
    options = django_database.engine_options("pysqlite" if sqlite else "psycopg")
    engine = create_engine(urls.sync_url(django_database.url), **options)
    with engine.begin() as connection:
        connection.execute(text("UPDATE shop_item SET name = 'coffee'"))
    engine.dispose()

    async def count():
        options = django_database.engine_options("aiosqlite" if sqlite else "psycopg_async")
        asynchronous = create_async_engine(urls.async_url(django_database.url), **options)
        async with asynchronous.connect() as connection:
            found = await connection.scalar(text("SELECT name FROM shop_item"))
        await asynchronous.dispose()
        return found

    assert asyncio.run(count()) == "coffee"
    assert names() == ["coffee"]


def test_what_others_tell_their_connections_hurts_nobody(tea, django_database):
    if django_database.url.drivername != "sqlite":
        told = ["SET statement_timeout = 5000"]
        options = django_database.engine_options("psycopg") | {"isolation_level": "SERIALIZABLE"}
    else:
        told = ["PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF", "PRAGMA foreign_keys=ON", "BEGIN IMMEDIATE"]
        options = django_database.engine_options("pysqlite")
    engine = create_engine(urls.sync_url(django_database.url), **options)

    with engine.connect() as connection:
        for statement in told:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("UPDATE shop_item SET name = 'coffee'")
        connection.rollback()
        connection.exec_driver_sql("UPDATE shop_item SET paid = false")
        connection.exec_driver_sql("COMMIT" if connection.dialect.name == "sqlite" else "SELECT 1")
        connection.commit()

    engine.dispose()
    tea.refresh_from_db()
    assert (tea.name, tea.paid) == ("tea", False)


async def test_an_async_test_sees_what_its_fixtures_wrote(tea, app):
    from shop.web import items

    async with app.state.router.async_session("fastapi") as session:
        assert [item[0] for item in await session.run_sync(items)] == ["tea"]


def test_a_reader_that_stays_open_undoes_nothing(app, ask, tea):
    from shop.web import items

    router = app.state.router
    session = router.session_factory("flask")()
    assert len(items(session)) == 1

    ask("POST", "/items/coffee")

    assert len(items(session)) == 2
    session.close()
    assert names() == ["coffee", "tea"]


def test_savepoints_of_a_guests_own_work(app):
    from shop.web import add

    with app.state.router.session("flask") as session:
        add(session, "coffee")
        nested = session.begin_nested()
        add(session, "milk")
        nested.rollback()

    assert names() == ["coffee"]


def test_a_rollback_that_would_undo_others_work_is_refused(app, ask):
    from shop.web import add

    session = app.state.router.session_factory("flask")()
    add(session, "coffee")
    ask("POST", "/items/milk")

    with pytest.raises(RouterError, match=r"Two transactions were open at once .* django_db\(transaction=True\)"):
        session.rollback()
    session.invalidate()


def test_a_write_of_djangos_is_not_undone_by_a_guest_either(app, tea):
    from shop.models import Item
    from shop.web import add

    session = app.state.router.session_factory("flask")()
    add(session, "coffee")
    Item.objects.create(name="milk", at=AT)

    with pytest.raises(RouterError, match="Two transactions were open at once"):
        session.rollback()
    session.invalidate()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_committed_rows_are_seen_without_a_guest(tea, ask, turn):
    assert [row[0] for row in ask("GET", "/items").json()] == ["tea"]
    assert ask("POST", "/items/coffee").status_code == 201
    assert names() == ["coffee", "tea"]


def test_after_committed_rows_the_next_plain_test_starts_empty(ask):
    assert (names(), ask("GET", "/items").json()) == ([], [])
