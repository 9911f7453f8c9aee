"""Things go wrong on the way: asyncio does here what the test `adversaries_as_python_has_them` does."""
import asyncio


def say(*words):
    print(*(str(word).lower() if isinstance(word, bool) else word for word in words))


async def fails(message, turns=0):
    for _ in range(turns):
        await asyncio.sleep(0)
    raise ValueError(message)


async def after_turns(turns, value):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


async def turns(number):
    for _ in range(number):
        await asyncio.sleep(0)


async def nested_groups():
    children = []

    async def level(depth):
        async with asyncio.TaskGroup() as group:
            children.append(group.create_task(asyncio.sleep(3600)))
            if depth:
                children.append(group.create_task(level(depth - 1)))
            await asyncio.sleep(3600)

    parent = asyncio.create_task(level(3))
    await turns(10)
    parent.cancel()
    try:
        await parent
    except asyncio.CancelledError:
        say("nested", len(children), sum(child.cancelled() for child in children), parent.cancelled())


async def panics_of_one_round():
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(fails(f"E{number}", 2))
            await asyncio.sleep(3600)
    except* ValueError as errors:
        say("one round", *(str(error) for error in errors.exceptions))


async def nested_failure():
    try:
        async with asyncio.TaskGroup() as outer:
            sibling = outer.create_task(asyncio.sleep(3600))

            async def inner():
                async with asyncio.TaskGroup() as group:
                    group.create_task(fails("inner", 1))
                    await asyncio.sleep(3600)

            outer.create_task(inner())
            await asyncio.sleep(3600)
    except* ValueError as errors:
        say("nested failure", len(errors.exceptions), sibling.cancelled())


async def shields():
    inner = asyncio.create_task(after_turns(6, "kept"))

    async def awaiter():
        await asyncio.shield(inner)

    outer = asyncio.create_task(awaiter())
    await turns(2)
    outer.cancel()
    await turns(2)
    say("shield", outer.cancelled(), inner.done())
    say("shield", await inner)

    cancelled = asyncio.create_task(asyncio.sleep(3600))
    await turns(1)
    cancelled.cancel()
    await turns(1)
    try:
        await asyncio.shield(cancelled)
    except asyncio.CancelledError:
        say("shield of a cancelled task", cancelled.cancelled())


async def completions():
    hanging = asyncio.create_task(asyncio.sleep(3600))
    tasks = [asyncio.create_task(after_turns(3, "three")), asyncio.create_task(fails("one", 1)), hanging]
    asyncio.get_running_loop().call_later(0.05, hanging.cancel)
    for next_one in asyncio.as_completed(tasks):
        try:
            say("completed", await next_one)
        except ValueError as error:
            say("failed", error)
        except asyncio.CancelledError:
            say("cancelled")


async def watchers():
    gate = asyncio.get_running_loop().create_future()
    gate.add_done_callback(lambda _: say("callback 1"))

    async def waiter():
        await gate
        say("waiter")

    waiting = asyncio.create_task(waiter())
    await turns(1)
    gate.add_done_callback(lambda _: say("callback 2"))
    gate.set_result(None)
    say("set")
    await waiting


async def gathers():
    slow = asyncio.create_task(after_turns(10, "slow"))
    late = asyncio.create_task(fails("late", 6))
    soon = asyncio.create_task(fails("soon", 2))
    try:
        await asyncio.gather(slow, late, soon)
    except ValueError as error:
        say("gather", error, slow.done(), late.done(), soon.done())
    say("gather", await slow)
    late.exception()


async def cancels_itself():
    done = asyncio.create_task(after_turns(0, "done"))
    await turns(1)

    async def selfish():
        say("asked", asyncio.current_task().cancel(), asyncio.current_task().cancel())
        say("goes on", await done)
        await asyncio.sleep(0)
        say("never")

    task = asyncio.create_task(selfish())
    await turns(3)
    say("cancelled", task.cancelled(), task.cancel())


async def waits():
    tasks = [asyncio.create_task(after_turns(number * 4, number)) for number in (3, 1, 2, 1, 5)]
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        say("wait", *sorted(task.result() for task in done), "left", len(pending))


async def calls():
    loop = asyncio.get_running_loop()
    handles = {}

    def own():
        handles["own"].cancel()
        handles["next"].cancel()
        say("own")

    handles["own"] = loop.call_later(0.005, own)
    handles["next"] = loop.call_later(0.005, say, "never")
    loop.call_later(0.006, say, "the one after")
    await asyncio.sleep(0.03)
    say("cancelled", handles["next"].cancelled())


async def main():
    await nested_groups()
    await panics_of_one_round()
    await nested_failure()
    await shields()
    await completions()
    await watchers()
    await gathers()
    await cancels_itself()
    await waits()
    await calls()


asyncio.run(main())
