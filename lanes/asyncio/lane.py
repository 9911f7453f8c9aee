"""The lanes asyncio and uvloop: programs of the race as Python has them.

Some of them are where this project comes from: a blog post on asyncio, whose event loop executors/hand-rolled
rebuilds. Here they run on the loop itself. bench-report/protocol/README.md has the protocol that this program speaks,
workloads/NAME/src/lib.rs the program in Rust that each of these must equal: the same tasks, the same answer.

`python3 lane.py` runs them on the loop of asyncio, `python3 lane.py uvloop` on that of the package uvloop, and
`python3.14t lane.py free-threaded` on that of asyncio without the interpreter lock. All are left as they come, garbage
collector and all.
"""

import asyncio
import json
import platform
import socket
import struct
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor


def say(answer):
    print(json.dumps(answer), flush=True)


# Before anything that an older Python would not understand.
if sys.version_info < (3, 11):
    sys.stdin.readline()
    say({"not-applicable": "needs Python 3.11 or newer, this is " + platform.python_version()})
    sys.exit()


class Run:
    """One run of a program, and what it leaves behind for those who check it."""

    def __init__(self, size: int, pool: ThreadPoolExecutor):
        self.size = size
        self.pool = pool
        self.tasks: list[asyncio.Task] = []  # all that it has created
        self.jobs: list[asyncio.Future] = []  # all that it has given to the pool
        self.lateness_ns: list[int] = []  # of each sleep, where that is measured
        self.told_ns: int | None = None  # what is measured, where that is not the run
        self.told_ratio: float | None = None  # the same, where that is no time
        self.connections: list = []  # those that all runs share, where they do

    def ledger(self) -> dict[str, int]:
        ended = [task for task in self.tasks if task.done()]
        cancelled = sum(task.cancelled() for task in ended)
        return {
            "spawned": len(self.tasks),
            "finished": len(ended) - cancelled,
            "cancelled": cancelled,
            "jobs": sum(job.done() for job in self.jobs),
        }


# The programs. Tasks are awaited in order, as in Rust: with `asyncio.gather`, spawn-join takes twice as long.


async def spawn_join(run: Run):
    async def index_of(index):
        return index

    run.tasks = [asyncio.create_task(index_of(index)) for index in range(run.size)]
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
    def square(number):
        return number * number

    return await gather_jobs(run, square)


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
    slept = [await measured_sleep(run.size) for _ in range(10)]
    return judge(run, slept)


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


# The programs with sockets, on the streams that the documentation of asyncio begins with. Their buffers are those of asyncio.

LOCALHOST = "127.0.0.1"


def message(number):
    """Returns the 64 bytes that the message with this number is."""
    words = ((8 * number + index) * 0x9E3779B97F4A7C15 % 2**64 for index in range(8))
    return struct.pack("<8Q", *words)


def inverted(data):
    return bytes(255 - byte for byte in data)


async def connect_tcp(number):
    accepted = asyncio.Queue()
    server = await asyncio.start_server(lambda *end: accepted.put_nowait(end), LOCALHOST, 0)
    port = server.sockets[0].getsockname()[1]
    ends = [(await asyncio.open_connection(LOCALHOST, port), await accepted.get()) for _ in range(number)]
    server.close()
    return ends


async def connect_unix(number):
    async def pair():
        one, other = socket.socketpair()
        return (await asyncio.open_unix_connection(sock=one), await asyncio.open_unix_connection(sock=other))

    return [await pair() for _ in range(number)]


async def echo(run: Run, receive=asyncio.StreamReader.readexactly):
    trips = min(max(2_000 // run.size, 4), 1_000)

    async def call(end, first):
        reader, writer = end
        right = 0
        for number in range(first, first + trips):
            writer.write(message(number))
            right += await receive(reader, 64) == message(number)
        return right

    async def send_back(end):
        reader, writer = end
        for _ in range(trips):
            writer.write(await receive(reader, 64))
        return trips

    clients, servers = [], []
    for index, (client, server) in enumerate(run.connections):
        clients.append(asyncio.create_task(call(client, index * trips)))
        servers.append(asyncio.create_task(send_back(server)))
    run.tasks = clients + servers
    right = sum([await task for task in clients])
    return [right, sum([await task for task in servers])]


async def echo_under_timeout(run: Run):
    async def receive(reader, count):
        async with asyncio.timeout(1):
            return await reader.readexactly(count)

    return await echo(run, receive)


async def connect(run: Run):
    served, all_served = 0, asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        nonlocal served
        writer.write(inverted(await reader.readexactly(64)))
        # This end closes first.
        writer.close()
        await writer.wait_closed()
        served += 1

    def accepted(reader, writer):
        run.tasks.append(asyncio.create_task(serve(reader, writer)))
        if len(run.tasks) == 101 + run.size:
            all_served.set_result(None)

    async def accept():
        await all_served

    async def call(port, first):
        right = 0
        for number in range(first, run.size, 100):
            reader, writer = await asyncio.open_connection(LOCALHOST, port)
            writer.write(message(number))
            right += inverted(await reader.readexactly(64)) == message(number)
            if await reader.read(256):
                raise ValueError("more was read than had been sent")
            writer.close()
            await writer.wait_closed()
        return right

    server = await asyncio.start_server(accepted, LOCALHOST, 0)
    port = server.sockets[0].getsockname()[1]
    clients = [asyncio.create_task(call(port, first)) for first in range(100)]
    run.tasks = [asyncio.create_task(accept()), *clients]
    right = sum([await task for task in clients])
    for task in run.tasks:
        await task
    server.close()
    await server.wait_closed()
    return [right, served]


# Programs whose runs share connections, and what makes them.
CONNECTIONS = {"echo": connect_tcp, "echo-unix": connect_unix, "echo-under-timeout": connect_tcp}

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
    "echo": (echo, None),
    "echo-unix": (echo, None),
    "echo-under-timeout": (echo_under_timeout, None),
    "connect": (connect, None),
    "blocking-squares": (blocking_squares, None),
    "blocking-squares-slow": (blocking_squares_slow, None),
}

# Its clock counts whole milliseconds, so that a sleep may end up to one too early (issue 739): a wrong answer.
NOT_ON_UVLOOP = ["wait-timeout", "timer-accuracy", "timer-accuracy-crowd"]


class Stopwatch:
    """Adds up the time on the clock, and that of the processor, of everything done inside `with`."""

    def __init__(self):
        self.wall_ns = self.cpu_ns = 0

    def __enter__(self):
        self.cpu_ns -= time.process_time_ns()
        self.wall_ns -= time.perf_counter_ns()

    def __exit__(self, *_):
        self.wall_ns += time.perf_counter_ns()
        self.cpu_ns += time.process_time_ns()


async def sample(program, size: int, pool: ThreadPoolExecutor, connections: list, iterations: int):
    """Runs `program` so many times, one after the other, and says what came of it."""
    watch = Stopwatch()
    told_ns, told_ratio, lateness_ns = None, None, []
    with watch:
        for _ in range(iterations):
            run = Run(size, pool)
            run.connections = connections
            answer = await program(run)
            if run.told_ns is not None:
                told_ns = (told_ns or 0) + run.told_ns
                lateness_ns += run.lateness_ns
            if run.told_ratio is not None:
                told_ratio = (told_ratio or 0) + run.told_ratio
    taken = {"iterations": iterations, "answer": answer, "ledger": run.ledger()}
    # The ledger needed the tasks of the last run. To free them is a part of the run, as it was of the others.
    with watch:
        del run
    taken |= {"wall-ns": watch.wall_ns, "cpu-ns": watch.cpu_ns}
    if told_ns is not None:
        taken["told-ns"] = told_ns
    if told_ratio is not None:
        taken["told-ratio"] = told_ratio
    if lateness_ns:
        taken["lateness-ns"] = lateness_ns
    return taken


async def serve(cell):
    """Takes a sample for each further line of the input that is a number, and has nothing to say at the end."""
    if cell["workload"] not in WORKLOADS:
        return say({"failed": f"there is no program for {cell['workload']}"})
    program, _ = WORKLOADS[cell["workload"]]
    with ThreadPoolExecutor(max_workers=cell["blocking-threads"]) as pool:
        connections = []
        if cell["workload"] in CONNECTIONS:
            connections = await CONNECTIONS[cell["workload"]](cell["size"])
        say({"observed": {"threads": 1}})
        # The loop stands still while a line is awaited: nothing else is alive.
        for line in sys.stdin:
            request = json.loads(line)
            if request == {"rest": {}}:
                say(request)
                continue
            # One turn, so that it has looked at its clock since.
            await asyncio.sleep(0)
            say({"sample": await sample(program, cell["size"], pool, connections, request)})


def main():
    request = json.loads(sys.stdin.readline())
    version, loop_factory = f"{platform.python_implementation()} {platform.python_version()}", None
    if sys.argv[1:] == ["uvloop"]:
        try:
            import uvloop
        except ImportError:
            return say({"not-applicable": "needs the package uvloop"})
        version, loop_factory = f"uvloop {uvloop.__version__} on {version}", uvloop.new_event_loop
        for name in NOT_ON_UVLOOP:
            del WORKLOADS[name]
    if sys.argv[1:] == ["free-threaded"]:
        # It comes back when a package is imported that needs it.
        if getattr(sys, "_is_gil_enabled", lambda: True)():
            return say({"not-applicable": f"needs a Python without the interpreter lock, this is {version}"})
        version += " without the interpreter lock"
    if "describe" in request:
        workloads = {name: largest for name, (_, largest) in WORKLOADS.items()}
        return say({"lane": {"protocol": 2, "version": version, "threads": [1, 1], "workloads": workloads}})
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve(request["cell"]))


main()
