"""Calls whose deadlines are past: what the test `a40_overdue_calls_as_python_has_them` does, in asyncio."""
import asyncio


async def main():
    loop = asyncio.get_running_loop()

    now = loop.time()
    for milliseconds in (1, 3, 2, 3, 1, 5):
        loop.call_at(now - milliseconds / 1000, print, "past", milliseconds)
    loop.call_later(0, print, "zero")
    loop.call_soon(print, "soon")
    await asyncio.sleep(0)
    print("--")
    await asyncio.sleep(0)
    print("--")

    def first():
        print("first")
        loop.call_soon(print, "third")

    loop.call_soon(first)
    loop.call_later(0, print, "second")
    await asyncio.sleep(0.005)
    print("--")

    def outer():
        loop.call_at(loop.time() - 1, print, "late")
        loop.call_at(loop.time() - 2, print, "later")
        loop.call_soon(print, "soon")

    loop.call_at(loop.time() - 3, outer)
    loop.call_at(loop.time() - 2, print, "beside")
    await asyncio.sleep(0.005)
    print("--")

    handles = []
    loop.call_at(loop.time() - 2, lambda: handles[0].cancel())
    handles.append(loop.call_at(loop.time() - 1, print, "never"))
    loop.call_at(loop.time() - 1, print, "after")
    await asyncio.sleep(0.005)
    print("--")

    async def calls(seconds):
        loop.call_at(loop.time() - seconds, print, "from a task", seconds)

    for seconds in (1, 3, 2):
        asyncio.create_task(calls(seconds))
    await asyncio.sleep(0.005)


asyncio.run(main())
