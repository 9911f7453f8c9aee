"""These are the programs of the race as Python has them, but for those in sockets.py; workloads/NAME/src/lib.rs has the
program in Rust that each must equal. lane.py runs them, and speaks the protocol of bench-report/protocol/README.md.

Some are where this project comes from: a blog post on asyncio, whose event loop executors/hand-rolled rebuilds.
"""

import asyncio
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor


class Run:
    """One run of a program, and what it leaves behind for those who check it."""

    def __init__(self, size: int, pool: ThreadPoolExecutor, connections: list):
        self.size = size
        self.pool = pool
        self.connections = connections  # those that all runs share, where they do
        self.tasks: list[asyncio.Task] = []  # all that it has created
        self.jobs: list[asyncio.Future] = []  # all that it has given to the pool
        self.lateness_ns: list[int] = []  # of each sleep, where that is measured
        self.told_ns: int | None = None  # what is measured, where that is not the run
        self.told_ratio: float | None = None  # the same, where that is no time

    def ledger(self) -> dict[str, int]:
        ended = [task for task in self.tasks if task.done()]
        cancelled = sum(task.cancelled() for task in ended)
        return {
            "spawned": len(self.tasks),
            "finished": len(ended) - cancelled,
            "cancelled": cancelled,
            "jobs": sum(job.done() for job in self.jobs),
        }


async def spawn_join(run: Run):
    async def index_of(index):
        return index

    run.tasks = [asyncio.create_task(index_of(index)) for index in range(run.size)]
    # In order, here and elsewhere, as in Rust: with `asyncio.gather` it takes twice as long.
    indices = [await task for task in run.tasks]
    return [len(indices), sum(indices)]


async def sleep_fan_out(run: Run):
    async def nap(index):
        await asyncio.sleep(0.010)
        return index

    run.tasks = [asyncio.create_task(nap(index)) for index in range(run.size)]
    indices = [await task for task in run.tasks]
    return [len(indices), sum(indices)]


async def wait_timeout(run: Run):
    dropped = 0

    async def sleeper(index):
        nonlocal dropped
        try:
            await asyncio.sleep(0.005 if index % 2 == 0 else 3600)
            return index
        finally:
            dropped += 1

    run.tasks = [asyncio.create_task(sleeper(index)) for index in range(run.size)]
    done, pending = await asyncio.wait(run.tasks, timeout=0.020)
    cancelled = await cancel_all(pending)
    return [len(done), sum(task.result() for task in done), cancelled, dropped]


async def cancellation(run: Run):
    arrived = dropped = 0
    all_here = asyncio.get_running_loop().create_future()

    async def nested(depth):
        nonlocal dropped
        try:
            await (nested(depth - 1) if depth > 1 else stay())
        finally:
            dropped += 1

    async def stay():
        nonlocal arrived
        arrived += 1
        if arrived == run.size:
            all_here.set_result(None)
        await asyncio.get_running_loop().create_future()

    run.tasks = [asyncio.create_task(nested(8)) for _ in range(run.size)]
    await all_here
    early = dropped
    start = time.perf_counter_ns()
    cancelled = await cancel_all(run.tasks)
    run.told_ns = time.perf_counter_ns() - start
    return [early, cancelled, dropped]


async def cancel_all(tasks):
    """Cancels all of `tasks`, waits until they have ended, and counts those that ended so."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    return sum(task.cancelled() for task in tasks)


async def yield_now(run: Run):
    async def take_turns():
        for _ in range(run.size):
            await asyncio.sleep(0)

    run.tasks = [asyncio.create_task(count_polls(take_turns())) for _ in range(100)]
    return [await task for task in run.tasks]


async def count_polls(coroutine):
    """Says how often its task was resumed until `coroutine` had ended, the first time included."""

    @types.coroutine
    def counting():
        polls = 0
        while True:
            polls += 1
            try:
                suspended = coroutine.send(None)
            except StopIteration:
                return polls
            yield suspended

    return await counting()


async def fair_turns(run: Run):
    absent, left = run.size, 100 * run.size

    async def take_turns():
        nonlocal absent, left
        absent -= 1
        while absent > 0:
            await asyncio.sleep(0)
        turns = 0
        while left > 0:
            left -= 1
            turns += 1
            await asyncio.sleep(0)
        return turns

    run.tasks = [asyncio.create_task(take_turns()) for _ in range(run.size)]
    turns = [await task for task in run.tasks]
    run.told_ratio = (max(turns) + 1) / (min(turns) + 1)
    return [len(turns), sum(turns)]


async def wake_fan_out(run: Run):
    loop = asyncio.get_running_loop()
    versions = -(-20_000 // run.size)
    version, behind = 0, run.size
    published, all_wait = loop.create_future(), loop.create_future()

    async def receive():
        nonlocal behind
        seen = received = total = 0
        while seen < versions:
            behind -= 1
            if behind == 0:
                all_wait.set_result(None)
            await published
            seen = version
            received += 1
            total += seen
        return [received, total]

    run.tasks = [asyncio.create_task(receive()) for _ in range(run.size)]
    for number in range(1, versions + 1):
        await all_wait
        behind, all_wait = run.size, loop.create_future()
        waited_for, published = published, loop.create_future()
        version = number
        waited_for.set_result(None)
    return [await task for task in run.tasks]


async def wake_remote_busy(run: Run):
    loop = asyncio.get_running_loop()
    begun, unserved = None, run.size
    seats = [loop.create_future() for _ in range(0, run.size, 2)]
    spawned, all_spawned = [], loop.create_future()

    def served(index):
        nonlocal unserved
        unserved -= 1
        if unserved == 0:
            run.told_ns = time.perf_counter_ns() - begun
        return index

    async def wait(index):
        await seats[index // 2]
        return served(index)

    async def at_once(index):
        return served(index)

    def spawn(index):
        spawned.append(asyncio.create_task(at_once(index)))
        if len(spawned) == run.size // 2:
            all_spawned.set_result(None)

    async def compute():
        while unserved > 0 and (begun is None or time.perf_counter_ns() - begun < 4_000_000 * run.size):
            end = time.perf_counter_ns() + 100_000
            while time.perf_counter_ns() < end:
                pass
            await asyncio.sleep(0)

    def outside():
        nonlocal begun
        begun = time.perf_counter_ns()
        for index in range(run.size):
            if index % 2 == 0:
                loop.call_soon_threadsafe(seats[index // 2].set_result, None)
            else:
                loop.call_soon_threadsafe(spawn, index)

    waiting = [asyncio.create_task(wait(index)) for index in range(0, run.size, 2)]
    busy = [asyncio.create_task(compute()) for _ in range(2)]
    # All of them wait, or have computed, before the thread begins.
    await asyncio.sleep(0)
    thread = threading.Thread(target=outside)
    thread.start()
    indices = [await task for task in waiting]
    await all_spawned
    indices += [await task for task in spawned]
    for task in busy:
        await task
    thread.join()
    run.tasks = waiting + spawned + busy
    return [len(indices), sum(indices)]


async def blocking_squares(run: Run):
    return await gather_jobs(run, lambda number: number * number)


async def blocking_squares_slow(run: Run):
    def square(number):
        time.sleep(0.001)
        return number * number

    return await gather_jobs(run, square)


async def gather_jobs(run: Run, job):
    loop = asyncio.get_running_loop()
    run.jobs = [loop.run_in_executor(run.pool, job, number) for number in range(run.size)]
    return await asyncio.gather(*run.jobs)


async def timer_accuracy(run: Run):
    return judge(run, [await measured_sleep(run.size) for _ in range(10)])


async def timer_accuracy_crowd(run: Run):
    run.tasks = [asyncio.create_task(measured_sleep(run.size)) for _ in range(1000)]
    return judge(run, [await task for task in run.tasks])


async def measured_sleep(micros):
    start = time.perf_counter_ns()
    await asyncio.sleep(micros / 1e6)
    return time.perf_counter_ns() - start


def judge(run: Run, slept_ns):
    """Notes how late sleeps ended, and counts those that ended early."""
    late = [slept - 1000 * run.size for slept in slept_ns]
    run.lateness_ns = [max(0, lateness) for lateness in late]
    run.told_ns = sum(run.lateness_ns)
    return sum(lateness < 0 for lateness in late)


# Each program with the largest size it can bear, or None.
WORKLOADS = {
    "spawn-join": (spawn_join, None),
    "yield-now": (yield_now, None),
    "fair-turns": (fair_turns, None),
    "wake-fan-out": (wake_fan_out, None),
    "wake-remote-busy": (wake_remote_busy, None),
    "cancellation": (cancellation, None),
    "sleep-fan-out": (sleep_fan_out, 10_000),
    # To start more tasks takes so long that the timeout has passed before those are awake that should be in time.
    "wait-timeout": (wait_timeout, 1_000),
    "timer-accuracy": (timer_accuracy, None),
    "timer-accuracy-crowd": (timer_accuracy_crowd, None),
    "blocking-squares": (blocking_squares, None),
    "blocking-squares-slow": (blocking_squares_slow, None),
}
