"""Way 1: the rows are committed, so every session, thread and server sees them; afterwards they are put back."""

import pytest

import records


@pytest.fixture
def treated(sync_session):
    ids = records.treatment(sync_session)
    sync_session.commit()
    return ids


async def test_an_endpoint_sees_them(treated, fastapi_client, time):
    await records.check(fastapi_client, *treated)
