"""The bound on what all requests hold in memory."""

import asyncio

import pytest

from keepset.serve.bodies import Budget
from keepset.serve.replies import Refusal


async def holder(budget: Budget, size: int, order: list[int], release: asyncio.Event) -> None:
    async with budget.hold(size):
        order.append(size)
        await release.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_wants_more_than_is_left_waits_and_nobody_overtakes() -> None:
    async def main() -> None:
        budget = Budget(10)
        order: list[int] = []
        release = asyncio.Event()
        tasks = [asyncio.create_task(holder(budget, size, order, release)) for size in (6, 5, 4)]
        await settle()
        assert order == [6]  # there is room for 4, but 5 was first
        release.set()
        await asyncio.gather(*tasks)
        assert order == [6, 5, 4]

    asyncio.run(main())


def test_more_than_there_is_counts_as_all() -> None:
    async def main() -> None:
        async with Budget(10).hold(1000):
            pass

    asyncio.run(main())


def test_too_many_that_wait_are_sent_away() -> None:
    async def main() -> None:
        budget = Budget(10, waiting=1)
        release = asyncio.Event()
        tasks = [asyncio.create_task(holder(budget, 10, [], release)) for _ in range(2)]
        await settle()
        with pytest.raises(Refusal) as refused:
            async with budget.hold(1):
                pass
        assert refused.value.status == 503
        release.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_who_gives_up_waiting_takes_nothing() -> None:
    async def main() -> None:
        budget = Budget(10)
        release = asyncio.Event()
        first = asyncio.create_task(holder(budget, 10, [], release))
        await settle()
        second = asyncio.create_task(holder(budget, 10, [], release))
        await settle()
        second.cancel()
        await settle()
        release.set()
        await first
        async with asyncio.timeout(5), budget.hold(10):
            pass

    asyncio.run(main())
