"""`crossfade verify` on our own application."""

import json

import psycopg
import pytest
from sqlalchemy import make_url


@pytest.fixture(autouse=True)
def _at_home(home):
    """Every test here is about our application."""


@pytest.fixture
def copied(here, pair, run):
    """Two databases that hold the same three teams."""

    def make(source="sqlite", target="postgresql"):
        old, new = pair(source, target)
        run(
            old,
            "INSERT INTO pic_teams (id, slug, name, is_active, created_at, updated_at) VALUES"
            + ", ".join(
                f" ('t{number}', 'team-{number}', 'Team {number}', TRUE, '2026-01-01', '2026-01-01')"
                for number in (1, 2, 3)
            ),
        )
        ended = here("copy")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return old, new

    return make


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_what_differs_is_named_row_by_row_with_the_columns(here, copied, run, target):
    old, new = copied(target=target)
    run(new, "UPDATE pic_teams SET name = 'Theirs', is_active = FALSE WHERE id = 't1'")
    run(new, "DELETE FROM pic_teams WHERE id = 't2'")
    run(old, "DELETE FROM pic_teams WHERE id = 't3'")

    ended = here("verify")

    assert ended.returncode == 1
    assert "pic_teams id=t1: differs in name, is_active" in ended.stdout
    assert "pic_teams id=t2: missing in the target" in ended.stdout
    assert "pic_teams id=t3: in the target alone" in ended.stdout
    assert "not alike: 3 rows differ" in ended.stdout
    told = ended.stdout.splitlines()
    assert told[-2].startswith("what was written to either since the copy differs, too")
    assert told[-1].endswith("--repair --extra quarantine puts it aside")


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_repair_copies_what_differs_and_keeps_what_the_target_alone_has(here, copied, run, target):
    old, new = copied(target=target)
    run(new, "UPDATE pic_teams SET name = 'Theirs' WHERE id = 't1'", "DELETE FROM pic_teams WHERE id = 't2'")

    ended = here("verify", "--repair")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "after 2 repairs" in ended.stdout
    assert run(new, "SELECT name FROM pic_teams ORDER BY id") == [("Team 1",), ("Team 2",), ("Team 3",)]

    run(old, "DELETE FROM pic_teams WHERE id = 't3'")
    run(new, "UPDATE pic_teams SET name = 'Theirs' WHERE id = 't1'")
    ended = here("verify", "--repair")
    assert ended.returncode == 1
    assert run(new, "SELECT count(*) FROM pic_teams") == [(3,)]
    alone, mended, verdict, advice = ended.stdout.splitlines()[-4:]
    assert alone == "  pic_teams id=t3: in the target alone"
    assert mended == "  pic_teams id=t1: differed in name, repaired"
    assert verdict.startswith("not alike: 1 row differs, after 1 repair (")
    assert advice.endswith("--repair --extra quarantine puts it aside")


def test_what_the_target_alone_has_can_be_put_aside(here, copied, run):
    old, new = copied()
    run(old, "DELETE FROM pic_teams WHERE id = 't3'")

    ended = here("verify", "--repair", "--extra", "quarantine")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "pic_teams id=t3: in the target alone, put aside" in ended.stdout
    assert run(new, "SELECT count(*) FROM pic_teams") == [(2,)]
    assert run(new, "SELECT table_name FROM crossfade_quarantine") == [("pic_teams",)]


def test_a_repair_is_refused_where_the_target_has_no_place_for_every_text(here, copied, server, new_database, run):
    copied()
    narrow = new_database()
    name = make_url(narrow).database
    with psycopg.connect(server.url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name}")
        connection.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    here("init", "--url", narrow)

    looked, repaired = here("verify", "--target", narrow), here("verify", "--target", narrow, "--repair")

    assert (looked.returncode, repaired.returncode) == (1, 3)
    assert "keeps texts as LATIN1, which has no place for all that the source may have" in repaired.stderr
    assert run(narrow, "SELECT count(*) FROM pic_teams") == [(0,)]


def test_a_reference_to_nothing_is_named(here, copied, run):
    old, new = copied(target="sqlite")
    for url in (old, new):
        run(
            url,
            "PRAGMA foreign_keys=OFF",
            "INSERT INTO user_ui_preferences (id, user_id, created_at, updated_at)"
            " VALUES ('p1', 'nobody', '2026-01-01', '2026-01-01')",
        )

    ended = here("verify")

    assert ended.returncode == 1
    assert "user_ui_preferences id=p1 of the source: user_id refers to no row of users" in ended.stdout
    assert "2 rows refer to nothing" in ended.stdout


def test_a_quick_look_says_that_it_does_not_see_everything(here, copied):
    copied()

    ended = here("verify", "--quick")

    assert ended.returncode == 0
    assert "it doesn't see everything" in ended.stdout


def test_json_says_the_same(here, copied, run):
    _, new = copied()
    run(new, "UPDATE pic_teams SET name = 'Theirs' WHERE id = 't1'")

    ended = here("verify", "--json")

    answer = json.loads(ended.stdout)
    assert (ended.returncode, answer["ok"]) == (1, False)
    assert answer["differences"] == [
        {"table": "pic_teams", "key": {"id": "t1"}, "change": "changed", "columns": ["name"], "repaired": False}
    ]


@pytest.mark.parametrize("arguments", [["--quick", "--repair"], ["--extra", "quarantine"]])
def test_options_that_contradict_each_other_are_a_usage_error(here, copied, arguments):
    copied()

    assert here("verify", *arguments).returncode == 2
