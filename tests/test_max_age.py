"""The age at which a stream of events ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from drf_streaming.bridge import Live
from drf_streaming.responses import SSEResponse
from drf_streaming.test import parse_events
from live_readers import BEAT, OPENING, Reader, Ticks, Waiting

on = pytest.mark.parametrize
of_each_kind = on("kind", ["sync", "async"])
under_each = on("server", ["wsgi", "asgi"])


@on("heartbeat", [None, 5])
@of_each_kind
@under_each
async def test_a_stream_ends_at_its_age_and_loses_no_item(
    kind: str, server: str, heartbeat: float | None
):
    source = Ticks()
    response = SSEResponse(source.of(kind), max_age=0.5, heartbeat=heartbeat)
    start = time.monotonic()
    received = await Reader(response, server).rest()
    assert 0.4 < time.monotonic() - start < 10
    assert source.closed.is_set()
    events = [event.data for event in parse_events(received.decode())]
    assert events == [str(n) for n in range(1, source.given + 1)]
    assert len(events) > 1
    assert received.endswith(b"\n\n")


@under_each
async def test_an_async_source_that_waits_ends_at_its_age(server: str):
    source = Waiting()
    reader = Reader(SSEResponse(source.asynchronous(), max_age=1), server)
    assert await reader.rest() == OPENING + b"data: first\ndata: item\n\n"
    assert source.closed.is_set()


@under_each
async def test_a_sync_source_that_waits_ends_with_its_next_item_after_its_age(server: str):
    source = Waiting()
    reader = Reader(SSEResponse(source.sync(), max_age=1, heartbeat=0.6), server)
    await reader.until(BEAT * 2)
    source.go_on.set()
    assert (await reader.rest()).replace(BEAT, b"") == b"data: second\n\n"
    assert source.closed.is_set()


async def test_the_last_word_of_a_source_that_ends_at_its_age_is_sent():
    async def source() -> AsyncIterator[str]:
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            while True:
                yield "goodbye"

    reader = Reader(SSEResponse(source(), max_age=1), "asgi")
    assert await reader.rest() == OPENING + b"data: goodbye\n\n"


async def test_an_error_as_a_source_ends_at_its_age_is_marked_and_logged(caplog: Any):
    async def source() -> AsyncIterator[str]:
        try:
            await asyncio.sleep(20)
        finally:
            raise ZeroDivisionError
        yield ""

    received = await Reader(SSEResponse(source(), max_age=1), "asgi").rest()
    assert received.startswith(OPENING + b"event: problem\n")
    assert len(caplog.records) == 1


def test_streams_of_one_age_end_a_little_apart():
    ages = [Live(max_age=100).age() for _ in range(200)]
    assert 90 <= min(ages) < 92
    assert 98 < max(ages) <= 100
    assert Live().age() is None
