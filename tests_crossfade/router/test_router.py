"""The object that everybody asks."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from crossfade.errors import (
    DatabaseInUseError,
    EngineRetiredError,
    NotConfiguredError,
    OverrideOrderError,
    PrivateMemoryError,
)
from crossfade.router import Router
from crossfade.settings import Settings

ADD = "INSERT INTO jobs VALUES ('{}')"


def test_making_a_router_opens_nothing(tmp_path):
    router = Router(Settings(root=tmp_path, database_url="postgresql://u@nowhere.invalid/x"))

    assert router.route("flask").url.host == "nowhere.invalid"
    assert router.settings.root == tmp_path


@pytest.mark.parametrize("stack", ["flask", "fastapi"])
def test_the_same_engine_is_given_on_each_call(router, stack):
    assert router.engine(stack) is router.engine(stack)
    assert router.async_engine(stack) is router.async_engine(stack)
    assert isinstance(router.async_engine(stack), AsyncEngine)


def test_stacks_that_share_have_one_engine(router):
    assert router.engine("flask") is router.engine("fastapi")


def test_separate_stacks_have_two(settings, tmp_path):
    router = Router(settings(fastapi_database_url=f"sqlite:///{tmp_path}/other.db"))

    assert router.engine("flask") is not router.engine("fastapi")
    assert router.engine("fastapi").url.database == f"{tmp_path}/other.db"
    assert router.async_engine("fastapi").url.database == f"{tmp_path}/other.db"


@pytest.mark.parametrize(
    "ask",
    [
        lambda router: router.engine("flask"),
        lambda router: router.async_engine("fastapi"),
        lambda router: router.session_factory("flask")(),
        lambda router: router.session("flask").__enter__(),
        lambda router: router.routes,
        lambda router: router.route("flask"),
        lambda router: router.settings,
    ],
    ids=["engine", "async engine", "factory", "session", "routes", "route", "settings"],
)
def test_a_router_that_is_not_configured_says_so_and_has_no_default(ask):
    with pytest.raises(NotConfiguredError, match=r"router\.configure\(settings\)"):
        ask(Router.unconfigured())


async def test_a_router_that_is_not_configured_has_nothing_to_dispose():
    router = Router.unconfigured()

    router.dispose()
    await router.adispose()


def test_a_router_is_configured_later(settings):
    router = Router.unconfigured(name="scheduler")
    factory = router.session_factory("flask")

    router.configure(settings())

    with factory() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    router.dispose()


# The three errors of the known trap.


def test_an_engine_cached_before_the_configuration_does_not_reach_the_old_database(router, settings):
    """A module kept the engine; after configure() it would have gone on writing to the old database."""
    engine = router.engine("flask")
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))

    router.configure(settings("new"))

    with pytest.raises(EngineRetiredError, match=__file__):
        engine.connect()


def test_a_factory_cached_before_the_configuration_follows_it(router, settings, names):
    factory = router.session_factory("flask")

    router.configure(settings("new"))
    with factory.begin() as session:
        session.execute(text(ADD.format("a")))

    assert names(router) == ["a"]
    assert router.engine("flask").url.database.endswith("new.db")


async def test_there_is_no_half_a_reset(router, settings, names):
    """One side was reset, the other not: the endpoint wrote to one database, the test looked into another."""
    with router.session("flask") as session:
        session.execute(text(ADD.format("old")))
    async with router.async_session("fastapi") as session:
        await session.execute(text("SELECT 1"))

    router.configure(settings("new"))
    async with router.async_session("fastapi") as session:
        await session.execute(text(ADD.format("new")))

    assert names(router, "flask") == names(router, "fastapi") == ["new"]
    assert router.async_engine("flask").url.database == router.engine("fastapi").url.database
    await router.adispose()


def test_a_reset_under_an_open_session_is_refused(router, settings, names):
    """The configuration changed under a session; its commit went to a database that nobody asked any more."""
    with router.session("flask") as session:
        session.execute(text(ADD.format("a")))
        with pytest.raises(DatabaseInUseError) as caught:
            router.configure(settings("new"))

    assert "1 connection(s) are in use" in str(caught.value)
    assert f"{__file__}:" in str(caught.value)
    assert router.engine("flask").url.database.endswith("app.db")
    assert names(router) == ["a"]


def test_settings_that_are_wrong_leave_the_old_ones_in_force(router, tmp_path):
    engine = router.engine("flask")

    with pytest.raises(PrivateMemoryError):
        router.configure(Settings(root=tmp_path, database_url="sqlite://"))

    assert router.engine("flask") is engine
    engine.connect().close()


def test_an_override_holds_for_its_block(router, settings, names):
    outer = router.engine("flask")

    with router.override(settings("inner")) as same:
        assert same is router
        inner = router.engine("flask")
        with router.session("flask") as session:
            session.execute(text(ADD.format("a")))
        assert names(router) == ["a"]

    assert router.engine("flask") is outer
    assert names(router) == []
    with pytest.raises(EngineRetiredError):
        inner.connect()


def test_an_override_is_seen_by_every_thread(router, settings):
    seen = []
    with router.override(settings("inner")):
        thread = threading.Thread(target=lambda: seen.append(router.route("flask").url.database))
        thread.start()
        thread.join()

    assert seen[0].endswith("inner.db")


def test_overrides_are_nested(router, settings):
    with router.override(settings("one")):
        with router.override(settings("two")):
            assert router.engine("flask").url.database.endswith("two.db")
        assert router.engine("flask").url.database.endswith("one.db")
    assert router.engine("flask").url.database.endswith("app.db")


def test_an_override_of_nothing_ends_in_nothing(settings):
    router = Router.unconfigured()

    with router.override(settings()):
        router.engine("flask").connect().close()

    with pytest.raises(NotConfiguredError):
        router.engine("flask")


def test_overrides_that_are_left_in_the_wrong_order_are_an_error(router, settings):
    one, two = router.override(settings("one")), router.override(settings("two"))
    one.__enter__()
    two.__enter__()

    with pytest.raises(OverrideOrderError, match=__file__):
        one.__exit__(None, None, None)
    two.__exit__(None, None, None)

    assert router.engine("flask").url.database.endswith("one.db")


def test_an_override_under_an_open_session_is_refused(router, settings):
    with router.session("flask") as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(DatabaseInUseError), router.override(settings("inner")):
            pass

    assert router.engine("flask").url.database.endswith("app.db")


def test_an_override_that_leaves_a_connection_open_says_so_and_ends(router, settings):
    with pytest.raises(DatabaseInUseError, match=r"inner\.db"), router.override(settings("inner")):
        connection = router.engine("flask").connect()

    assert router.engine("flask").url.database.endswith("app.db")
    connection.close()


def test_an_error_inside_an_override_is_the_one_that_arrives(router, settings):
    def fail():
        with router.override(settings("inner")):
            opened.append(router.engine("flask").connect())
            raise LookupError

    opened = []

    with pytest.raises(LookupError):
        fail()

    assert router.engine("flask").url.database.endswith("app.db")
    opened[0].close()


def test_a_unit_of_work_is_committed_when_it_succeeds(router, names):
    with router.session("flask") as session:
        session.execute(text(ADD.format("a")))

    assert names(router) == ["a"]


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
def test_a_unit_of_work_that_fails_leaves_no_trace(router, names, error):
    def work():
        with router.session("flask") as session:
            session.execute(text(ADD.format("a")))
            raise error

    with pytest.raises(error):
        work()

    assert names(router) == []


async def test_so_it_is_on_the_async_side(router, names):
    async def fail():
        async with router.async_session("fastapi") as session:
            await session.execute(text(ADD.format("b")))
            raise LookupError

    async with router.async_session("fastapi") as session:
        await session.execute(text(ADD.format("a")))
    with pytest.raises(LookupError):
        await fail()

    assert names(router) == ["a"]
    await router.adispose()


def test_a_thread_has_sessions_of_its_own(router, names):
    def work():
        with router.session("flask") as session:
            session.execute(text(ADD.format("a")))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert names(router) == ["a"]


def test_under_tests_the_routes_are_the_tests(settings):
    router = Router(settings(testing=True))

    assert router.routes.mode == "test"
    with router.session("flask") as session:
        session.execute(text("CREATE TABLE t (a INTEGER)"))
    router.dispose()


async def test_disposing_closes_and_the_router_goes_on(router):
    with router.session("flask") as session:
        session.execute(text("SELECT 1"))
    async with router.async_session("flask") as session:
        await session.execute(text("SELECT 1"))

    await router.adispose()

    assert router.engine("flask").pool.checkedin() == 0
    assert router.async_engine("flask").pool.checkedin() == 0
    with router.session("flask") as session:
        session.execute(text("SELECT 1"))
