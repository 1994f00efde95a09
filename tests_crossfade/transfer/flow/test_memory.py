"""How much a copy holds in memory, however many rows there are."""

import pytest

DIRECTIONS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")]
_FEW, _MANY = 70_000, 120_000
_BYTES = 1_000
_LIMIT = 300
_SQLITE = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    INSERT INTO orders SELECT n, 'someone', NULL, n, hex(randomblob(?)) FROM numbers
"""
_POSTGRESQL = (
    "INSERT INTO orders SELECT n, 'someone', NULL, n, repeat(md5(n::text), ? / 16) FROM generate_series(1, ?) n"
)


def filled(shop, database, engine, many):
    url = database(engine)
    with shop.opened(url) as connection:
        shop.run(connection, "INSERT INTO customers VALUES ('someone', 'a', 'a', ?, '2026-01-01 00:00:00')", many > 0)
        if engine == "sqlite":
            shop.run(connection, _SQLITE, many, _BYTES // 2)
        else:
            shop.run(connection, _POSTGRESQL, _BYTES // 2, many)
    return url


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_memory_does_not_grow_with_the_rows(source_engine, target_engine, database, shop, copies):
    # SQLite keeps 64 MB of pages, which the smaller one fills too.
    held = []
    for many in (_FEW, _MANY):
        source = filled(shop, database, source_engine, many)
        assert copies.whole(source, database(target_engine), batch=2_000, verify=False) == 0, copies.complaints
        held.append(copies.megabytes)

    # All rows that the second has more are this many megabytes.
    more = (_MANY - _FEW) * _BYTES / 1024**2
    assert held[1] - held[0] < more / 2
    assert held[1] < _LIMIT
