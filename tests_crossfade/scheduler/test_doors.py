"""Calls wait for their turn: so many in all, so many to a host."""

import asyncio

from cronjobs.scheduler.doors import Doors
from cronjobs.services.calls import Call


def call(host):
    return Call(kind="webhook", url=f"http://{host}/hook")


async def most_at_once(doors, calls):
    """The most calls that were under way together, in all."""
    inside, most = 0, 0

    async def one(each):
        nonlocal inside, most
        async with doors.passed(each):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*map(one, calls))
    return most


async def test_a_host_gets_so_many_at_once_however_it_is_written():
    calls = [call("example.com"), call("EXAMPLE.com"), call("user-less.example.com")] * 10

    assert await most_at_once(Doors(most=100, most_to_a_host=3), calls) == 6


async def test_all_hosts_together_get_so_many_at_once():
    calls = [call(f"host{number}.example.com") for number in range(30)]

    assert await most_at_once(Doors(most=5, most_to_a_host=3), calls) == 5


async def test_who_waits_for_a_slow_host_keeps_nobody_else_out():
    doors, release = Doors(most=3, most_to_a_host=1), asyncio.Event()

    async def wait():
        async with doors.passed(call("slow.example.com")):
            await release.wait()

    waiting = [asyncio.create_task(wait()) for _ in range(10)]
    await asyncio.sleep(0)

    async with asyncio.timeout(5), doors.passed(call("fast.example.com")):
        pass

    release.set()
    await asyncio.gather(*waiting)
    assert doors._hosts == {}


async def test_doors_are_full_while_a_host_or_all_have_what_they_may():
    doors = Doors(most=2, most_to_a_host=1)
    assert not doors.are_full

    async with doors.passed(call("one.example.com")):
        assert doors.are_full  # to that host
    assert not doors.are_full

    wide = Doors(most=2, most_to_a_host=2)
    async with wide.passed(call("one.example.com")):
        assert not wide.are_full
        async with wide.passed(call("two.example.com")):
            assert wide.are_full  # in all
    assert not wide.are_full


async def test_what_can_not_be_read_and_github_have_doors_too():
    calls = [Call(kind="webhook", url="http://[broken"), Call(kind="github_actions"), Call(kind="webhook")]

    assert await most_at_once(Doors(), calls) == 3
