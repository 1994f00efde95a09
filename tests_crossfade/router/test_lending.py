"""A session that is lent to code which would open its own."""

import asyncio
import inspect
import threading

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from crossfade.errors import LentElsewhereError, RouterError, SessionLentError

ADD = "INSERT INTO jobs VALUES ('{}')"


def add(router, name):
    """What a service call does: a unit of work of its own."""
    with router.session("flask") as session:
        session.execute(text(ADD.format(name)))
        return session


def add_badly(router):
    with router.session("flask") as session:
        session.execute(text(ADD.format("second")))
        session.execute(text("INSERT INTO jobs VALUES (NULL)"))


async def fail_async(router):
    async with router.async_session("fastapi") as session:
        await session.execute(text(ADD.format("b")))
        raise LookupError


async def add_async(router, name):
    async with router.async_session("fastapi") as session:
        await session.execute(text(ADD.format(name)))
        return session


def test_the_borrower_gets_the_lenders_session(router):
    with router.session_factory("flask")() as session, router.lend(session) as lent:
        assert lent is session
        assert add(router, "a") is session


def test_the_borrower_neither_commits_nor_closes(router, names):
    with router.session_factory("flask")() as session:
        with router.lend(session):
            add(router, "a")
        assert session.execute(text("SELECT count(*) FROM jobs")).scalar() == 1
        session.rollback()

    assert names(router) == []


def test_the_lender_commits(router, names):
    with router.session_factory("flask")() as session:
        with router.lend(session):
            add(router, "a")
        session.commit()

    assert names(router) == ["a"]


def test_a_borrower_that_fails_undoes_its_own_work_only(router, names):
    with router.session_factory("flask")() as session:
        session.execute(text(ADD.format("lender")))
        with router.lend(session):
            add(router, "first")
            with pytest.raises(IntegrityError):
                add_badly(router)
            add(router, "third")
        session.commit()

    assert names(router) == ["first", "lender", "third"]


def test_when_the_loan_ends_sessions_are_the_routers_again(router, names):
    with router.session_factory("flask")() as session:
        with router.lend(session):
            pass
        assert add(router, "a") is not session

    assert names(router) == ["a"]


def test_loans_are_nested(router):
    make = router.session_factory("flask")
    with make() as outer, make() as inner, router.lend(outer):
        with router.lend(inner):
            assert router.lent("flask") is inner
        assert router.lent("flask") is outer
    assert router.lent("flask") is None


def test_a_session_that_the_loan_makes_is_rolled_back_and_closed(router, names):
    with router.lend(router.session_factory("flask")) as session:
        add(router, "a")
        assert session.execute(text("SELECT count(*) FROM jobs")).scalar() == 1

    assert names(router) == []
    assert router.engine("flask").pool.checkedout() == 0


def test_a_function_is_decorated(router, names):
    @router.lend(router.session_factory("flask"))
    def check(name, *, twice):
        add(router, name)
        if twice:
            add(router, name)
        return names_inside(router)

    assert check("a", twice=True) == ["a", "a"]
    assert check("b", twice=False) == ["b"]
    assert names(router) == []
    assert list(inspect.signature(check).parameters) == ["name", "twice"]


def names_inside(router):
    with router.session("flask") as session:
        return session.execute(text("SELECT name FROM jobs")).scalars().all()


async def test_an_async_session_is_lent_too(router, names):
    async with router.async_session_factory("fastapi")() as session:
        with router.lend(session):
            assert await add_async(router, "a") is session
            with pytest.raises(LookupError):
                await fail_async(router)
        await session.commit()

    assert names(router) == ["a"]
    await router.adispose()


async def test_an_async_session_that_the_loan_makes_is_closed(router, names):
    async with router.lend(router.async_session_factory("fastapi")):
        await add_async(router, "a")

    assert names(router) == []
    assert router.async_engine("fastapi").pool.checkedout() == 0
    await router.adispose()


async def test_an_async_function_is_decorated(router, names):
    @router.lend(router.async_session_factory("fastapi"))
    async def check():
        return isinstance(await add_async(router, "a"), AsyncSession)

    assert await check()
    assert names(router) == []
    await router.adispose()


async def test_a_sync_session_may_be_lent_in_an_async_block(router, names):
    async with router.lend(router.session_factory("flask")) as session:
        assert add(router, "a") is session

    assert names(router) == []


async def test_tasks_of_the_lender_have_the_loan(router):
    with router.session_factory("flask")() as session, router.lend(session):

        async def task():
            return router.lent("flask")

        assert await asyncio.create_task(task()) is session


def test_a_thread_started_by_hand_has_not(router):
    seen = []
    with router.session_factory("flask")() as session, router.lend(session):
        thread = threading.Thread(target=lambda: seen.append(router.lent("flask")))
        thread.start()
        thread.join()

    assert seen == [None]


async def test_an_async_session_is_refused_while_a_sync_one_is_lent(router):
    message = "An async session was asked for while a sync one is lent"
    with router.lend(router.session_factory("flask")), pytest.raises(SessionLentError, match=message):
        await add_async(router, "a")


async def test_a_sync_session_is_refused_while_an_async_one_is_lent(router):
    async with router.async_session_factory("fastapi")() as session:
        with router.lend(session), pytest.raises(SessionLentError, match="A sync session was asked for"):
            add(router, "a")


def test_a_session_on_another_database_is_refused(router, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/elsewhere.db")

    with Session(engine) as session, router.lend(session), pytest.raises(LentElsewhereError) as caught:
        add(router, "a")

    assert "elsewhere.db" in str(caught.value)
    assert "app.db" in str(caught.value)
    engine.dispose()


def test_a_session_on_a_connection_may_be_lent(router, names):
    with router.engine("flask").connect() as connection:
        with Session(connection) as session, router.lend(session):
            add(router, "a")
        connection.rollback()

    assert names(router) == []


def test_a_session_that_chooses_by_table_may_be_lent(router):
    with Session(binds={}) as session, router.lend(session):
        assert router.lent("flask") is session


async def test_a_sync_block_does_not_make_async_sessions(router):
    with pytest.raises(RouterError, match="async with"), router.lend(router.async_session_factory("fastapi")):
        pass

    assert router.lent("fastapi") is None


def test_a_loan_is_in_force_once(router):
    loan = router.lend(router.session_factory("flask"))

    with loan, pytest.raises(RouterError, match="in force already"), loan:
        pass
    with pytest.raises(RouterError, match="not in force"):
        loan.__exit__(None, None, None)
