"""Shields: what the test `shield_as_python_has_it` does, in asyncio."""
import asyncio


async def value(after=0.01):
    await asyncio.sleep(after)
    return 7


async def fails():
    raise ValueError("E")


async def main():
    async def awaits_a_shield(task):
        await asyncio.shield(task)

    task = asyncio.create_task(value())
    outer = asyncio.create_task(awaits_a_shield(task))
    await asyncio.sleep(0)
    outer.cancel()
    try:
        await outer
    except asyncio.CancelledError:
        print("outer cancelled, inner done:", str(task.done()).lower())
    print("value", await asyncio.shield(task))

    try:
        await asyncio.shield(asyncio.create_task(fails()))
    except ValueError as error:
        print("raised", error)

    task = asyncio.create_task(value())
    task.cancel()
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        print("inner cancelled")

    # So long that a busy machine does not end it before the limit.
    task = asyncio.create_task(value(after=1))
    try:
        await asyncio.wait_for(asyncio.shield(task), 0.001)
    except asyncio.TimeoutError:
        print("timed out, inner done:", str(task.done()).lower())
    print("value", await task)


asyncio.run(main())
