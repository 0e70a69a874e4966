"""Read streams in tests: the responses of Django's and DRF's test clients and request factories."""

from collections.abc import AsyncIterator
from itertools import islice
from typing import Any, TypeVar

from django.http import HttpResponseBase

from drf_streaming.events import SSEEvent
from drf_streaming.test.parsing import StreamBroken, events_of, items_of, parse_events
from drf_streaming.test.reading import AsyncOpenStream, OpenStream, leave

__all__ = [
    "AsyncOpenStream",
    "OpenStream",
    "StreamBroken",
    "aopen_events",
    "aopen_items",
    "aread_events",
    "aread_items",
    "leave",
    "open_events",
    "open_items",
    "parse_events",
    "read_events",
    "read_items",
]

T = TypeVar("T")
END: Any = object()


def read_items(response: HttpResponseBase, first: int | None = None) -> list[Any]:
    """Return the items of a streamed list in any format, or the first few; then leave.

    Shape: the items of CSV are dicts of text; marks are no items.
    Errors: StreamBroken where the stream says that it failed; ValueError for a refusal, or what
        is no list.
    """
    with open_items(response) as items:
        return list(islice(items, first))


async def aread_items(response: HttpResponseBase, first: int | None = None) -> list[Any]:
    """Return the items of a streamed list in any format, or the first few; then leave.

    Shape: the items of CSV are dicts of text; marks are no items.
    Errors: StreamBroken where the stream says that it failed; ValueError for a refusal, or what
        is no list.
    """
    async with aopen_items(response) as items:
        return await _take(items, first)


def read_events(response: HttpResponseBase, first: int | None = None) -> list[SSEEvent]:
    """Return the events of a stream, `data` as text, or the first few; then leave.

    Errors: ValueError for a refusal, or what is no stream of events.
    """
    with open_events(response) as events:
        return list(islice(events, first))


async def aread_events(response: HttpResponseBase, first: int | None = None) -> list[SSEEvent]:
    """Return the events of a stream, `data` as text, or the first few; then leave.

    Errors: ValueError for a refusal, or what is no stream of events.
    """
    async with aopen_events(response) as events:
        return await _take(events, first)


def open_items(response: HttpResponseBase) -> OpenStream[Any]:
    """Return the items of a streamed list one by one; the client leaves where it is closed.

    Errors: as `read_items`.
    """
    return OpenStream(response, items_of(response))


def open_events(response: HttpResponseBase) -> OpenStream[SSEEvent]:
    """Return the events of a stream one by one; the client leaves where it is closed.

    Errors: as `read_events`.
    """
    return OpenStream(response, events_of(response))


def aopen_items(response: HttpResponseBase) -> AsyncOpenStream[Any]:
    """Return the items of a streamed list one by one; the client leaves where it is closed.

    Errors: as `read_items`.
    """
    return AsyncOpenStream(response, items_of(response))


def aopen_events(response: HttpResponseBase) -> AsyncOpenStream[SSEEvent]:
    """Return the events of a stream one by one; the client leaves where it is closed.

    Errors: as `read_events`.
    """
    return AsyncOpenStream(response, events_of(response))


async def _take(items: AsyncIterator[T], first: int | None) -> list[T]:
    taken: list[T] = []
    while len(taken) != first and (item := await anext(items, END)) is not END:
        taken.append(item)
    return taken
