"""A snapshot's rows come back, ids go on where they went on, and whoever is in the way is named."""

import uuid
from collections.abc import Generator
from contextlib import closing

import pytest
from sqlalchemy import (
    Column,
    Computed,
    Engine,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    String,
    Table,
    cast,
    create_engine,
    func,
    literal_column,
    select,
)

from crossfade.errors import ConfigurationError, RouterError
from crossfade.testing import restore

metadata = MetaData()
shelves = Table(
    "shelves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20)),
    Column("twice", Integer, Computed("id * 2")),
)
books = Table(
    "books",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("shelf_id", ForeignKey("shelves.id")),
    Column("follows", ForeignKey("books.id")),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path) -> Generator[Engine]:
    if request.param == "sqlite":
        yield from _filled(create_engine(f"sqlite:///{tmp_path}/x_test.db"))
    else:
        yield from _filled(_on(request.getfixturevalue("server")))


@pytest.fixture
def postgresql(server) -> Generator[Engine]:
    yield from _filled(_on(server))


def _on(server) -> Engine:
    return create_engine(server.database(f"x_{uuid.uuid4().hex}_test").set(drivername="postgresql+psycopg"))


def _filled(made: Engine) -> Generator[Engine]:
    metadata.create_all(made)
    with made.begin() as connection:
        # An id of the seed's own, of which a sequence knows nothing.
        connection.execute(shelves.insert(), [{"id": 7, "name": "fiction"}])
        connection.execute(books.insert(), [{"shelf_id": 7}])
    yield made
    made.dispose()


def test_rows_come_back_and_ids_go_on_where_they_went_on(engine) -> None:
    with closing(restore.take(engine, metadata)) as snapshot:
        for _ in range(3):
            with engine.begin() as connection:
                assert connection.execute(shelves.insert().values(name="new")).inserted_primary_key == (8,)
                assert connection.execute(books.insert().values(shelf_id=8, follows=1)).inserted_primary_key == (2,)
                connection.execute(books.delete())
                connection.execute(shelves.delete())

            snapshot.restore()

            with engine.connect() as connection:
                assert connection.execute(select(shelves)).all() == [(7, "fiction", 14)]
                assert connection.execute(select(books)).all() == [(1, 7, None)]


def test_a_later_snapshot_leaves_an_earlier_one_as_it_is(engine) -> None:
    with closing(restore.take(engine, metadata)) as earlier:
        with engine.begin() as connection:
            connection.execute(shelves.insert().values(name="in between"))
        with closing(restore.take(engine, metadata)) as later:
            earlier.restore()
            assert _names(engine) == ["fiction"]

            later.restore()
            assert _names(engine) == ["fiction", "in between"]


def test_a_transaction_that_is_open_is_in_the_way_even_if_it_only_inserted(engine, monkeypatch) -> None:
    monkeypatch.setattr(restore, "PATIENCE", 1.0)
    with closing(restore.take(engine, metadata)) as snapshot:
        with engine.connect() as connection:
            connection.execute(shelves.insert().values(name="not committed"))
            with pytest.raises(TimeoutError, match="can't be put back: "):
                snapshot.restore()

        snapshot.restore()

        with engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(shelves)) == 1


def test_a_transaction_that_has_its_number_before_a_restore_and_writes_after_it_has_written(postgresql) -> None:
    with closing(restore.take(postgresql, metadata)) as snapshot, postgresql.connect() as early:
        early.execute(select(func.pg_current_xact_id()))
        with postgresql.begin() as connection:
            connection.execute(shelves.insert().values(name="of one test"))
        snapshot.restore()
        early.execute(shelves.insert().values(name="of the next test"))
        early.commit()

        snapshot.restore()

        assert _names(postgresql) == ["fiction"]


def test_a_transaction_that_is_open_when_the_snapshot_is_taken_is_in_the_way(postgresql, monkeypatch) -> None:
    monkeypatch.setattr(restore, "PATIENCE", 1.0)
    with postgresql.connect() as early:
        early.execute(shelves.insert().values(name="of a fixture"))

        with pytest.raises(TimeoutError, match="is idle in transaction, last: INSERT INTO shelves"):
            restore.take(postgresql, metadata)


def test_what_nobody_wrote_to_is_not_put_back(postgresql) -> None:
    with closing(restore.take(postgresql, metadata)) as snapshot:

        def stayed() -> bool:
            before = _versions(postgresql)
            snapshot.restore()
            return _versions(postgresql) == before

        # The server's own housekeeping may have come between, but not each time.
        assert any(stayed() for _ in range(20))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("CREATE TABLE left_over (id int)", r"there is now public.left_over \(columns: 1\)"),
        ("ALTER TABLE books DROP COLUMN follows; DROP TABLE shelves CASCADE", "there was before .*public.shelves"),
        ("ALTER TABLE books ADD COLUMN pages int", r"now public.books \(columns: 4\); there was before public.books"),
        ("CREATE INDEX slow ON books (shelf_id)", "there is now public.slow"),
    ],
)
def test_a_schema_that_was_changed_is_named(postgresql, change, named) -> None:
    with closing(restore.take(postgresql, metadata)) as snapshot:
        with postgresql.begin() as connection:
            connection.exec_driver_sql(change)

        with pytest.raises(RouterError, match=f"the schema has changed: .*{named}"):
            snapshot.restore()


def test_tables_that_are_dropped_and_made_again_are_no_change(postgresql) -> None:
    with closing(restore.take(postgresql, metadata)) as snapshot:
        metadata.drop_all(postgresql)
        metadata.create_all(postgresql)

        snapshot.restore()

        assert _names(postgresql) == ["fiction"]


def test_tables_in_a_circle_are_named(server) -> None:
    circle = MetaData()
    Table("a", circle, Column("id", Integer, primary_key=True), Column("b", ForeignKey("b.id", use_alter=True)))
    Table("b", circle, Column("id", Integer, primary_key=True), Column("a", ForeignKey("a.id")))
    engine = _on(server)

    with pytest.raises(ConfigurationError, match=r"in a circle \((a -> b -> a|b -> a -> b)\)"):
        restore.take(engine, circle)

    engine.dispose()


def _names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(shelves.c.name).order_by(shelves.c.id)))


def _versions(engine: Engine) -> list[str]:
    """The transactions that made the rows."""
    with engine.connect() as connection:
        return list(connection.scalars(select(cast(literal_column("xmin"), String)).select_from(shelves)))
