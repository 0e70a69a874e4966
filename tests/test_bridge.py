"""What the tests of the responses, which see all of it at work, do not reach."""

import asyncio
from collections.abc import AsyncIterator
from queue import SimpleQueue
from typing import Any

import pytest

from drf_streaming.bridge import BLOCK_SIZE, RequestContext, drive, iterate, pump
from drf_streaming.bridge.idle import Calls
from drf_streaming.bridge.steps import break_off
from drf_streaming.responses import NDJSONResponse


def nothing() -> None:
    """Close what needs no closing."""


async def anothing() -> None:
    """Close what needs no closing."""


def test_empty_blocks_are_not_sent():
    assert [*iterate(iter([b"", b"a", b""]), nothing, RequestContext())] == [b"a"]


async def test_empty_blocks_are_not_sent_under_asgi():
    async def blocks() -> AsyncIterator[bytes]:
        for block in (b"", b"a", b""):
            yield block

    context = RequestContext()
    sync = [block async for block in drive(iter([b"", b"a", b""]), nothing, context)]
    assert sync == [b"a"]
    assert [block async for block in pump(blocks(), anothing, RequestContext())] == [b"a"]


async def test_small_blocks_of_a_fast_source_go_out_together():
    total = 20 * BLOCK_SIZE
    received = [
        block async for block in drive(iter([b"x" * 64] * (total // 64)), nothing, RequestContext())
    ]
    assert sum(map(len, received)) == total
    # The first goes out as it is.
    assert len(received) < 200


async def test_an_async_source_is_at_most_a_block_ahead_of_its_reader():
    pulled = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pulled
        while True:
            pulled += 1
            yield b"x" * 1024

    blocks = pump(endless(), anothing, RequestContext())
    await anext(blocks)
    for _ in range(50):
        await asyncio.sleep(0)
    assert pulled <= 2 * BLOCK_SIZE // 1024 + 1
    await blocks.aclose()


def test_a_call_that_was_cancelled_is_not_made():
    made = []
    messages: SimpleQueue[Any] = SimpleQueue()
    future = Calls(messages).submit(made.append, 1)
    assert future.cancel()
    messages.get()()
    assert made == []


async def test_content_that_cannot_be_closed_is_read_all_the_same():
    class Letters:
        """An async iterable of middleware's that is no generator."""

        def __init__(self) -> None:
            self.left = [b"b", b"a"]

        def __aiter__(self) -> "Letters":
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    async def nobody() -> AsyncIterator[int]:
        yield 1

    response = NDJSONResponse(nobody())
    response.streaming_content = Letters()
    assert b"".join([block async for block in response]) == b"ab"


async def test_an_error_after_the_client_has_left_is_not_left_to_asyncio(caplog: Any):
    async def failing() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.sleep(10)
        finally:
            raise ZeroDivisionError

    blocks = pump(failing(), anothing, RequestContext())
    assert await anext(blocks) == b"a"
    await blocks.aclose()
    assert [record for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("steps", [1, 2])
async def test_leaving_waits_for_the_step_that_runs_and_closes_once(steps: int):
    closed = []
    blocks = drive(iter([b"a", b"b", b"c"]), lambda: closed.append(True), RequestContext())
    for _ in range(steps):
        await anext(blocks)
    await blocks.aclose()
    assert closed == [True]


async def test_a_step_is_broken_off_until_it_ends():
    loop = asyncio.get_running_loop()
    step = loop.create_future()
    asked = []

    def interrupt() -> None:
        asked.append(True)
        # It connects at first, and then begins its query.
        if len(asked) == 3:
            loop.call_soon_threadsafe(step.set_exception, ValueError())

    await break_off(step, interrupt)
    assert len(asked) == 3
