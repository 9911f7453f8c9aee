"""Items that are fetched at the same time: with wait, with a limit for all, and with one for each."""
import asyncio


async def get_item(number):
    # Number 3 is a server that does not answer.
    await asyncio.sleep(3600 if number == 3 else number / 50)
    return f"item {number}"


async def get_items(numbers, limit=None):
    tasks = [asyncio.create_task(get_item(number)) for number in numbers]
    done, pending = await asyncio.wait(tasks, timeout=limit)
    for task in pending:
        task.cancel()
    items = sorted(task.result() for task in done)
    print(f"{', '.join(items)}; {len(pending)} pending")


async def main():
    await get_items([1, 2])
    await get_items([1, 2, 3], limit=0.5)
    for number in [2, 3]:
        try:
            print(await asyncio.wait_for(get_item(number), 0.5))
        except asyncio.TimeoutError:
            print(f"item {number} timed out")


asyncio.run(main())
