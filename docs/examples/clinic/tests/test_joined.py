"""Way 2: one transaction under the sync session and the endpoint's; nothing is ever committed."""

import pytest

import records


@pytest.fixture
def treated(sync_session):
    ids = records.treatment(sync_session)
    sync_session.commit()
    return ids


@pytest.mark.crossfade(isolation="joint")
async def test_an_endpoint_sees_them(treated, fastapi_client, time):
    await records.check(fastapi_client, *treated)
