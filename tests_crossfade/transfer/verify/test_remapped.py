"""A merge that takes rows with the same unique values for the same row is proved, too."""

from datetime import datetime

import pytest
from sqlalchemy import Column, DateTime, ForeignKey, Integer, MetaData, String, Table, text

from crossfade.errors import SelectionError
from crossfade.transfer import plan
from crossfade.transfer.copying import Options, copy
from crossfade.transfer.reports import Silence
from crossfade.transfer.standing import Terms
from crossfade.transfer.verifying import Expectation

metadata = MetaData()
people = Table(
    "people",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(80), nullable=False, unique=True),
    Column("name", String(80)),
    Column("boss", ForeignKey("people.id")),
)
posts = Table(
    "posts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author", ForeignKey("people.id"), nullable=False),
    Column("words", String(80)),
)
EXPECTED = Expectation(merged=True, remapped=Terms("skip"), kept={"people": 1})


@pytest.fixture
def merged(pair_of):
    """A source whose Ann was registered in the target, too, under another key, merged into it."""

    def make(engines, policy="skip"):
        pair = pair_of(*engines, metadata=metadata)
        with pair.source.begin() as connection:
            connection.execute(people.insert(), {"id": "s-ann", "email": "ann@x", "name": "Ann"})
            connection.execute(people.insert(), {"id": "s-bob", "email": "bob@x", "name": "Bob", "boss": "s-ann"})
            connection.execute(
                posts.insert(),
                [{"id": 1, "author": "s-ann", "words": "a"}, {"id": 2, "author": "s-bob", "words": "b"}],
            )
        with pair.target.begin() as connection:
            connection.execute(people.insert(), {"id": "t-ann", "email": "ann@x", "name": "Anna"})
        options = Options(policy=policy, remap=True, verify=False)
        assert copy(pair.here, pair.there, plan.make(metadata), options, Silence()).ok
        return pair

    return make


def test_rows_with_other_keys_and_references_to_them_are_no_difference(engines, merged):
    assert merged(engines).verify(expectation=EXPECTED).ok


def test_without_being_told_of_the_merge_they_are(engines, merged):
    assert len(merged(engines).found(expectation=Expectation())) == 4


def test_a_later_proof_knows_of_the_merge_from_the_ledger_and_refuses_to_repair(engines, merged):
    pair = merged(engines)

    report = pair.verify()

    assert report.ok
    assert report.remapped
    with pytest.raises(SelectionError, match="--remap"):
        pair.verify(repair=True)
    with pair.target.begin() as connection:
        connection.execute(people.insert(), {"id": "t-zoe", "email": "zoe@x"})
    assert pair.found() == [("people", {"id": "t-zoe"}, "extra", ())]


@pytest.mark.parametrize(
    ("policy", "changed", "found"),
    [("skip", "A", []), ("update", "A", [("people", {"id": "s-ann"}, "missing", ())]), ("update", "Ann", [])],
)
def test_the_values_of_a_merged_row_are_compared_where_the_source_has_the_say(engines, merged, policy, changed, found):
    pair = merged(engines, policy)
    with pair.target.begin() as connection:
        connection.execute(people.update().where(people.c.id == "t-ann").values(name=changed))

    assert pair.found() == found


stamped = MetaData()
notes = Table(
    "notes",
    stamped,
    Column("id", Integer, primary_key=True),
    Column("slug", String(80), nullable=False, unique=True),
    Column("words", String(80)),
    Column("updated_at", DateTime),
)


@pytest.mark.parametrize("newer", ["source", "target"])
def test_the_newer_row_of_two_has_the_say(engines, pair_of, newer):
    early, late = datetime(2026, 1, 1), datetime(2026, 1, 2)  # noqa: DTZ001  naive, as the column is
    pair = pair_of(*engines, metadata=stamped)
    at = {"source": (late, early), "target": (early, late)}[newer]
    for engine, key, moment in ((pair.source, 1, at[0]), (pair.target, 2, at[1])):
        with engine.begin() as connection:
            connection.execute(notes.insert(), {"id": key, "slug": "a", "words": str(key), "updated_at": moment})

    assert copy(pair.here, pair.there, plan.make(stamped), Options(policy="newest", remap=True), Silence()).ok

    assert pair.found() == []
    with pair.target.begin() as connection:
        connection.execute(notes.update().values(words="else", updated_at=early))
    assert pair.found() == ([] if newer == "target" else [("notes", {"id": "1"}, "missing", ())])


@pytest.mark.parametrize(
    ("damage", "difference"),
    [
        ("UPDATE posts SET author = 's-bob' WHERE id = 1", ("posts", {"id": "1"}, "changed", ("author",))),
        ("UPDATE posts SET words = 'x' WHERE id = 1", ("posts", {"id": "1"}, "changed", ("author", "words"))),
        ("DELETE FROM posts WHERE id = 1", ("posts", {"id": "1"}, "missing", ())),
    ],
    ids=["another reference", "another value", "no row"],
)
def test_a_row_that_the_merge_does_not_explain_is_found(engines, merged, damage, difference):
    pair = merged(engines)
    with pair.target.begin() as connection:
        connection.execute(text(damage))

    assert pair.found(expectation=EXPECTED) == [difference]


def test_a_row_that_stands_for_another_must_be_there(engines, merged):
    pair = merged(engines)
    with pair.target.begin() as connection:
        connection.execute(text("DELETE FROM posts"))
        connection.execute(text("UPDATE people SET boss = NULL"))
        connection.execute(text("DELETE FROM people WHERE id = 't-ann'"))

    assert ("people", {"id": "s-ann"}, "missing", ()) in pair.found(expectation=EXPECTED)


friends = MetaData()
members = Table(
    "members",
    friends,
    Column("id", Integer, primary_key=True),
    Column("email", String(80), nullable=False, unique=True),
)
likes = Table(
    "likes",
    friends,
    Column("member", ForeignKey("members.id"), primary_key=True),
    Column("liked", ForeignKey("members.id"), primary_key=True),
    Column("why", String(80)),
)


def test_a_row_whose_key_is_made_of_references_is_looked_for_under_the_key_that_they_give_it(engines, pair_of):
    pair = pair_of(*engines, metadata=friends)
    with pair.source.begin() as connection:
        connection.execute(members.insert(), [{"id": 1, "email": "a@x"}, {"id": 2, "email": "b@x"}])
        connection.execute(
            likes.insert(), [{"member": 1, "liked": 2, "why": "x"}, {"member": 2, "liked": 1, "why": "y"}]
        )
    with pair.target.begin() as connection:
        connection.execute(members.insert(), {"id": 7, "email": "a@x"})

    report = copy(pair.here, pair.there, plan.make(friends), Options(policy="skip", remap=True), Silence())

    assert report.ok
    with pair.target.begin() as connection:
        assert connection.execute(text("SELECT member, liked FROM likes ORDER BY member")).all() == [(2, 7), (7, 2)]
        connection.execute(text("UPDATE likes SET why = 'z' WHERE liked = 7"))
    expected = Expectation(merged=True, remapped=Terms("skip"))
    assert pair.found(expectation=expected) == [("likes", {"member": "2", "liked": "1"}, "missing", ())]
