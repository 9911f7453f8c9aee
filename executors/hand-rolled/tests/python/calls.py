"""Functions that are called later: what the test `calls_as_python_has_them` does, in asyncio."""
import asyncio


async def main():
    loop = asyncio.get_running_loop()

    for number in (1, 2, 3):
        loop.call_soon(print, "soon", number)
    await asyncio.sleep(0)

    def first():
        print("a")
        loop.call_soon(print, "a2")

    loop.call_soon(first)
    loop.call_soon(print, "b")
    await asyncio.sleep(0)
    print("main")
    await asyncio.sleep(0)

    handle = loop.call_soon(print, "never")
    other = loop.call_soon(print, "y")
    handle.cancel()
    handle.cancel()
    print("cancelled", str(handle.cancelled()).lower(), str(other.cancelled()).lower())
    await asyncio.sleep(0)

    handles = []
    loop.call_soon(lambda: handles[0].cancel())
    handles.append(loop.call_soon(print, "never"))
    loop.call_soon(print, "z")
    await asyncio.sleep(0)

    loop.call_later(0, print, "later")
    loop.call_soon(print, "sooner")
    await asyncio.sleep(0.01)

    loop.call_later(0.03, print, "30 ms")
    loop.call_later(0.01, print, "10 ms")
    cancelled = loop.call_later(0.005, print, "never")
    cancelled.cancel()
    deadline = loop.time() + 0.02
    at = loop.call_at(deadline, print, "20 ms")
    print("when", str(at.when() == deadline).lower(), "cancelled", str(cancelled.cancelled()).lower())
    await asyncio.sleep(0.06)


asyncio.run(main())
