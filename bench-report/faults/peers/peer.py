"""A lane in Python: asyncio, with two workloads. The protocol is in bench-report/protocol/README.md."""

import asyncio
import json
import platform
import sys
import time


async def index(number):
    return number


async def nap(number):
    await asyncio.sleep(0.01)
    return number


async def run(task, tasks):
    indices = await asyncio.gather(*[asyncio.create_task(task(number)) for number in range(tasks)])
    return [len(indices), sum(indices)]


TASKS = {"spawn-join": index, "sleep-fan-out": nap}


def say(**line):
    print(json.dumps(line), flush=True)


def sample(runner, task, size, runs):
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    for _ in range(runs):
        answer = runner.run(run(task, size))
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    ledger = {"spawned": size, "finished": size, "cancelled": 0, "jobs": 0}
    say(sample={"iterations": runs, "wall-ns": wall, "cpu-ns": cpu, "answer": answer, "ledger": ledger})


def main():
    request = json.loads(sys.stdin.readline())
    if sys.version_info < (3, 11):
        return say(**{"not-applicable": f"needs Python 3.11 or newer, this is {platform.python_version()}"})
    if "describe" in request:
        version = f"CPython {platform.python_version()}"
        workloads = dict.fromkeys(TASKS)
        return say(lane={"protocol": 2, "version": version, "threads": [1, 1], "workloads": workloads})
    cell = request["cell"]
    with asyncio.Runner() as runner:
        say(observed={"threads": 1})
        for line in sys.stdin:
            if "rest" in line:
                say(rest={})
            else:
                sample(runner, TASKS[cell["workload"]], cell["size"], int(line))


main()
