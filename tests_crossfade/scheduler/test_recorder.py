"""The recorder writes in batches, and lets runs that have to start go first, for a while."""

import asyncio
from collections import Counter

import pytest

from cronjobs.scheduler import recorder
from cronjobs.scheduler.recorder import Recorder
from cronjobs.services.calls import Call, Claim, Outcome

AT_ONCE = 5.0
"""Seconds within which a test expects what it waits for."""


class Book:
    """What a site stands for here: it keeps what is written, batch by batch."""

    def __init__(self):
        self.batches = []

    async def finish_all(self, ended):
        self.batches.append([claim.execution_id for claim, _ in ended])
        return {claim.execution_id for claim, _ in ended}


@pytest.fixture
def book():
    return Book()


def recording(made, *ids):
    return asyncio.gather(*(made.record(claimed(each), Outcome(ok=True)) for each in ids))


def claimed(execution_id):
    return Claim(
        execution_id=execution_id,
        job_id="job",
        job_name="nightly",
        owner="flask:n1",
        attempt=1,
        scheduled_for=None,
        call=Call(kind="webhook"),
    )


async def test_what_ends_together_is_written_together(book):
    async with asyncio.timeout(AT_ONCE):
        await recording(Recorder(book), "a", "b", "c")

    assert book.batches == [["a", "b", "c"]]


async def test_while_runs_have_to_start_nothing_is_written(book, monkeypatch):
    monkeypatch.setattr(recorder, "_COURTESY_SECONDS", 60.0)
    looks = iter([True, True, True, False])
    seen = []

    def is_starting():
        seen.append(list(book.batches))
        return next(looks)

    async with asyncio.timeout(AT_ONCE):
        await recording(Recorder(book, is_starting), "a")

    assert seen == [[], [], [], []]
    assert book.batches == [["a"]]


async def test_a_load_that_lasts_holds_up_each_outcome_once(book, monkeypatch):
    monkeypatch.setattr(recorder, "_COURTESY_SECONDS", 0.1)
    monkeypatch.setattr(recorder, "BATCH", 2)
    written = []

    def is_starting():
        written.append(len(book.batches))
        return True

    async with asyncio.timeout(AT_ONCE):
        await recording(Recorder(book, is_starting), *"abcdefgh")

    assert len(book.batches) == 4
    looks = Counter(written)
    assert looks[0] > 1
    assert (looks[1], looks[2], looks[3]) == (1, 1, 1)
