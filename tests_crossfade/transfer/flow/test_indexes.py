"""What is set aside while rows are loaded is what was there, and comes back as it was."""

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text, create_engine, make_url

from crossfade.errors import CopyFailedError
from crossfade.transfer import indexes
from crossfade.transfer.reports import Silence
from crossfade.transfer.shapes import shape_of
from crossfade.transfer.transactions import by_hand, transaction

STATEMENTS = (
    'CREATE SCHEMA "we ird"',
    'CREATE TABLE "we ird"."Us""er" (id int PRIMARY KEY, a text UNIQUE, b int, c text CONSTRAINT taken UNIQUE)',
    'ALTER TABLE "we ird"."Us""er" ADD d int CONSTRAINT late UNIQUE DEFERRABLE INITIALLY DEFERRED',
    'CREATE UNIQUE INDEX "100 %" ON "we ird"."Us""er" (lower(a)) WHERE b > 3',
    'CREATE INDEX j ON "we ird"."Us""er" (b DESC NULLS LAST, c text_pattern_ops) INCLUDE (a) WITH (fillfactor = 70)',
    "COMMENT ON INDEX \"we ird\".j IS 'it''s \\ 100%'",
    'ALTER TABLE "we ird"."Us""er" ADD CONSTRAINT apart EXCLUDE USING btree (b WITH =)',
    'CREATE TABLE f (id int PRIMARY KEY, r text REFERENCES "we ird"."Us""er" (a) ON DELETE CASCADE)',
    "ALTER TABLE f ADD s int REFERENCES f DEFERRABLE",
    "ALTER TABLE f ADD CONSTRAINT unproved FOREIGN KEY (id) REFERENCES f NOT VALID",
    "CREATE INDEX whose_order_it_is ON f (r)",
    "ALTER TABLE f CLUSTER ON whose_order_it_is",
    'CREATE TABLE outside (r text REFERENCES "we ird"."Us""er" (c))',
)


@pytest.fixture
def odd(empty, shop):
    """A PostgreSQL database with what definitions can be like, and the shapes of two of its tables."""
    metadata = MetaData()
    users = Table('Us"er', metadata, Column("id", Integer, primary_key=True), schema="we ird")
    follower = Table("f", metadata, Column("id", Integer, primary_key=True))
    with shop.opened(empty("postgresql")) as connection:
        for statement in STATEMENTS:
            connection.execute(statement)
        yield connection, [shape_of(users), shape_of(follower)]


def everything(connection, shapes):
    with transaction(connection):
        return {repr(one) for shape in shapes for one in indexes.of_table(connection, shape)}


def test_definitions_come_back_as_they_were(odd):
    connection, shapes = odd
    before = everything(connection, shapes)

    with transaction(connection):
        removed = indexes.set_aside(connection, shapes)
    left = everything(connection, shapes)
    # Later, and from a session that names tables in another way.
    connection.execute("SET search_path = 'we ird'")
    for one in sorted(removed, key=lambda one: one.kind == "foreign key"):
        with transaction(connection):
            indexes.bring_back(connection, one)
    connection.execute("RESET search_path")

    assert left == set()
    assert everything(connection, shapes) == before
    assert [one.name for one in removed if one.kind == "foreign key"] == ["f_r_fkey", "f_s_fkey", "unproved"]


def test_what_others_stand_on_and_what_no_definition_tells_stays(odd):
    connection, shapes = odd

    with transaction(connection):
        removed = indexes.set_aside(connection, shapes)

    # The first is referred to by a table that isn't copied, the second is the one that the table is clustered by.
    assert {"taken", "whose_order_it_is"}.isdisjoint(one.name for one in removed)
    names = connection.execute("SELECT indexname FROM pg_indexes WHERE schemaname IN ('we ird', 'public')").fetchall()
    assert {name for (name,) in names} == {"taken", "whose_order_it_is"}


def test_a_key_that_a_view_or_a_publication_needs_stays(empty, shop):
    metadata = MetaData()
    tables = [Table(name, metadata, Column("id", Integer, primary_key=True)) for name in ("seen", "told", "free")]
    with shop.opened(empty("postgresql")) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table.name} (id int PRIMARY KEY, x text)")
        connection.execute("CREATE VIEW whole AS SELECT id, x FROM seen GROUP BY id")
        connection.execute("CREATE PUBLICATION news FOR TABLE told")

        with transaction(connection):
            removed = indexes.set_aside(connection, [shape_of(table) for table in tables])

    assert [(one.table, one.kind) for one in removed] == [("free", "key")]


def test_bringing_back_what_somebody_has_made_again_changes_nothing(odd):
    connection, shapes = odd
    before = everything(connection, shapes)

    for one in [one for shape in shapes for one in indexes.of_table(connection, shape)]:
        with transaction(connection):
            indexes.bring_back(connection, one)

    assert everything(connection, shapes) == before


@pytest.fixture
def owner(shop_server):
    """Makes the URL of a database for a user who owns it and is nothing else."""

    def make(url):
        named = make_url(url)
        with _connected(shop_server.url) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'shopkeeper'").fetchone():
                connection.execute("CREATE ROLE shopkeeper LOGIN NOSUPERUSER")
            connection.execute(f"ALTER DATABASE {named.database} OWNER TO shopkeeper")
        return named.set(username="shopkeeper").render_as_string(hide_password=False)

    return make


def _connected(url):
    import psycopg

    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


@pytest.mark.parametrize("source_engine", ["sqlite", "postgresql"])
def test_the_owner_of_the_target_needs_no_superuser(source_engine, database, empty, owner, shop, carry):
    source, target = database(source_engine), shop.make(owner(empty("postgresql")))
    shop.fill(source, many=60)

    assert carry(source, target, jobs=2).ok

    assert shop.rows(target) == shop.rows(source)
    assert shop.definitions(target) == shop.definitions(database("postgresql"))


def test_tables_of_another_owner_are_filled_with_their_indexes_in_place(database, owner, shop, carry):
    source, theirs = database("sqlite"), database("postgresql")
    shop.fill(source, many=60)
    before = shop.definitions(theirs)
    target = owner(theirs)
    with shop.opened(theirs) as connection:
        shop.run(connection, "GRANT ALL ON ALL TABLES IN SCHEMA public TO shopkeeper")
        shop.run(connection, "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO shopkeeper")

    report = carry(source, target)

    assert report.ok
    assert shop.rows(theirs) == shop.rows(source)
    assert shop.definitions(theirs) == before
    assert shop.next_order(theirs) == 61


def test_rows_that_a_definition_does_not_allow_are_named_and_the_rest_is_brought_back(database, shop, carry):
    source, target = database("postgresql"), database("postgresql")
    shop.fill(source, many=60)
    with shop.opened(target) as connection:
        # The metadata knows nothing of it, so no look beforehand does.
        shop.run(connection, "CREATE UNIQUE INDEX one_of_a_kind ON vaults (money)")
    whole = shop.definitions(target)

    with pytest.raises(CopyFailedError, match=r"one_of_a_kind.*\(money\)=\(1000\)"):
        carry(source, target)

    missing = {row[1] for row in whole} - {row[1] for row in shop.definitions(target)}
    # References stand on unique indexes, so they wait for all of these.
    assert {name for name in missing if not name.endswith("_fkey")} == {"one_of_a_kind"}

    # Once the cause is gone, the same call ends it.
    with shop.opened(source) as connection:
        shop.run(connection, "UPDATE vaults SET money = money + id")
    assert carry(source, target).ok
    assert shop.rows(target) == shop.rows(source)
    assert shop.definitions(target) == whole


def test_a_table_that_somebody_holds_on_to_is_not_waited_for_forever(database, shop, carry, monkeypatch):
    from crossfade.transfer import copying

    monkeypatch.setattr(copying, "LOCK_TIMEOUT", "100ms")
    source, target = database("sqlite"), database("postgresql")
    shop.fill(source, many=20)
    before = shop.definitions(target)

    with shop.opened(target) as reader:
        shop.run(reader, "BEGIN")
        shop.run(reader, "SELECT * FROM orders")
        with pytest.raises(CopyFailedError, match="somebody else holds on to it"):
            carry(source, target)

    assert shop.definitions(target) == before
    assert not any(shop.rows(target).values())
    assert carry(source, target).ok


def test_an_index_per_connection_is_built_and_told(database, shop, carry):
    source, target = database("sqlite"), database("postgresql")
    shop.fill(source, many=60)
    told = {}

    class Watch(Silence):
        def advanced(self, phase, table, rows):
            if phase == "indexes":
                told[table] = told.get(table, 0) + rows

    assert carry(source, target, jobs=4, listener=Watch()).ok

    assert told == {"customers": 4, "orders": 4, "order lines": 2, "accounts": 1, "vaults": 1}


def test_a_source_of_other_indexes_leaves_the_target_s_as_they_are(empty, shop, carry):
    here, there = MetaData(), MetaData()
    for metadata in (here, there):
        parent = Table("parent", metadata, Column("id", Integer, primary_key=True), Column("name", Text))
        Table("child", metadata, Column("id", Integer, ForeignKey(parent.c.id), primary_key=True))
    source, target = empty("sqlite"), empty("sqlite")
    for url, metadata in ((source, here), (target, there)):
        engine = create_engine(url)
        metadata.create_all(engine)
        engine.dispose()
    with shop.opened(source) as connection:
        shop.run(connection, "INSERT INTO parent VALUES (1, 'a'), (2, 'b')")
        shop.run(connection, "CREATE INDEX own ON parent (name)")
    with shop.opened(target) as connection:
        by_hand(connection)
        shop.run(connection, "CREATE INDEX other ON parent (name, id)")

    assert carry(source, target, metadata=here).ok

    with shop.opened(target) as connection:
        names = shop.run(connection, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        assert names == [("other",)]
