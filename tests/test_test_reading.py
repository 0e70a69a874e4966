"""Clients of tests: they read as much as they want, and leave as others do."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from django.core.signals import request_finished
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from django.urls import path
from rest_framework.test import APIClient, APIRequestFactory

from drf_streaming.decorators import sse_stream
from drf_streaming.events import SSEEvent
from drf_streaming.responses import CSVResponse, NDJSONResponse, SSEResponse
from drf_streaming.test import (
    aopen_events,
    aopen_items,
    aread_events,
    aread_items,
    open_events,
    open_items,
    read_events,
    read_items,
)
from drf_streaming.throttling import OpenStreamsThrottle
from flights.models import Airline
from flights.views import AirlineViewSet
from live_readers import Ticks, Waiting

pytestmark = pytest.mark.django_db

sources = pytest.mark.parametrize("source", ["sync", "async"])


class OneAtATime(OpenStreamsThrottle):
    max_open_streams = 1
    scope = "ticks"


@pytest.fixture
def ticks(source: str, settings: Any) -> Ticks:
    """Return what counts at /ticks/, for one client at a time."""
    ticks = Ticks()
    view = sse_stream(lambda request: ticks.of(source), throttle_classes=[OneAtATime])
    settings.ROOT_URLCONF = (path("ticks/", view),)
    return ticks


def made(ticks: Ticks, source: str, factory: Any) -> HttpResponseBase:
    return sse_stream(lambda request: ticks.of(source))(factory.get("/"))


async def got(client: str, ticks: Ticks, source: str) -> HttpResponseBase:
    """Return what an async test has from its client or request factory."""
    if client == "client":
        return await AsyncClient().get("/ticks/")
    return made(ticks, source, AsyncRequestFactory())


@sources
@pytest.mark.parametrize("client", [Client, APIClient])
def test_a_client_takes_the_first_of_an_endless_stream_and_leaves(
    client: Callable[[], Any], source: str, ticks: Ticks
):
    for _ in range(2):
        assert [event.data for event in read_events(client().get("/ticks/"), 2)][-1] == str(
            ticks.given
        )
        assert ticks.closed.is_set()
        ticks.closed.clear()
    assert Airline.objects.count() == 16


@sources
@pytest.mark.parametrize("factory", [RequestFactory, APIRequestFactory])
def test_the_response_to_a_made_request_is_left_alike(factory: Any, source: str):
    ticks = Ticks()
    assert read_items(made(ticks, source, factory()), first=3) == [1, 2, 3]
    assert ticks.closed.is_set()
    assert Airline.objects.count() == 16


@sources
@pytest.mark.parametrize("client", ["client", "request factory"])
async def test_an_async_client_takes_the_first_and_leaves(client: str, source: str, ticks: Ticks):
    response = await got(client, ticks, source)
    assert await aread_events(response, 2) == [SSEEvent("1"), SSEEvent("2")]
    assert ticks.closed.is_set()
    response = await got(client, ticks, source)
    assert len(await aread_items(response, first=3)) == 3
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert await Airline.objects.acount() == 16


@sources
async def test_a_source_does_not_work_ahead_of_its_reader(source: str):
    ticks = Ticks()
    async with aopen_items(NDJSONResponse(ticks.of(source))) as items:
        assert await anext(items) == 1
        await asyncio.sleep(0.5)
        assert ticks.given < 10


@sources
async def test_a_request_is_finished_once(source: str, ticks: Ticks):
    finished: list[Any] = []

    def finish(**_: object) -> None:
        finished.append(True)

    request_finished.connect(finish)
    assert await aread_events(await got("request factory", ticks, source), 1)
    assert read_events(made(ticks, source, RequestFactory()), 1)
    assert len(finished) == 2
    assert await aread_events(await got("client", ticks, source), 1)
    assert len(finished) == 3
    request_finished.disconnect(finish)


async def test_no_more_is_read_than_there_is():
    assert read_items(NDJSONResponse([1, 2]), first=3) == [1, 2]
    assert await aread_items(NDJSONResponse([1, 2]), first=3) == [1, 2]
    assert read_items(NDJSONResponse([1, 2]), first=0) == []
    assert await aread_items(NDJSONResponse([1, 2]), first=0) == []


@sources
def test_a_test_acts_between_two_events(source: str):
    waiting = Waiting()
    with open_events(SSEResponse(waiting.of(source))) as events:
        assert next(events) == SSEEvent("first\nitem")
        waiting.go_on.set()
        assert [event.data for event in events] == ["second"]


@sources
async def test_a_test_gives_up_waiting_and_reads_on(source: str):
    waiting = Waiting()
    async with aopen_events(SSEResponse(waiting.of(source))) as events:
        assert await anext(events) == SSEEvent("first\nitem")
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await anext(events)
        waiting.go_on.set()
        assert [event.data async for event in events] == ["second"]
        assert [event async for event in events] == []
    assert waiting.closed.is_set()


async def test_the_wait_of_an_async_source_is_cancelled_when_the_client_leaves():
    cancelled = []

    async def source() -> AsyncIterator[int]:
        yield 1
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with aopen_items(NDJSONResponse(source())) as items:
        assert await anext(items) == 1
        # The source goes on by itself.
        await asyncio.sleep(0.05)
    assert cancelled == [True]


async def test_a_client_that_leaves_at_once_or_twice_harms_nobody():
    ticks = Ticks()
    for response in (NDJSONResponse(ticks.sync()), NDJSONResponse(ticks.asynchronous())):
        items = open_items(response)
        items.close()
        items.close()
        assert response.closed
        responded = aopen_items(response)
        await responded.aclose()
        await responded.aclose()
    assert ticks.given == 0


def test_a_list_whose_first_rows_are_read_already_is_closed_unread():
    closed = []

    class Letters(AirlineViewSet):
        def filter_queryset(self, queryset: Any) -> Iterator[Airline]:
            try:
                yield from queryset
            finally:
                closed.append(True)

    response = Letters.as_view({"get": "list"})(APIRequestFactory().get("/?stream=ndjson"))
    with open_items(response):
        assert closed == []
    assert closed == [True]


@sources
async def test_the_error_of_a_source_is_raised_where_it_is_read(source: str):
    def failing() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    async def afailing() -> AsyncIterator[int]:
        yield 1
        raise ZeroDivisionError

    def response() -> NDJSONResponse:
        return NDJSONResponse(failing() if source == "sync" else afailing())

    with open_items(response()) as items:
        assert next(items) == 1
        with pytest.raises(ZeroDivisionError):
            next(items)
        assert next(items, None) is None
    async with aopen_items(response()) as aitems:
        assert await anext(aitems) == 1
        with pytest.raises(ZeroDivisionError):
            await anext(aitems)
        assert await anext(aitems, None) is None


async def test_a_source_that_fails_when_nobody_looks_is_not_the_clients_business(caplog: Any):
    fail = asyncio.Event()

    async def failing() -> AsyncIterator[list[int]]:
        yield [1]
        yield [2]
        await fail.wait()
        raise ZeroDivisionError

    items = aopen_items(CSVResponse(failing()))
    assert await anext(items) == {"1": "2"}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(items)
    fail.set()
    await asyncio.sleep(0.05)
    await items.aclose()
    del items
    gc.collect()
    assert [record.name for record in caplog.records] == ["drf_streaming"]


async def test_a_list_that_is_no_stream_is_read_as_well():
    assert read_items(JsonResponse([1, 2], safe=False)) == [1, 2]
    assert await aread_items(JsonResponse([1, 2], safe=False)) == [1, 2]


def test_events_are_read_of_event_streams_only():
    with pytest.raises(ValueError, match="Expected the media type 'text/event-stream', got ''"):
        read_events(HttpResponse(headers={"Content-Type": ""}))
