"""Tasks as they end: what the test `as_completed_as_python_has_it` does, in asyncio."""
import asyncio


async def after(milliseconds):
    await asyncio.sleep(milliseconds / 1000)
    return milliseconds


async def fails():
    raise ValueError("E")


async def main():
    tasks = [asyncio.create_task(after(ms)) for ms in (90, 30, 60)]
    for task in asyncio.as_completed(tasks):
        print("value", await task)

    slow = asyncio.create_task(after(20))
    for task in asyncio.as_completed([slow, asyncio.create_task(fails())]):
        try:
            print("value", await task)
        except ValueError as error:
            print("raised", error)

    for task in asyncio.as_completed([]):
        print("never", task)

    left = asyncio.create_task(after(20))
    for task in asyncio.as_completed([left, asyncio.create_task(after(1))]):
        print("value", await task)
        break
    print("abandoned", str(left.cancelled()).lower(), await left)


asyncio.run(main())
