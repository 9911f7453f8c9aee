"""Task groups: what the test `task_group_as_python_has_it` does, in asyncio."""
import asyncio


async def after(milliseconds, value):
    await asyncio.sleep(milliseconds / 1000)
    return value


async def fails(message):
    raise ValueError(message)


def errors(group):
    return " ".join(str(error) for error in group.exceptions)


async def main():
    async with asyncio.TaskGroup() as group:
        one = group.create_task(after(10, 1))
        await asyncio.sleep(0)
        two = group.create_task(after(20, 2))
    print("all done", one.result(), two.result())

    try:
        async with asyncio.TaskGroup() as group:
            sibling = group.create_task(asyncio.sleep(3600))
            group.create_task(fails("E"))
            await asyncio.sleep(3600)
            print("never")
    except* ValueError as group:
        print("failed", errors(group), "sibling cancelled:", str(sibling.cancelled()).lower())

    async with asyncio.TaskGroup() as group:
        cancelled = group.create_task(asyncio.sleep(3600))
        other = group.create_task(after(5, 5))
        await asyncio.sleep(0)
        cancelled.cancel()
    print("a cancelled child is no error:", other.result())

    try:
        async with asyncio.TaskGroup() as group:
            sleeper = group.create_task(asyncio.sleep(3600))
            await asyncio.sleep(0)
            raise ValueError("body")
    except* ValueError as group:
        print("failed", errors(group), "sleeper cancelled:", str(sleeper.cancelled()).lower())

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails("first"))
            group.create_task(fails("second"))
    except* ValueError as group:
        print("failed", errors(group))

    async def child(group):
        group.create_task(after(5, None))
        print("child spawned")

    async with asyncio.TaskGroup() as group:
        group.create_task(child(group))
    print("all done")

    children = []

    async def parent():
        async with asyncio.TaskGroup() as group:
            children.extend(group.create_task(asyncio.sleep(3600)) for _ in range(5))

    task = asyncio.create_task(parent())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("parent cancelled, children:", sum(child.cancelled() for child in children))

    try:
        group.create_task(after(1, None))
    except RuntimeError:
        print("refused")


asyncio.run(main())
