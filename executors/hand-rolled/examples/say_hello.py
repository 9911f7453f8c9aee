"""Two greetings at the same time: coroutines, tasks and sleep."""
import asyncio


async def say_hello(name, seconds):
    await asyncio.sleep(seconds)
    print(f"Hello, {name}!")
    return len(name)


async def main():
    print("begin")
    slow = asyncio.create_task(say_hello("world", 0.1))
    fast = asyncio.create_task(say_hello("asyncio", 0.05))
    print("done yet:", slow.done(), fast.done())
    print("letters:", await slow, await fast)
    print("done yet:", slow.done(), fast.done())


asyncio.run(main())
