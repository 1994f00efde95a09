"""A copy from one end to the other, in each direction, and what keeps it from beginning."""

from contextlib import contextmanager
from itertools import islice
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import Session

from cronjobs.models import Job, JobCategory, JobExecution, Notification, User, metadata
from crossfade import clock
from crossfade.errors import CopyUndoneError, KeylessError, MergeFailedError, NotReadyError
from crossfade.transfer import joining, writers
from crossfade.transfer.marks import LOCAL
from crossfade.transfer.reports import Silence

DIRECTIONS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "sqlite")]
_MANY = 300


def engine_of(url):
    return create_engine(make_url(url).set(drivername="sqlite" if "sqlite" in url else "postgresql+psycopg"))


@pytest.fixture
def application(empty):
    """Makes a database with our own tables, with rows or without."""

    def make(kind, *, rows=False):
        url = empty(kind)
        engine = engine_of(url)
        metadata.create_all(engine)
        if rows:
            with Session(engine) as session, session.begin():
                _fill(session)
        engine.dispose()
        return url

    return make


def _fill(session):
    now = clock.naive_utc()
    users = [User(username=f"u{n}", email=f"u{n}@example.org", password_hash="x", role="user") for n in range(3)]
    session.add_all([*users, JobCategory(slug="general", name="General")])
    session.flush()
    jobs = [Job(name=f"job {n}", cron_expression="0 * * * *", created_by=users[n % 3].id) for n in range(10)]
    session.add_all(jobs)
    session.flush()
    runs = [
        JobExecution(
            job_id=jobs[n % 10].id,
            status="success",
            trigger_type="manual",
            started_at=now,
            duration_seconds=n / 7,
            output="" if n % 3 else 'a "line"\n\tand\\ 🐎',
        )
        for n in range(_MANY)
    ]
    session.add_all(runs)
    session.flush()
    session.add_all(
        Notification(user_id=users[0].id, title="t", message="m", type="info", related_execution_id=one.id)
        for one in runs[:20]
    )


def everything(url):
    engine = engine_of(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(table.select())))
            for table in metadata.tables.values()
            if not table.info.get(LOCAL)
        }
    engine.dispose()
    return found


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_our_own_tables_are_copied_and_proved(source_engine, target_engine, application, shop, carry):
    source, target = application(source_engine, rows=True), application(target_engine)
    told = []

    class Watch(Silence):
        def began(self, phase, table, rows):
            told.append((phase, table, rows))

    report = carry(source, target, metadata=metadata, batch=50, jobs=2, listener=Watch())

    assert report.ok
    assert report.verified.ok
    assert ("copy", "job_executions", _MANY) in told
    counts = {one.table: (one.rows, one.inserted) for one in report.tables if one.rows}
    assert counts["job_executions"] == (_MANY, _MANY)
    assert everything(target) == everything(source)
    assert shop.definitions(target) == shop.definitions(application(target_engine))


@pytest.mark.parametrize(("source_encoding", "refused"), [("UTF8", True), ("LATIN1", False)])
def test_a_target_that_has_no_place_for_every_text_is_refused(
    source_encoding, refused, empty, shop_server, shop, carry
):
    def encoded(name, encoding):
        shop_server.database(name)
        with shop.opened(empty("postgresql")) as connection:
            connection.execute(f"DROP DATABASE {name}")
            connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
        return shop.make(shop_server.url.set(database=name).render_as_string(hide_password=False))

    source, target = encoded("texts_source", source_encoding), encoded("texts_target", "LATIN1")
    with shop.opened(source) as connection:
        shop.run(connection, "INSERT INTO visits VALUES ('2026-01-01', ?)", "été")

    if refused:
        with pytest.raises(NotReadyError, match="keeps texts as LATIN1"):
            carry(source, target)
    else:
        assert carry(source, target).ok
        assert shop.rows(target) == shop.rows(source)


def test_a_target_behind_a_pooler_is_refused(database, end):
    target = end("target", database("postgresql"))

    class Pooled:
        """A connection of a pooler: who answers isn't who was asked for."""

        info = SimpleNamespace(backend_pid=0)

        def __init__(self, connection):
            self._connection = connection

        def execute(self, *statement):
            return self._connection.execute(*statement)

    with (
        target.connection() as connection,
        pytest.raises(NotReadyError, match="through a pooler"),
        writers.alone(target, Pooled(connection)),
    ):
        raise AssertionError("it has the right to write")


def test_a_hand_over_that_fails_leaves_nothing_and_says_so(database, shop, carry):
    source, target = database("sqlite"), database("sqlite")
    shop.fill(source, many=30)
    with shop.opened(target) as connection:
        shop.run(
            connection,
            "CREATE TRIGGER no BEFORE INSERT ON orders WHEN new.id = 20 BEGIN SELECT RAISE(ABORT, 'full'); END",
        )

    with pytest.raises(CopyUndoneError, match=r"full\. Nothing was copied"):
        carry(source, target)

    assert not any(shop.rows(target).values())


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_merge_that_lost_a_row_on_the_way_changes_nothing(engine, database, shop, carry, monkeypatch):
    source, target = database("postgresql"), database(engine)
    shop.fill(source, many=30)
    with shop.opened(target) as connection:
        shop.run(connection, "INSERT INTO accounts VALUES (3, 5), (99, 7)")
    before = shop.rows(target)
    whole = joining.batches

    @contextmanager
    def cut(*arguments, **options):
        with whole(*arguments, **options) as arriving:
            yield islice(arriving, 2)

    monkeypatch.setattr(joining, "batches", cut)
    with pytest.raises(MergeFailedError, match="6 rows came, but the picture of the source has 10"):
        carry(source, target, tables=["accounts"], policy="skip", batch=3, verify=False)

    assert shop.rows(target) == before


def test_a_copy_of_a_database_to_itself_changes_nothing(database, shop, carry):
    url = database("sqlite")
    shop.fill(url, many=10)

    report = carry(url, url)

    assert report.shared
    assert report.ok


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_a_dry_run_changes_nothing_and_says_what_would_be(source_engine, target_engine, database, shop, carry):
    source, target = database(source_engine), database(target_engine)
    shop.fill(source, many=30)
    before = shop.definitions(target)

    report = carry(source, target, dry_run=True)

    assert report.ok
    assert next(one.rows for one in report.tables if one.table == "orders") == 30
    assert not any(shop.rows(target).values())
    assert shop.definitions(target) == before
    with shop.opened(target) as connection, pytest.raises((connection.OperationalError, connection.ProgrammingError)):
        shop.run(connection, "SELECT * FROM crossfade_copy")


def test_values_that_the_target_cannot_hold_stop_the_copy_before_it_begins(database, shop, carry):
    source, target = database("sqlite"), database("postgresql")
    shop.fill(source, many=30)
    _spoil(shop, source)

    report = carry(source, target)

    assert not report.ok
    assert report.stopped
    assert [(one.table, one.column, dict(one.key)) for one in report.bad_values] == [("orders", "amount", {"id": "7"})]
    assert not any(shop.rows(target).values())


def test_rows_with_such_values_are_put_aside_with_those_that_refer_to_them(database, shop, carry):
    source, target = database("sqlite"), database("postgresql")
    shop.fill(source, many=30)
    _spoil(shop, source)

    report = carry(source, target, bad_values="quarantine")

    assert report.ok
    left = {7} | {row[0] for row in shop.rows(source)["orders"] if row[2] == 7}
    there = {row[0] for row in shop.rows(target)["orders"]}
    assert there == set(range(1, 31)) - left
    quarantined = {one.table: one.quarantined for one in report.tables if one.quarantined}
    assert quarantined["orders"] == len(left)
    with shop.opened(target) as connection:
        kept = dict(shop.run(connection, "SELECT table_name, count(*) FROM crossfade_quarantine GROUP BY 1"))
    assert kept == quarantined


def _spoil(shop, url):
    with shop.opened(url) as connection:
        shop.run(connection, "UPDATE orders SET replaces = NULL WHERE id = 7")
        shop.run(connection, "UPDATE orders SET amount = 'many' WHERE id = 7")


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_rows_that_meet_others_stop_a_copy_and_are_settled_by_a_policy(
    source_engine, target_engine, database, shop, carry
):
    source, target = database(source_engine), database(target_engine)
    shop.fill(source, many=30)
    with shop.opened(source) as connection:
        shop.run(connection, "DELETE FROM visits")
    with shop.opened(target) as connection:
        shop.run(connection, "INSERT INTO accounts VALUES (3, 5), (99, 7)")
    before = shop.rows(target)

    refused = carry(source, target)
    skipped = carry(source, target, policy="skip", dry_run=True)

    assert not refused.ok
    assert refused.conflicting_rows == 1
    assert [(one.table, one.columns) for one in refused.conflicts] == [("accounts", ("money",))]
    assert skipped.ok
    assert shop.rows(target) == before

    report = carry(source, target, policy="update")

    assert report.ok
    accounts = next(one for one in report.tables if one.table == "accounts")
    assert (accounts.inserted, accounts.updated) == (9, 1)
    there, here = shop.rows(target), shop.rows(source)
    assert there["accounts"] == sorted([*here["accounts"], (99, 7)], key=repr)
    assert there | {"accounts": []} == here | {"accounts": []}
    assert shop.definitions(target) == shop.definitions(database(target_engine))


@pytest.mark.parametrize("target_engine", ["sqlite", "postgresql"])
def test_a_row_under_another_key_is_taken_for_the_same_and_what_follows_refers_to_it(
    target_engine, database, shop, carry
):
    source, target = database("sqlite"), database(target_engine)
    shop.fill(source, many=30)
    with shop.opened(source) as connection:
        shop.run(connection, "DELETE FROM visits")
        [(their_id, name, email)] = shop.run(connection, "SELECT id, name, email FROM customers WHERE name = 'name 1'")
        theirs = shop.run(connection, "SELECT count(*) FROM orders WHERE customer_id = ?", their_id)
    with shop.opened(target) as connection:
        shop.own(connection)
        shop.run(connection, "UPDATE customers SET name = ?, email = ?", name, email)

    assert not carry(source, target, policy="skip").ok
    report = carry(source, target, policy="skip", remap=True)

    assert report.ok
    assert {one.table: one.merged for one in report.tables if one.merged} == {"customers": 1}
    with shop.opened(target) as connection:
        assert shop.run(connection, "SELECT count(*) FROM orders WHERE customer_id = 'mine'") == theirs
        assert shop.run(connection, "SELECT count(*) FROM customers WHERE id = ?", their_id) == [(0,)]
    assert len(shop.rows(target)["orders"]) == 30


def test_rows_that_nothing_tells_apart_are_not_merged(database, shop, carry):
    source, target = database("sqlite"), database("postgresql")
    shop.fill(source, many=20)
    with shop.opened(target) as connection:
        shop.run(connection, "INSERT INTO visits VALUES ('2026-01-01 00:00:00', 'mine')")

    with pytest.raises(KeylessError, match="visits"):
        carry(source, target, policy="skip")
