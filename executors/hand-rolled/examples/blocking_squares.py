"""Six squares on three threads: functions that block, in an executor."""
import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor


def square(number):
    # A function that blocks: the event loop must not run it.
    time.sleep(0.1)
    return number * number, threading.get_ident()


async def main():
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=3) as executor:
        jobs = [loop.run_in_executor(executor, square, number) for number in range(1, 7)]
        results = await asyncio.gather(*jobs)
    print("squares:", *(result for result, _ in results))
    print("threads:", len({thread for _, thread in results}))
    print("on the event loop:", threading.get_ident() in {thread for _, thread in results})


asyncio.run(main())
