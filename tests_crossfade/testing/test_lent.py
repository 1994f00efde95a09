"""An application's lifespan begins and ends with each test that uses its client; the connections outlive it."""

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from crossfade.fastapi import lifespan
from crossfade.settings import Settings
from crossfade.testing.databases import LentRouter


@pytest.mark.parametrize(
    ("driver", "kept"), [("sqlite", 1), ("postgresql", 1), pytest.param("postgresql+asyncpg", 0, id="of this loop")]
)
async def test_what_another_loop_can_use_stays_when_a_lifespan_ends(driver, kept, request, tmp_path) -> None:
    if driver == "sqlite":
        url = f"sqlite:///{tmp_path}/lent_test.db"
    else:
        on_server = request.getfixturevalue("server").database("lent_test").set(drivername=driver)
        url = on_server.render_as_string(hide_password=False)
    router = LentRouter(Settings.load(root=tmp_path, environ={"TESTING": "true", "FASTAPI_TEST_DATABASE_URL": url}))
    engine = router.async_engine("fastapi")

    async with lifespan(router)(FastAPI()), engine.connect() as connection:
        await connection.execute(text("SELECT 1"))

    assert engine.pool.checkedin() == kept
    router.dispose()
    assert engine.pool.checkedin() == 0
