"""Tasks that look at tasks: what the test `inspect_as_python_has_it` does, in asyncio."""
import asyncio


def others():
    return sorted(task.get_name() for task in asyncio.all_tasks() if task.get_name() != "main")


async def waits(gate):
    await gate.wait()


async def itself(handles, name):
    for _ in range(3):
        print(name, "is current:", str(asyncio.current_task() is handles[name]).lower())
        await asyncio.sleep(0)


async def main():
    asyncio.current_task().set_name("main")
    gate = asyncio.Event()
    tasks = [asyncio.create_task(waits(gate), name=name) for name in ("b", "a", "c")]
    print("all", *others())
    tasks[0].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    print("all", *others())
    gate.set()
    await tasks[1]
    await tasks[2]
    print("all", *others())

    handles = {}
    for name in ("x", "y"):
        handles[name] = asyncio.create_task(itself(handles, name))
    for task in list(handles.values()):
        await task

    asyncio.get_running_loop().call_soon(lambda: print("in a callback:", asyncio.current_task()))
    await asyncio.sleep(0)


asyncio.run(main())
