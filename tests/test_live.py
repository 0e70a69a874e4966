"""Heartbeats, and how a stream of events is closed."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from drf_streaming.mixins import StreamingListMixin
from drf_streaming.responses import NDJSONResponse, SSEResponse
from drf_streaming.test import parse_events
from flights.models import Airline
from live_readers import BEAT, OPENING, Reader, Waiting

on = pytest.mark.parametrize
of_each_kind = on("kind", ["sync", "async"])
under_each = on("server", ["wsgi", "asgi"])


@of_each_kind
@under_each
async def test_silence_is_filled_with_comments_between_events(kind: str, server: str):
    source = Waiting()
    reader = Reader(SSEResponse(source.of(kind), heartbeat=0.02), server)
    first = await reader.until(BEAT * 3)
    assert first.replace(BEAT, b"") == b"retry: 3000\ndata: first\ndata: item\n\n"
    assert first.endswith(b"data: first\ndata: item\n\n" + BEAT * 3)
    source.go_on.set()
    rest = await reader.rest()
    assert rest.removesuffix(b"data: second\n\n").replace(BEAT, b"") == b""
    assert [event.data for event in parse_events((first + rest).decode())] == [
        "first\nitem",
        "second",
    ]


@of_each_kind
async def test_under_wsgi_a_heartbeat_is_two_writes(kind: str):
    source = Waiting()
    reader = Reader(SSEResponse(source.of(kind), heartbeat=0.02), "wsgi")
    await reader.until(b"item\n\n")
    assert [await reader.next() for _ in range(4)] == [b":", b"\n"] * 2
    source.go_on.set()
    await reader.close()


@of_each_kind
@under_each
async def test_silence_stays_silence_without_a_heartbeat(kind: str, server: str):
    source = Waiting()
    reader = Reader(SSEResponse(source.of(kind), heartbeat=None), server)
    await reader.until(b"item\n\n")
    waiting = asyncio.create_task(reader.next())
    await asyncio.wait({waiting}, timeout=0.2)
    assert not waiting.done()
    source.go_on.set()
    assert await waiting == b"data: second\n\n"
    assert await reader.rest() == b""


@of_each_kind
@under_each
async def test_a_heartbeat_never_stands_in_a_line_that_middleware_cut(kind: str, server: str):
    source = Waiting()
    response = SSEResponse(source.of(kind), heartbeat=0.02)
    content: Any = response.streaming_content

    def cut() -> Iterator[bytes]:
        for block in content:
            yield block[:-4]
            time.sleep(0.1)
            yield block[-4:]

    async def acut() -> AsyncIterator[bytes]:
        async for block in content:
            yield block[:-4]
            await asyncio.sleep(0.1)
            yield block[-4:]

    response.streaming_content = cut() if kind == "sync" else acut()
    source.go_on.set()
    received = await Reader(response, server).rest()
    lines = received.split(b"\n")
    assert lines.count(b":") > 1
    assert [line for line in lines if line not in (b":", b"")] == [
        b"retry: 3000",
        b"data: first",
        b"data: item",
        b"data: second",
    ]


@on("server", ["asgi", "wsgi"])
async def test_a_sync_source_has_one_thread_for_all_its_steps(server: str):
    source = Waiting()
    source.go_on.set()
    await Reader(SSEResponse(source.sync()), server).rest()
    assert len(source.threads) == 1


async def test_leaving_at_a_heartbeat_closes_the_source():
    source = Waiting()
    reader = Reader(SSEResponse(source.sync(), heartbeat=0.02), "wsgi")
    await reader.until(BEAT * 3)
    threading.Timer(0.1, source.go_on.set).start()
    await reader.close()
    assert source.closed.is_set()


async def test_an_error_of_a_sync_source_in_its_thread_is_the_readers(caplog: Any):
    def failing() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    reader = Reader(SSEResponse(failing()), "wsgi")
    with pytest.raises(ZeroDivisionError):
        await reader.rest()
    assert len(caplog.records) == 1


class Grudging:
    """Number items without end; closing it is an error."""

    def sync(self) -> Iterator[int]:
        try:
            while True:
                time.sleep(0.01)
                yield 1
        finally:
            raise ZeroDivisionError

    async def asynchronous(self) -> AsyncIterator[int]:
        try:
            while True:
                await asyncio.sleep(0.01)
                yield 1
        finally:
            raise ZeroDivisionError

    of = Waiting.of


@on("heartbeat", [None, 5])
@of_each_kind
@under_each
async def test_an_error_as_a_source_is_closed_is_logged_once(
    kind: str, server: str, heartbeat: float | None, caplog: Any
):
    reader = Reader(SSEResponse(Grudging().of(kind), heartbeat=heartbeat), server)
    await reader.until(b"data: 1\n\n")
    await reader.close()
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


async def test_where_no_event_loop_can_be_made_there_is_an_error(monkeypatch: Any):
    def no_loop() -> Any:
        raise OSError("Too many open files")

    reader = Reader(SSEResponse(Waiting().asynchronous()), "wsgi")
    monkeypatch.setattr(asyncio.events, "new_event_loop", no_loop)
    with pytest.raises(OSError, match="Too many"):
        await reader.rest()


@pytest.mark.django_db
def test_a_sync_source_in_its_thread_reads_in_the_transaction_of_a_test():
    Airline.objects.create(code="!!", name="of this test")

    def codes() -> Iterator[str]:
        yield Airline.objects.get(code="!!").name
        yield Airline.objects.get(code="!!").code

    response = SSEResponse(codes(), heartbeat=5)
    assert b"".join(response) == OPENING + b"data: of this test\n\ndata: !!\n\n"
    assert Airline.objects.filter(code="!!").exists()


class SlowList(StreamingListMixin, APIView):
    go_on: threading.Event | None = None

    def get(self, request: Any) -> Any:
        return self.stream(self.rows(), serializer_class=None)

    def rows(self) -> Iterator[dict[str, int]]:
        yield {"n": 1}
        assert self.go_on is not None
        assert self.go_on.wait(20)
        yield {"n": 2}


@under_each
async def test_a_list_of_events_has_heartbeats_too(server: str, settings: Any):
    settings.DRF_STREAMING = {"HEARTBEAT": 0.02}
    go_on = threading.Event()
    view = SlowList.as_view(go_on=go_on)
    response = await sync_to_async(view)(APIRequestFactory().get("/?stream=sse"))
    reader = Reader(response, server)
    first = await reader.until(BEAT * 3)
    go_on.set()
    rest = await reader.rest()
    items = b'data: {"n":1}\n\ndata: {"n":2}\n\nevent: end\nid: ~end\ndata: {"rows":2}\n\n'
    assert (first + rest).replace(BEAT, b"") == b"retry: 3000\n" + items


class SlowField(serializers.Serializer[Any]):
    code = serializers.SerializerMethodField()

    def get_code(self, airline: Airline) -> str:
        """Let the second chunk wait."""
        if airline.code == "YV":
            assert SlowField.go_on.wait(20)
        return airline.code

    go_on = threading.Event()


class SlowQueryset(StreamingListMixin, ListAPIView):
    serializer_class = SlowField
    queryset = Airline.objects.order_by("code")


@under_each
async def test_a_list_that_waits_for_its_database_has_heartbeats_too(
    committed: None, server: str, settings: Any
):
    settings.DRF_STREAMING = {"HEARTBEAT": 0.02}
    SlowField.go_on.clear()
    async with ThreadSensitiveContext():
        response = await sync_to_async(SlowQueryset.as_view())(
            APIRequestFactory().get("/?stream=sse")
        )
        reader = Reader(response, server)
        first = await reader.until(BEAT * 3)
        assert b'{"code":"YV"}' not in first
        SlowField.go_on.set()
        rest = await reader.rest()
        await sync_to_async(connections.close_all)()
    events = [event.data for event in parse_events((first + rest).decode())]
    assert (len(events), events[-2:]) == (17, ['{"code":"YV"}', '{"rows":16}'])


@under_each
async def test_other_formats_have_none(server: str, settings: Any):
    settings.DRF_STREAMING = {"HEARTBEAT": 0.02}

    def slow() -> Iterator[int]:
        yield 1
        time.sleep(0.2)
        yield 2

    assert await Reader(NDJSONResponse(slow()), server).rest() == b"1\n2\n"


@on("value", ["yes", 1, None])
def test_what_is_neither_true_nor_false_is_refused(value: Any):
    with pytest.raises(ValueError, match=rf"hold_connections must be True or False, got {value!r}"):
        SSEResponse([], hold_connections=value)


@on("name", ["heartbeat", "max_age", "send_timeout"])
@on("value", [0, -1, "15", True, float("inf"), float("nan")])
def test_what_are_no_seconds_is_refused(name: str, value: Any):
    with pytest.raises(ValueError, match=rf"{name} must be a number of seconds above 0, or None"):
        SSEResponse([], **{name: value})


def test_the_defaults_are_those_of_the_settings(settings: Any):
    settings.DRF_STREAMING = {"HEARTBEAT": 7, "MAX_AGE": 8, "SEND_TIMEOUT": 9}
    live = SSEResponse([])._live
    assert (live.heartbeat, live.max_age, live.send_timeout, live.hold_connections) == (
        7,
        8,
        9,
        False,
    )
    settings.DRF_STREAMING = {"HOLD_CONNECTIONS": True}
    live = SSEResponse([], heartbeat=None)._live
    assert (live.heartbeat, live.max_age, live.send_timeout, live.hold_connections) == (
        None,
        None,
        30,
        True,
    )
