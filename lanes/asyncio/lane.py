"""The lanes asyncio and uvloop talk to the lab here, in the protocol of bench-report/protocol/README.md.

`python3 lane.py` runs what is in programs.py and sockets.py on the loop of asyncio, `python3 lane.py uvloop` on that of
the package uvloop, and `python3.14t lane.py free-threaded` on that of asyncio without the interpreter lock. All are as
they come, garbage collector and all.
"""

import asyncio
import json
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def say(answer):
    print(json.dumps(answer), flush=True)


# Before anything that an older Python would not understand.
if sys.version_info < (3, 11):
    sys.stdin.readline()
    say({"not-applicable": "needs Python 3.11 or newer, this is " + platform.python_version()})
    sys.exit()

# The lab knows a lane by the files in its folder: nothing that Python compiles is left there.
sys.dont_write_bytecode = True

import programs
import sockets

WORKLOADS = programs.WORKLOADS | sockets.WORKLOADS

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
            run = programs.Run(size, pool, connections)
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
        if cell["workload"] in sockets.CONNECTIONS:
            connections = await sockets.CONNECTIONS[cell["workload"]](cell["size"])
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
