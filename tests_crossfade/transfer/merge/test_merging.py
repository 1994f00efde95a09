"""Rows that come to a table which has rows: what they meet, what each policy does, how merged keys are carried."""

import sqlite3
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
)

from crossfade.errors import CopyConflictError
from crossfade.transfer import keys, kinds
from crossfade.transfer.merging import STAGED, Merge
from crossfade.transfer.shapes import shape_of

metadata = MetaData()
people = Table(
    "people",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(100), unique=True),
    Column("login", String(100), unique=True),
    Column("name", String(100)),
    Column("score", Float),
    Column("boss", ForeignKey("people.id")),
    Column("updated_at", DateTime),
)
posts = Table(
    "order",  # a reserved word
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author", ForeignKey("people.id"), nullable=False),
    Column("slug", String(50), nullable=False),
    Column("text", String(50)),
    UniqueConstraint("author", "slug"),
)
places = Table(
    "places",
    metadata,
    Column("country", String(2), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", String(50), unique=True),
)
visits = Table(
    "visits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("who", ForeignKey("people.email")),
    Column("country", String(2)),
    Column("number", Integer),
    ForeignKeyConstraint(["country", "number"], ["places.country", "places.number"]),
)
ORDER = (people, posts, places, visits)
SHAPES = {table.name: shape_of(table) for table in ORDER}
EARLY, LATE = "2020-01-01 00:00:00.000000", "2021-01-01 00:00:00.000000"


class Side:
    """A target: what is in its tables, and rows that arrive."""

    def __init__(self, connection, engine):
        self.connection, self.engine = connection, engine
        self.later = []

    def put(self, table, *rows, into=None):
        place = into or SHAPES[table].at(self.engine)
        mark = "?" if self.engine == "sqlite" else "%s"
        for row in rows:
            names = keys.quoted_names(row)
            self.connection.execute(
                f"INSERT INTO {place} ({names}) VALUES ({', '.join([mark] * len(row))})", tuple(row.values())
            )

    def rows(self, table, *columns):
        names = keys.quoted_names(columns or [one.name for one in SHAPES[table].columns])
        found = self.connection.execute(f"SELECT {names} FROM {SHAPES[table].at(self.engine)}").fetchall()
        return sorted(tuple(row) for row in found)

    def merge(self, table, policy="error", *, remap=False):
        shape = SHAPES[table]
        deferred = tuple(one for one in shape.references if one.table == table)
        return Merge.of(
            shape, among=tuple(SHAPES.values()), deferred=deferred, engine=self.engine, policy=policy, remap=remap
        )

    def stage(self, table, *rows, **options):
        merge = self.merge(table, **options)
        merge.open(self.connection)
        self.put(table, *rows, into=STAGED)
        return merge

    def find(self, table, *rows, **options):
        return self.stage(table, *rows, **options).found(self.connection, limit=10)

    def bring(self, table, *rows, **options):
        merge = self.stage(table, *rows, **options)
        self.later.append(merge)
        return merge.apply(self.connection)

    def settle(self):
        for merge in self.later:
            merge.settle(self.connection)


@pytest.fixture(params=["sqlite", "postgresql"])
def side(request, tmp_path):
    if request.param == "sqlite":
        file = tmp_path / "merge_test.db"
        url = f"sqlite:///{file}"
        connection = sqlite3.connect(file)
        kinds.install(connection)
        connection.execute("PRAGMA foreign_keys=ON")
    else:
        url = request.getfixturevalue("database").replace("postgresql:", "postgresql+psycopg:")
        connection = psycopg.connect(request.getfixturevalue("database"))
    with closing(connection):
        engine = create_engine(url)
        metadata.create_all(engine)
        engine.dispose()
        keys.create(connection)
        yield Side(connection, request.param)


def person(key, email=None, **values):
    return {"id": key, "email": email or f"{key}@x", "login": key, "name": key} | values


def test_rows_that_are_new_are_inserted(side):
    merged = side.bring("people", person("a"), person("b"))

    assert (merged.inserted, merged.updated, merged.skipped, merged.merged) == (2, 0, 0, 0)
    assert side.rows("people", "id", "email") == [("a", "a@x"), ("b", "b@x")]


def test_what_exists_is_found_and_told_apart_from_what_is_alike(side):
    side.put("people", person("a"), person("b", score=0.1))

    found = side.find("people", person("a"), person("b", score=0.2, name="B"), person("c"))

    assert (found.rows, found.existing, found.alike, found.clashing) == (3, 2, 1, 0)
    assert found.conflicts("error", remap=False) == 2
    assert found.conflicts("skip", remap=False) == 0
    first, second = found.examples
    assert (first.key, set(first.columns), first.other) == ({"id": "b"}, {"name", "score"}, None)
    assert (second.key, second.columns) == ({"id": "a"}, ())


def test_looking_writes_nothing(side):
    side.put("people", person("a"))

    side.find("people", person("a", name="other"), person("b"), policy="update", remap=True)

    assert side.rows("people", "id", "name") == [("a", "a")]


@pytest.mark.parametrize(("policy", "name"), [("skip", "old"), ("update", "new")])
def test_a_row_that_exists_is_skipped_or_updated_as_the_policy_says(side, policy, name):
    side.put("people", person("a", name="old"), person("same"))

    merged = side.bring("people", person("a", name="new"), person("same"), person("c"), policy=policy)

    assert side.rows("people", "id", "name") == [("a", name), ("c", "c"), ("same", "same")]
    assert (merged.inserted, merged.updated, merged.skipped) == ((1, 0, 2) if policy == "skip" else (1, 1, 1))


def test_the_newest_row_wins_and_one_without_a_time_loses(side):
    side.put(
        "people",
        person("older", name="theirs", updated_at=EARLY),
        person("newer", name="theirs", updated_at=LATE),
        person("timeless", name="theirs", updated_at=None),
        person("timed", name="theirs", updated_at=EARLY),
    )

    merged = side.bring(
        "people",
        person("older", name="ours", updated_at=LATE),
        person("newer", name="ours", updated_at=EARLY),
        person("timeless", name="ours", updated_at=EARLY),
        person("timed", name="ours", updated_at=None),
        policy="newest",
    )

    assert side.rows("people", "id", "name") == [
        ("newer", "theirs"), ("older", "ours"), ("timed", "theirs"), ("timeless", "ours")
    ]  # fmt: skip
    assert (merged.updated, merged.skipped) == (2, 2)


def test_newest_needs_its_column_for_rows_that_differ(side):
    side.put("places", {"country": "de", "number": 1, "name": "Kiel"}, {"country": "de", "number": 2, "name": "Ulm"})

    found = side.find(
        "places",
        {"country": "de", "number": 1, "name": "Kiel"},
        {"country": "de", "number": 2, "name": "Ulm an der Donau"},
        policy="newest",
    )

    assert (found.existing, found.alike, found.undecided) == (2, 1, 1)
    assert found.conflicts("newest", remap=False) == 1


def test_newest_does_not_guess_where_neither_row_has_a_time(side):
    side.put("people", person("a", name="theirs", updated_at=None), person("same", updated_at=None))

    found = side.find(
        "people", person("a", name="ours", updated_at=None), person("same", updated_at=None), policy="newest"
    )

    assert found.undecided == 1
    (example,) = found.examples
    assert (example.key, example.columns, example.why) == ({"id": "a"}, ("name",), "undecided")


def test_newest_does_not_guess_for_rows_that_are_taken_for_one(side):
    side.put("people", person("b", email="ann@x", name="theirs", updated_at=None))

    found = side.find("people", person("a", email="ann@x", name="ours", updated_at=None), policy="newest", remap=True)

    assert (found.undecided, found.conflicts("newest", remap=True)) == (1, 1)
    (example,) = found.examples
    assert (example.key, example.other, example.why) == ({"id": "a"}, {"id": "b"}, "undecided")


def test_one_instant_is_not_newer_than_itself_however_it_is_written(side):
    side.put("people", person("a", name="theirs", updated_at="2020-01-01 00:00:00"))

    side.bring("people", person("a", name="ours", updated_at="2020-01-01T00:00:00.000000"), policy="newest")

    assert side.rows("people", "name") == [("theirs",)]


def test_rows_that_came_since_they_were_looked_for_end_the_copy(side):
    side.put("people", person("a"))

    with pytest.raises(CopyConflictError, match=r"people: 1 rows came into the target"):
        side.bring("people", person("a", name="other"))


def test_the_same_person_under_another_key_is_a_conflict(side):
    side.put("people", person("b", email="ann@x"))

    found = side.find("people", person("a", email="ann@x"), policy="skip")

    assert (found.existing, found.clashing, found.ambiguous) == (0, 1, 0)
    assert found.conflicts("skip", remap=False) == 1
    assert found.conflicts("skip", remap=True) == 0
    (example,) = found.examples
    assert (example.key, example.columns, example.other) == ({"id": "a"}, ("email",), {"id": "b"})


def test_nulls_do_not_clash(side):
    side.put("people", person("b") | {"email": None})

    assert side.find("people", person("a") | {"email": None}).clashing == 0


@pytest.mark.parametrize(
    ("there", "comes"),
    [
        ([person("b", email="ann@x"), person("c", login="ann")], [person("a", email="ann@x", login="ann")]),
        ([person("b", email="ann@x", login="ann")], [person("a", email="ann@x"), person("c", login="ann")]),
        ([person("a", email="old@x"), person("b", email="ann@x")], [person("a", email="ann@x")]),
    ],
    ids=["one meets two", "two meet one", "the key of one, the e-mail of another"],
)
def test_rows_that_no_single_row_can_stand_for_are_refused(side, there, comes):
    side.put("people", *there)

    found = side.find("people", *comes, policy="update", remap=True)

    assert found.ambiguous == len(comes)
    assert found.conflicts("update", remap=True) == len(comes)


def test_two_batches_that_meet_one_row_are_noticed(side):
    side.put("people", person("b", email="ann@x", login="ann"))

    assert side.find("people", person("a", email="ann@x"), policy="skip", remap=True).ambiguous == 0
    assert side.find("people", person("c", login="ann"), policy="skip", remap=True).ambiguous == 1


@pytest.mark.parametrize(("policy", "name"), [("skip", "theirs"), ("update", "ours")])
def test_a_merged_person_keeps_the_targets_key_and_takes_the_references_along(side, policy, name):
    side.put("people", person("b", email="ann@x", name="theirs"))

    merged = side.bring("people", person("a", email="ann@x", name="ours"), person("n"), policy=policy, remap=True)
    side.bring(
        "order", {"id": 1, "author": "a", "slug": "one"}, {"id": 2, "author": "n", "slug": "one"}, policy=policy,
        remap=True,
    )  # fmt: skip

    assert (merged.inserted, merged.merged) == (1, 1)
    assert side.rows("people", "id", "name") == [("b", name), ("n", "n")]
    assert side.rows("order", "id", "author") == [(1, "b"), (2, "n")]


def test_a_rewritten_reference_can_clash_in_its_turn(side):
    side.put("people", person("b", email="ann@x"))
    side.put("order", {"id": 7, "author": "b", "slug": "one", "text": "theirs"})

    side.bring("people", person("a", email="ann@x"), policy="skip", remap=True)
    found = side.find("order", {"id": 1, "author": "a", "slug": "one", "text": "ours"}, policy="skip", remap=True)
    side.bring("order", {"id": 1, "author": "a", "slug": "one", "text": "ours"}, policy="skip", remap=True)

    assert found.clashing == 1
    assert side.rows("order", "id", "author", "text") == [(7, "b", "theirs")]


def test_composite_keys_are_remapped_whole(side):
    side.put("places", {"country": "de", "number": 5, "name": "Kiel"})

    side.bring("places", {"country": "xx", "number": 9, "name": "Kiel"}, policy="skip", remap=True)
    side.bring("visits", {"id": 1, "who": None, "country": "xx", "number": 9}, policy="skip", remap=True)

    assert side.rows("places") == [("de", 5, "Kiel")]
    assert side.rows("visits", "id", "country", "number") == [(1, "de", 5)]


def test_references_to_other_columns_than_the_key_are_remapped_too(side):
    side.put("people", person("b", email="new@x", login="ann"))

    side.bring("people", person("a", email="old@x", login="ann"), policy="skip", remap=True)
    side.bring("visits", {"id": 1, "who": "old@x", "country": None, "number": None}, policy="skip", remap=True)

    assert side.rows("visits", "id", "who") == [(1, "new@x")]


def test_rows_may_refer_to_rows_that_come_later_and_to_merged_ones(side):
    side.put("people", person("b", email="ann@x"))

    side.bring("people", person("a1", boss="z"), person("a2", boss="m"), policy="skip", remap=True)
    side.bring("people", person("z", boss="z"), person("m", email="ann@x"), policy="skip", remap=True)
    assert side.rows("people", "id", "boss") == [("a1", None), ("a2", None), ("b", None), ("z", None)]
    side.settle()

    assert side.rows("people", "id", "boss") == [("a1", "z"), ("a2", "b"), ("b", None), ("z", "z")]
    assert side.connection.execute(f"SELECT count(*) FROM {keys.WAITING}").fetchone()[0] == 0


def test_an_update_changes_and_clears_references_of_the_own_table(side):
    side.put("people", person("boss"), person("a", boss="boss"), person("b", boss="boss"), person("c"))

    side.bring("people", person("a"), person("b", boss="c"), person("c", boss="boss"), policy="update")
    side.settle()

    assert side.rows("people", "id", "boss") == [("a", None), ("b", "c"), ("boss", None), ("c", "boss")]


def test_a_skipped_row_keeps_its_reference(side):
    side.put("people", person("boss"), person("a"))

    side.bring("people", person("a", boss="boss"), policy="skip")
    side.settle()

    assert side.rows("people", "id", "boss") == [("a", None), ("boss", None)]


def test_settling_again_changes_nothing(side):
    side.bring("people", person("a", boss="b"), person("b"))
    side.settle()
    side.put("people", person("other"))
    side.connection.execute("UPDATE people SET boss = 'other' WHERE id = 'a'")
    side.settle()

    assert ("a", "other") in side.rows("people", "id", "boss")


def test_forgetting_empties_the_map(side):
    side.put("people", person("b", email="ann@x"))
    side.bring("people", person("a", email="ann@x"), policy="skip", remap=True)

    keys.forget(side.connection)

    assert side.connection.execute(f"SELECT count(*) FROM {keys.MAP}").fetchone()[0] == 0


def test_a_temporary_map_hides_the_one_that_stays(side):
    side.put("people", person("b", email="ann@x"))
    side.connection.commit()
    keys.create(side.connection, temporary=True)
    side.find("people", person("a", email="ann@x"), policy="skip", remap=True)
    assert side.connection.execute(f"SELECT count(*) FROM {keys.MAP}").fetchone()[0] == 2

    for name in keys.TABLES:
        side.connection.execute(f"DROP TABLE {name}")

    assert side.connection.execute(f"SELECT count(*) FROM {keys.MAP}").fetchone()[0] == 0
