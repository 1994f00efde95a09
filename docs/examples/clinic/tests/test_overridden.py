"""Way 3: the endpoint is given the test's own async session; its outer transaction is never committed."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

import records
from clinic.web import database


@pytest.fixture
def client(crossfade_fastapi_app, fastapi_client, one_session):
    # The override ends with the test: the fixture of the application sees to it.
    crossfade_fastapi_app.dependency_overrides[database] = lambda: one_session
    return fastapi_client


async def test_an_endpoint_sees_them(one_session, client, time):
    treated = await one_session.run_sync(records.treatment)
    await one_session.commit()

    await records.check(client, *treated)


@pytest.fixture
async def one_session(crossfade_router):
    async with crossfade_router.async_engine("fastapi").connect() as connection:
        if connection.dialect.name == "sqlite":
            # The driver begins by itself before the first write only, and a savepoint would be the transaction.
            await connection.exec_driver_sql("BEGIN")
        async with AsyncSession(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        ) as session:
            yield session
        await connection.rollback()
