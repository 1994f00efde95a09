"""What a copy holds while its source is written to: one moment, which the source really had."""

import threading
import time

import pytest

DIRECTIONS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "sqlite")]
_PAUSE = 0.001


class Writers:
    """An application that moves money between two tables and counts its ticks in two more, each in one transaction."""

    def __init__(self, shop, url, *, threads):
        self._shop, self._url = shop, url
        self._over = threading.Event()
        self._began = threading.Barrier(threads + 1)
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(threads)]
        self.ticks = 0

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self._began.wait(10)
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _work(self, number):
        run = self._shop.run
        with self._shop.opened(self._url) as connection:
            self._began.wait(10)
            ticks = 0
            while not self._over.is_set():
                ticks += 1
                run(connection, "BEGIN IMMEDIATE" if self._url.startswith("sqlite") else "BEGIN")
                run(connection, "UPDATE accounts SET money = money - 7 WHERE id = ?", number)
                run(connection, "INSERT INTO visits VALUES ('2026-05-05 00:00:00', ?)", f"{number} {ticks}")
                run(connection, "UPDATE vaults SET money = money + 7 WHERE id = ?", number)
                run(connection, "COMMIT")
                # Whoever waits for an SQLite file looks again now and then, and must find it free once.
                time.sleep(_PAUSE)
            self.ticks += ticks


@pytest.mark.parametrize(("source_engine", "target_engine"), DIRECTIONS)
def test_a_copy_of_a_source_that_is_written_to_is_one_moment_of_it(source_engine, target_engine, database, shop, carry):
    source, target = database(source_engine), database(target_engine)
    shop.fill(source, many=800)
    threads = 1 if source_engine == "sqlite" else 3

    with Writers(shop, source, threads=threads) as writers:
        report = carry(source, target, batch=50)

    assert report.ok
    assert writers.ticks > threads
    there = shop.rows(target)
    for number in range(threads):
        ticks = sorted(int(page.split()[1]) for _, page in there["visits"] if page and page.startswith(f"{number} "))
        assert ticks == list(range(1, len(ticks) + 1))
        assert dict(there["accounts"])[number] == 1000 - 7 * len(ticks)
        assert dict(there["vaults"])[number] == 1000 + 7 * len(ticks)


def test_a_source_with_a_rollback_journal_is_copied_as_of_one_moment(database, shop, carry):
    source, target = database("sqlite"), database("postgresql")
    shop.fill(source, many=200)
    with shop.opened(source) as connection:
        shop.run(connection, "PRAGMA journal_mode=DELETE")

    with Writers(shop, source, threads=1):
        report = carry(source, target, batch=20)

    assert report.ok
    there = shop.rows(target)
    assert sum(money for table in ("accounts", "vaults") for _, money in there[table]) == 20_000
