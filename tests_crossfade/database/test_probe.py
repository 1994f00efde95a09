"""Are two engines on one database?"""

import os

import pytest
from sqlalchemy import text

from crossfade.database import files, probe
from crossfade.errors import DifferentDatabasesError


async def same(engines, one, other):
    result = await probe.same_database(engines.sync_engine(one), engines.async_engine(other))
    await engines.adispose()
    return result


async def test_both_sides_of_a_route_are_on_one_database(engines, any_route):
    assert await same(engines, any_route, any_route)


async def test_both_sides_of_a_memory_route_are_too(engines, route):
    assert await same(engines, route(testing=True), route(testing=True))


async def test_the_probe_leaves_no_trace(engines, route):
    found = route(testing=True)
    with engines.sync_engine(found).connect() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 7")

        await probe.same_database(engines.sync_engine(found), engines.async_engine(found))

        assert connection.exec_driver_sql("PRAGMA user_version").scalar() == 7
    await engines.adispose()


async def test_two_memories_are_two(engines, route):
    assert not await same(engines, route("sqlite:///file:/a?vfs=memdb"), route("sqlite:///file:/b?vfs=memdb"))


async def test_two_files_are_two(engines, route, tmp_path):
    one, other = (route(f"sqlite:///{tmp_path}/{name}.db") for name in "ab")
    files.create(one)
    files.create(other)

    assert not await same(engines, one, other)


async def test_a_hard_link_is_the_same_file(engines, route, tmp_path):
    one, other = (route(f"sqlite:///{tmp_path}/{name}.db") for name in "ab")
    files.create(one)
    os.link(one.path, other.path)

    assert await same(engines, one, other)


async def test_a_file_and_a_memory_are_two(engines, route, tmp_path):
    one = route(f"sqlite:///{tmp_path}/a.db")
    files.create(one)

    assert not await same(engines, one, route(testing=True))


async def test_a_file_and_a_server_are_two(engines, route, empty, tmp_path):
    one = route(f"sqlite:///{tmp_path}/a.db")
    files.create(one)

    assert not await same(engines, one, route(empty))


async def test_two_databases_of_one_server_are_two(engines, route, empty, server):
    assert not await same(engines, route(empty), route(server.database("probed")))


async def test_two_spellings_of_a_server_are_one(engines, route, empty):
    assert await same(engines, route(empty), route(empty + "&application_name=other"))


async def test_a_difference_is_told_with_both_sources(engines, route):
    one, other = route("sqlite:///file:/a?vfs=memdb"), route("sqlite:///file:/b?vfs=memdb")

    with pytest.raises(DifferentDatabasesError) as caught:
        await probe.ensure_same(
            engines.sync_engine(one),
            engines.async_engine(other),
            source="conftest.py",
            async_source="routers/conftest.py",
        )

    for words in ("file:/a", "file:/b", "(conftest.py)", "(routers/conftest.py)"):
        assert words in str(caught.value)
    await engines.adispose()


async def test_one_database_is_no_difference(engines, any_route):
    await probe.ensure_same(
        engines.sync_engine(any_route), engines.async_engine(any_route), source="a", async_source="b"
    )
    await engines.adispose()


async def test_a_database_that_answers_is_reachable(engines, any_route):
    assert probe.reachable(engines.sync_engine(any_route))
    assert await probe.async_reachable(engines.async_engine(any_route))
    await engines.adispose()


async def test_an_engine_of_somebody_elses_may_be_asked_too(tmp_path):
    from sqlalchemy import create_engine
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_engine(f"sqlite:///{tmp_path}/no/x.db")
    async_engine = create_async_engine(f"postgresql+psycopg://u@/x?host={tmp_path}")

    assert "unable to open" in str(probe.reachable(engine).error)
    assert "No such file" in str((await probe.async_reachable(async_engine)).error)


def test_the_lock_is_given_back(engines, route, empty):
    import asyncio

    found = route(empty)

    async def ask():
        await probe.same_database(engines.sync_engine(found), engines.async_engine(found))
        await engines.adispose()

    asyncio.run(ask())
    with engines.sync_engine(found).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")) == 0
