"""A client that takes nothing is given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from django.core.exceptions import RequestAborted

from drf_streaming.bridge import limits
from drf_streaming.responses import SSEResponse
from live_readers import Ticks

on = pytest.mark.parametrize


async def serve(response: Any, seconds_to_send: float) -> bytes:
    received = b""
    async with aclosing(aiter(response)) as blocks:
        async for block in blocks:
            received += block
            if b"data: 1\n" in received:
                await asyncio.sleep(seconds_to_send)
    return received


async def large() -> AsyncIterator[str]:
    yield "x" * 2_000_000


@on("kind", ["sync", "async"])
@on("aborts", [True, False])
async def test_a_send_that_does_not_get_on_ends_the_stream(
    kind: str, aborts: bool, monkeypatch: Any, caplog: Any
):
    monkeypatch.setattr(limits, "ABORTS", aborts)
    source = Ticks()
    sending = asyncio.create_task(serve(SSEResponse(source.of(kind), send_timeout=0.1), 20))
    await asyncio.wait({sending}, timeout=10)
    # As Django takes a client that has left, in each of its versions.
    with pytest.raises(RequestAborted if aborts else asyncio.CancelledError):
        await sending
    assert source.closed.is_set()
    assert caplog.records == []


@on("kind", ["sync", "async"])
async def test_a_slow_client_that_gets_on_is_served_to_the_end(kind: str):
    response = SSEResponse(Ticks().of(kind), send_timeout=0.5, max_age=1, heartbeat=0.05)
    assert (await serve(response, 0.1)).count(b"data: ") > 3


@on("source", [lambda: ["x" * 2_000_000], large])
async def test_a_large_event_may_take_longer_than_the_limit_for_one_send(source: Any):
    received = b""
    async for part in SSEResponse(source(), send_timeout=1):
        received += part
        await asyncio.sleep(0.05)
    assert received == b"retry: 3000\n:\ndata: " + b"x" * 2_000_000 + b"\n\n"


async def test_without_a_limit_a_send_may_take_its_time():
    response = SSEResponse([1], send_timeout=None)
    assert await serve(response, 0.1) == b"retry: 3000\n:\ndata: 1\n\n"
