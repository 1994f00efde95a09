"""Somebody else's project, with tables of odd shapes, is copied and verified by the same commands."""

import pytest


@pytest.fixture
def filled(museum, pair, run):
    """Both databases of the museum, the old one with rows in every table."""

    def make(source, target):
        old, new = pair(source, target)
        events = "events" if source == "sqlite" else "audit.events"
        picture = "x'00ff27'" if source == "sqlite" else r"'\x00ff27'"
        run(
            old,
            "INSERT INTO rooms VALUES (1, 'a', 1, 'a'), (1, 'b', 2, 'c'), (2, 'c', 1, 'b')",
            'INSERT INTO "order" (id, "select", "Group", floor, room, "when", at, day, price, weight, sold,'
            " notes, mark, picture) VALUES"
            " (7, 'it''s \"here\", \\ \t 100%', 'g', 1, 'a', '2026-01-02 03:04:05.000006',"
            f" '2026-01-02 03:04:05.000000', '2026-02-28', 12.50, 0.1, TRUE, '{{\"a\": [1, null]}}',"
            f" '00112233445566778899aabbccddeeff', {picture}),"
            " (8, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1e300, FALSE, NULL, NULL, NULL)",
            "INSERT INTO visits VALUES ('anna', '2026-01-01'), ('anna', '2026-01-01'), (NULL, NULL)",
            "INSERT INTO guides (id, name, deputy_of, favourite) VALUES (1, 'Zoë 🦖', 1, 7), (2, 'Bo', 1, NULL)",
            f"INSERT INTO {events} (id, guide, said) VALUES (1, 2, 'hello')",
        )
        return old, new

    return make


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_every_shape_arrives_in_every_direction(here, filled, run, source, target):
    _, new = filled(source, target)

    copied = here("copy")
    verified = here("verify")

    assert copied.returncode == 0, copied.stdout + copied.stderr
    assert "fired once" not in copied.stderr
    assert "verified: both hold the same 11 rows" in verified.stdout
    assert run(new, 'SELECT "select", weight FROM "order" ORDER BY id') == [
        ('it\'s "here", \\ \t 100%', 0.1),
        ("", 1e300),
    ]
    assert run(new, "SELECT count(*) FROM visits") == [(3,)]
    # Whoever comes next gets a new number.
    run(new, "INSERT INTO guides (name) VALUES ('new')")
    assert run(new, "SELECT max(id) FROM guides") == [(3,)]


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_table_in_a_schema_is_chosen_by_either_name(here, filled, run, source, target):
    filled(source, target)

    assert here("copy", "--tables", "events", "--with-parents").returncode == 0
    assert here("verify", "--tables", "audit.events,guides").returncode == 0


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_table_without_a_key_is_no_part_of_a_merge(here, filled, target):
    filled("sqlite", target)
    here("copy")

    ended = here("copy", "--on-conflict", "skip")

    assert ended.returncode == 3
    assert "visits" in ended.stderr
    assert here("copy", "--on-conflict", "skip", "--exclude", "visits").returncode == 0
