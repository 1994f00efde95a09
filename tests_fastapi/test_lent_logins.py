"""A login that fails inside a lent session: the borrower neither commits nor closes it."""

import httpx2
from sqlalchemy import select
from sqlalchemy.orm import Session

from cronjobs.fastapi_app import create_app
from cronjobs.models import LoginAttempts
from cronjobs.testing.worlds import PASSWORD, Person
from crossfade import clock
from crossfade.router import Router


async def test_a_login_that_fails_in_a_lent_session_is_refused_and_leaves_the_lenders_work(
    session: Session, router: Router, editor: Person
) -> None:
    transport = httpx2.ASGITransport(app=create_app(router=router))

    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://test/api/v2") as client,
        router.async_session_factory("fastapi")() as lent,
    ):
        async with router.lend(lent):
            lent.add(LoginAttempts(key="the lender's", failures=1, since=clock.naive_utc()))
            await lent.flush()
            statuses = [
                (await client.post("/auth/login", json={"username": editor.username, "password": password})).status_code
                for password in ("not it", PASSWORD)
            ]
            seen = (await lent.scalars(select(LoginAttempts.key))).all()
        await lent.rollback()
    await router.adispose()

    assert (statuses, seen) == ([401, 200], ["the lender's"])
    session.rollback()
    assert session.scalars(select(LoginAttempts)).all() == []
