"""A lane in Python: asyncio, with three workloads. The protocol is in CONTRIBUTING.md."""

import asyncio
import json
import platform
import sys
import time


async def index(number):
    return number


async def spawn_join(tasks):
    indices = await asyncio.gather(*[asyncio.create_task(index(task)) for task in range(tasks)])
    return [len(indices), sum(indices)], tasks


async def nap(number):
    await asyncio.sleep(0.001)
    return number


async def naps(tasks):
    return sum(await asyncio.gather(*[asyncio.create_task(nap(task)) for task in range(tasks)])), tasks


WORKLOADS = {"spawn-join": spawn_join, "naps": naps}


def say(**line):
    print(json.dumps(line), flush=True)


def sample(runner, workload, size, runs):
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for _ in range(runs):
        answer, tasks = runner.run(workload(size))
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    ledger = {"spawned": tasks, "finished": tasks, "cancelled": 0, "jobs": 0}
    say(sample={"iterations": runs, "wall-ns": wall, "cpu-ns": cpu, "answer": answer, "ledger": ledger})


def main():
    request = json.loads(sys.stdin.readline())
    if sys.version_info < (3, 11):
        return say(**{"not-applicable": f"needs Python 3.11 or newer, this is {platform.python_version()}"})
    if "describe" in request:
        version = f"CPython {platform.python_version()}"
        return say(lane={"version": version, "threads": [1, 1], "workloads": dict.fromkeys(WORKLOADS)})
    cell = request["cell"]
    with asyncio.Runner() as runner:
        say(observed={"threads": 1})
        for line in sys.stdin:
            sample(runner, WORKLOADS[cell["workload"]], cell["size"], int(line))


main()
