"""Send slots: never more in flight than there are, in order, and none lost to a cancellation."""

import asyncio

from passivepost.publishing.slots import Slots


def test_as_many_at_once_as_there_are_slots_and_in_order():
    async def run():
        slots, running, most, order = Slots(3), 0, 0, []

        async def hold(number):
            nonlocal running, most
            async with slots:
                running += 1
                most = max(most, running)
                order.append(number)
                await asyncio.sleep(0.001)
                running -= 1

        await asyncio.gather(*(hold(number) for number in range(20)))
        return most, order

    most, order = asyncio.run(run())
    assert most == 3
    assert order == list(range(20))


def test_an_error_gives_the_slot_back():
    async def run():
        slots = Slots(1)
        for _ in range(2):
            try:
                async with slots:
                    raise ValueError
            except ValueError:
                continue
        async with asyncio.timeout(1):
            async with slots:
                return True

    assert asyncio.run(run())


def test_who_is_cancelled_leaves_the_slot_to_the_next():
    async def run():
        slots = Slots(1)
        await slots.__aenter__()
        entered = []

        async def wait(name):
            async with slots:
                entered.append(name)

        tasks = {name: asyncio.ensure_future(wait(name)) for name in "abc"}
        await asyncio.sleep(0)
        tasks["a"].cancel()  # while it waits
        await slots.__aexit__()  # the turn is b's, which has not run yet
        tasks["b"].cancel()  # in the same moment
        async with asyncio.timeout(1):
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            async with slots:
                return entered

    assert asyncio.run(run()) == ["c"]
