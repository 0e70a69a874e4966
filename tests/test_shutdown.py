"""Streams of events are told when the server stops."""

import signal
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from drf_streaming.bridge import end_streams, shutdown, watch_signals
from drf_streaming.bridge.shutdown import forget, tell
from drf_streaming.responses import NDJSONResponse, SSEResponse
from live_readers import OPENING, Reader, Ticks, Waiting

on = pytest.mark.parametrize


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shutdown, "_signalled", shutdown._signalled)
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@on("kind", ["sync", "async"])
@on("server", ["wsgi", "asgi"])
async def test_an_open_stream_ends_in_order(kind: str, server: str):
    source = Ticks()
    reader = Reader(SSEResponse(source.of(kind)), server)
    received = await reader.until(b"\n\n")
    end_streams()
    received += await reader.rest()
    assert source.closed.is_set()
    assert received.count(b"data: ") == source.given


@on("server", ["wsgi", "asgi"])
async def test_an_async_source_that_waits_ends_at_once(server: str):
    source = Waiting()
    reader = Reader(SSEResponse(source.asynchronous()), server)
    await reader.until(b"item\n\n")
    end_streams()
    assert await reader.rest() == b""
    assert source.closed.is_set()


@on("server", ["wsgi", "asgi"])
async def test_what_is_no_stream_of_events_is_sent_to_its_end(server: str):
    source = Waiting()
    reader = Reader(NDJSONResponse(source.sync()), server)
    await reader.until(b'item"\n')
    end_streams()
    source.go_on.set()
    assert await reader.rest() == b'"second"\n'


def test_a_signal_that_the_server_handles_ends_the_streams_first():
    seen: list[Any] = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    watch_signals()
    watch_signals()
    tell(end := lambda: seen.append("told"))
    signal.raise_signal(signal.SIGTERM)
    forget(end)
    signal.raise_signal(signal.SIGTERM)
    assert seen == ["told", signal.SIGTERM, signal.SIGTERM]


@on("handler", [signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler])
def test_a_signal_that_no_server_handles_is_left_alone(handler: Any):
    signal.signal(signal.SIGINT, handler)
    watch_signals()
    assert signal.getsignal(signal.SIGINT) is handler


def test_signals_are_left_to_the_main_thread():
    handler = signal.signal(signal.SIGTERM, lambda number, frame: None)
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=watch_signals)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before is not handler


async def one() -> AsyncIterator[int]:
    yield 1


@on("heartbeat", [None, 5])
@on("server", ["wsgi", "asgi"])
@on("source", [lambda: [1], one])
async def test_a_stream_of_events_watches_signals_itself(
    source: Any, server: str, heartbeat: float | None
):
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    before = signal.getsignal(signal.SIGTERM)
    response = SSEResponse(source(), heartbeat=heartbeat)
    received = [block async for block in response] if server == "asgi" else [*response]
    assert b"".join(received) == OPENING + b"data: 1\n\n"
    assert signal.getsignal(signal.SIGTERM) is not before


@on("kind", ["sync", "async"])
@on("server", ["wsgi", "asgi"])
async def test_a_stream_that_opens_as_the_server_stops_ends_too(kind: str, server: str):
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    watch_signals()
    signal.raise_signal(signal.SIGTERM)
    source = Ticks()
    await Reader(SSEResponse(source.of(kind)), server).rest()
    assert source.given <= 2
