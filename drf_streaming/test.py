"""Read streams in tests: the responses of Django's and DRF's test clients."""

import csv
import io
import json
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Any, cast

from django.http import HttpResponseBase

from drf_streaming.events import SSEEvent

ERROR = "error"


class StreamBroken(AssertionError):
    """Say that a stream ended with the mark of a failure."""


def read_items(response: HttpResponseBase) -> list[Any]:
    """Return the items of a streamed list in any format; those of CSV are dicts of text.

    Errors: StreamBroken where the stream says that it failed.
    """
    return _items(response, _content(response))


async def aread_items(response: HttpResponseBase) -> list[Any]:
    """Return the items of a streamed list in any format; those of CSV are dicts of text.

    Errors: StreamBroken where the stream says that it failed.
    """
    return _items(response, await _acontent(response))


def read_events(response: HttpResponseBase) -> list[SSEEvent]:
    """Return the events of a stream, `data` as text."""
    return list(parse_events(_content(response).decode()))


async def aread_events(response: HttpResponseBase) -> list[SSEEvent]:
    """Return the events of a stream, `data` as text."""
    return list(parse_events((await _acontent(response)).decode()))


def _content(response: Any) -> bytes:
    return b"".join(cast(Iterable[bytes], response))


async def _acontent(response: Any) -> bytes:
    return b"".join([part async for part in cast(AsyncIterable[bytes], response)])


def _items(response: HttpResponseBase, content: bytes) -> list[Any]:
    text = content.decode()
    match response.headers["Content-Type"].partition(";")[0]:
        case "application/json":
            return cast(list[Any], json.loads(text))
        case "application/x-ndjson":
            return _unbroken(json.loads(line) for line in text.split("\n") if line)
        case "application/json-seq":
            return _unbroken(json.loads(record) for record in text.split("\x1e") if record)
        case "text/event-stream":
            return _from_events(parse_events(text))
        case "text/csv":
            return list(csv.DictReader(io.StringIO(text, newline="")))
        case other:
            raise ValueError(f"Expected the media type of a stream, got {other!r}")


def _unbroken(records: Iterable[Any]) -> list[Any]:
    items = list(records)
    if items and isinstance(items[-1], dict) and items[-1].get("$stream") == ERROR:
        raise StreamBroken(items[-1])
    return items


def _from_events(events: Iterable[SSEEvent]) -> list[Any]:
    items = []
    for event in events:
        if event.event == "problem":
            raise StreamBroken(event.data)
        if event.event != "end":
            items.append(json.loads(event.data))
    return items


def parse_events(text: str) -> Iterator[SSEEvent]:
    """Yield the events of an event stream as a browser would dispatch them."""
    # https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # What comes after the last line end is no line.
    del lines[-1]
    data: list[str] = []
    event, last_id = "", None
    for line in lines:
        if not line:
            if data:
                yield SSEEvent("\n".join(data), event or None, last_id)
            data, event = [], ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "data":
                data.append(value)
            case "event":
                event = value
            case "id" if "\0" not in value:
                last_id = value
