from typing import Any

import pytest
from django.http import HttpResponse

from drf_streaming.events import SSEEvent
from drf_streaming.responses import (
    CSVResponse,
    JSONSeqResponse,
    NDJSONResponse,
    SSEResponse,
    StreamingJSONListResponse,
)
from drf_streaming.test import (
    StreamBroken,
    aread_events,
    aread_items,
    parse_events,
    read_events,
    read_items,
)

ITEMS = [{"n": 1, "s": "\u2028\n"}, {"n": 2, "s": ""}]
CLASSES = [NDJSONResponse, JSONSeqResponse, StreamingJSONListResponse, SSEResponse, CSVResponse]


@pytest.mark.parametrize("response_class", CLASSES)
async def test_items_are_read_from_every_format(response_class: Any):
    expected: list[Any] = ITEMS
    if response_class is CSVResponse:
        expected = [{"n": str(item["n"]), "s": item["s"]} for item in ITEMS]
    assert read_items(response_class(ITEMS)) == expected
    assert await aread_items(response_class(ITEMS)) == expected


async def test_events_are_read_with_their_fields():
    def events() -> Any:
        return SSEResponse([SSEEvent("a\nb", event="tick", id="1"), "text"])

    expected = [SSEEvent("a\nb", event="tick", id="1"), SSEEvent("text", id="1")]
    assert read_events(events()) == expected
    assert await aread_events(events()) == expected


@pytest.mark.parametrize(
    "content",
    [
        HttpResponse('1\n{"$stream":"error","rows":1}\n', content_type="application/x-ndjson"),
        HttpResponse('\x1e1\n\x1e{"$stream":"error"}\n', content_type="application/json-seq"),
        HttpResponse("event: problem\ndata: {}\n\n", content_type="text/event-stream"),
    ],
    ids=["ndjson", "json-seq", "sse"],
)
def test_the_mark_of_a_failure_is_an_error(content: HttpResponse):
    with pytest.raises(StreamBroken):
        read_items(content)


def test_the_end_of_a_list_of_events_is_no_item():
    stream = 'data: 1\n\nevent: end\nid: ~end\ndata: {"rows":1}\n\n'
    assert read_items(HttpResponse(stream, content_type="text/event-stream")) == [1]


def test_another_media_type_is_refused():
    with pytest.raises(ValueError, match="Expected the media type of a stream, got 'text/html'"):
        read_items(HttpResponse("<p>"))


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("data: a\r\ndata: b\r\rdata: c\n\n", [SSEEvent("a\nb"), SSEEvent("c")]),
        ("data\n\n", [SSEEvent("")]),
        ("data:  two spaces\n\n", [SSEEvent(" two spaces")]),
        (":comment\nretry: 5\nunknown: x\n\ndata: a\n\n", [SSEEvent("a")]),
        ("event: lost\n\ndata: a\n\n", [SSEEvent("a")]),
        ("id: a\0b\ndata: a\n\n", [SSEEvent("a")]),
        ("id: 1\n\ndata: a\n\n", [SSEEvent("a", id="1")]),
        ("data: cut", []),
        ("data: cut\n", []),
        ("\ufeffdata: a\n\n", [SSEEvent("a")]),
    ],
    ids=repr,
)
def test_events_are_parsed_as_the_standard_says(stream: str, expected: list[SSEEvent]):
    assert list(parse_events(stream)) == expected
