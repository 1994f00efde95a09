"""Copies that are killed, again and again, while their source moves on: the end is as if nothing had happened."""

import os
import signal
import time

import psycopg
import pytest

DIRECTIONS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "sqlite")]
_OPTIONS = {"batch": 40, "jobs": 2, "verify": False}
_ROWS = 200
_KILLS = 26
_KILLS_OF_ONE = 4
_CRASHES = 6
_MERGES = 8
_PATIENCE = 60


def undisturbed(copies, source, empty, **options):
    """The target of a copy that runs to its end, and how many seconds it takes: within these, others are killed.

    Not within the length of a rest: of copies that are killed before they did anything, none would ever end.
    """
    # The first prepares what the others then have.
    for apart in (False, True):
        target = empty()
        began = time.monotonic()
        assert copies.whole(source, target, apart=apart, **_OPTIONS | options) == 0, copies.complaints
    return target, time.monotonic() - began


def over(shop, target):
    """Whether the newest copy came to its end, though its process was killed a moment later."""
    with shop.opened(target) as connection:
        if target.startswith("postgresql"):
            # What the process has sent, the server may still do.
            others = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            deadline = time.monotonic() + _PATIENCE
            while shop.run(connection, others) != [(0,)]:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        try:
            states = shop.run(connection, "SELECT state FROM crossfade_copy")
        except (connection.OperationalError, connection.ProgrammingError):
            return False
    return states == [("ended",)]


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_a_copy_that_is_killed_anywhere_ends_as_an_undisturbed_one(
    source_engine, target_engine, database, shop, copies, chance
):
    source = database(source_engine)
    shop.fill(source, many=_ROWS)
    whole, length = undisturbed(copies, source, lambda: database(target_engine))

    kills = 0
    while kills < _KILLS:
        target = database(target_engine)
        for _ in range(_KILLS_OF_ONE):
            if not copies.killed(source, target, length * chance.random(), **_OPTIONS):
                assert copies.last == 0, copies.complaints
                break
            kills += 1
            if over(shop, target):
                break
            shop.move_on(source, chance)
        else:
            assert copies.whole(source, target, **_OPTIONS) == 0, copies.complaints

        assert shop.rows(target) == shop.rows(source)
        assert shop.definitions(target) == shop.definitions(whole)
        assert shop.next_order(target) >= shop.next_order(source)


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS[:3])
def test_a_copy_goes_on_after_a_crash_of_the_server(
    source_engine, target_engine, database, shop, copies, chance, shop_server
):
    source = database(source_engine)
    shop.fill(source, many=_ROWS)
    whole, length = undisturbed(copies, source, lambda: database(target_engine))

    crashes = 0
    while crashes < _CRASHES:
        target = database(target_engine)
        served = target if target_engine == "postgresql" else source
        for _ in range(3):
            copies.begin(source, target, **_OPTIONS)
            time.sleep(length * chance.random())
            crashes += crash(shop_server, served)
            assert copies.ended() in {0, 3}, copies.complaints
            back(served)
            if over(shop, target):
                break
            shop.move_on(source, chance)
        else:
            assert copies.whole(source, target, **_OPTIONS) == 0, copies.complaints

        assert shop.rows(target) == shop.rows(source)
        assert shop.definitions(target) == shop.definitions(whole)


def crash(server, url):
    """Kills a process of the server that works on this database, which makes it end all others and recover."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server.url.render_as_string(hide_password=False), autocommit=True) as connection:
        asked = "SELECT pid FROM pg_stat_activity WHERE datname = %s LIMIT 1"
        found = connection.execute(asked, (name,)).fetchone()
        if found is None:
            return False
        try:
            os.kill(found[0], signal.SIGKILL)
        except ProcessLookupError:
            return False
        # This connection ends with all others, when the server has noticed.
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                connection.execute("SELECT 1")
            except psycopg.OperationalError:
                return True
            time.sleep(0.01)
    raise AssertionError("the server doesn't notice that one of its processes was killed")


def back(url):
    """Waits until the server answers again."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_a_merge_that_is_killed_anywhere_happened_or_did_not(
    source_engine, target_engine, database, shop, copies, chance
):
    source = database(source_engine)
    shop.fill(source, many=_ROWS)
    with shop.opened(source) as connection:
        shop.run(connection, "DELETE FROM visits")

    def occupied():
        target = database(target_engine)
        with shop.opened(target) as connection:
            shop.own(connection)
            shop.run(connection, "INSERT INTO accounts VALUES (3, 5), (99, 7)")
        return target

    merged, length = undisturbed(copies, source, occupied, policy="skip")
    target = occupied()
    before = shop.rows(target)
    after = shop.rows(merged)

    kills = 0
    while kills < _MERGES:
        if copies.killed(source, target, length * chance.random(), **_OPTIONS, policy="skip"):
            kills += 1
        if (now := shop.rows(target)) != before:
            assert now == after
            assert shop.definitions(target) == shop.definitions(merged)
            target = occupied()
