"""Async connections that outlive an event loop."""

import asyncio

import pytest
from sqlalchemy import text

from crossfade.database.dialects import MOST

CROWD = MOST + 2


@pytest.fixture(params=["sqlite", "psycopg"])
def engine(request, engines, route, tmp_path):
    """An async engine whose connections no loop has for itself."""
    if request.param == "sqlite":
        (tmp_path / "app.db").touch()
        return engines.async_engine(route(f"sqlite:///{tmp_path}/app.db"))
    return engines.async_engine(route(request.getfixturevalue("empty")))


async def a_crowd_uses(engine):
    """More at once than there are connections; the last ones have to wait for the first."""
    full = asyncio.Barrier(MOST)

    async def one(number):
        async with engine.connect() as connection:
            if number < MOST:
                await full.wait()
            return await connection.scalar(text("SELECT 1"))

    return await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(CROWD))), 60)


def test_whoever_waits_for_a_connection_gets_it_in_each_loop(engine):
    assert [asyncio.run(a_crowd_uses(engine)) for _ in range(3)] == [[1] * CROWD] * 3


def test_connections_are_kept_from_one_loop_to_the_next(engine):
    asyncio.run(a_crowd_uses(engine))
    kept = engine.pool.checkedin()

    asyncio.run(a_crowd_uses(engine))

    assert (kept > 0, engine.pool.checkedin()) == (True, kept)
