"""Futures that are completed by hand: what the test `promise_as_python_has_it` does, in asyncio."""
import asyncio


def state(future):
    return f"{future.done()} {future.cancelled()}".lower()


async def main():
    loop = asyncio.get_running_loop()

    future = loop.create_future()
    print("new", state(future))
    future.add_done_callback(lambda _: print("first"))
    future.add_done_callback(lambda _: print("second"))
    future.set_result(42)
    print("set", state(future), future.result(), future.result())
    for again in (lambda: future.set_result(43), lambda: future.set_exception(ValueError())):
        try:
            again()
        except asyncio.InvalidStateError:
            print("refused")
    print("cancel", str(future.cancel()).lower())
    future.add_done_callback(lambda _: print("third"))
    print("awaited", await future)
    await asyncio.sleep(0)

    future = loop.create_future()
    print("cancel", str(future.cancel()).lower(), state(future), str(future.cancel()).lower())
    try:
        future.set_result(1)
    except asyncio.InvalidStateError:
        print("refused")
    try:
        await future
    except asyncio.CancelledError:
        print("cancelled")

    future = loop.create_future()
    future.set_exception(ValueError("E"))
    print("exception", future.exception(), state(future))
    try:
        await future
    except ValueError as error:
        print("raised", error)


asyncio.run(main())
