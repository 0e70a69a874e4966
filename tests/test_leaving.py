"""Sources that still have something to say when the client has left."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

from drf_streaming.responses import NDJSONResponse, StreamingJSONListResponse


async def failing_at_the_end() -> AsyncIterator[int]:
    try:
        for number in range(100):
            await asyncio.sleep(0.05)
            yield number
    finally:
        raise ZeroDivisionError


async def saying_goodbye() -> AsyncIterator[int | str]:
    try:
        for number in range(100):
            await asyncio.sleep(0.05)
            yield number
    except asyncio.CancelledError:
        yield "goodbye"
        raise


sources = pytest.mark.parametrize("source", [failing_at_the_end, saying_goodbye])


@sources
async def test_a_client_that_leaves_is_not_waited_for_under_asgi(source: Callable):
    async def read() -> None:
        async for _ in NDJSONResponse(source()):
            received.set()

    received = asyncio.Event()
    reader = asyncio.create_task(read())
    for _ in range(2):
        await received.wait()
        received.clear()
    # Not before the source is at work on the next one.
    await asyncio.sleep(0.02)
    reader.cancel()
    await asyncio.wait({reader}, timeout=1)
    assert reader.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@sources
def test_a_client_that_leaves_is_not_waited_for_under_wsgi(source: Callable):
    def read() -> None:
        parts = iter(NDJSONResponse(source()))
        next(parts)
        next(parts)
        time.sleep(0.02)
        parts.close()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(1)
    assert not reader.is_alive()


async def test_a_response_opens_before_an_async_source_that_never_waits_has_worked():
    worked = []

    async def source() -> AsyncIterator[int]:
        worked.append(True)
        yield 1

    parts = aiter(StreamingJSONListResponse(source()))
    assert (await anext(parts), worked) == (b"[", [])
    assert [part async for part in parts] == [b"1]"]
