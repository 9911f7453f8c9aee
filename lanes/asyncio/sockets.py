"""These are the programs of the race with sockets, on the streams that the documentation of asyncio begins with.

Their buffers are those of asyncio. lane.py runs them, and speaks the protocol of bench-report/protocol/README.md.
"""

import asyncio
import socket
import struct

from programs import Run

LOCALHOST = "127.0.0.1"


def message(number):
    """Returns the 64 bytes that the message with this number is."""
    words = ((8 * number + index) * 0x9E3779B97F4A7C15 % 2**64 for index in range(8))
    return struct.pack("<8Q", *words)


def inverted(data):
    return bytes(255 - byte for byte in data)


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


# Programs whose runs share connections, and what makes them.
CONNECTIONS = {"echo": connect_tcp, "echo-unix": connect_unix, "echo-under-timeout": connect_tcp}

# Each program with the largest size it can bear, or None.
WORKLOADS = {
    "echo": (echo, None),
    "echo-unix": (echo, None),
    "echo-under-timeout": (echo_under_timeout, None),
    "connect": (connect, None),
}
