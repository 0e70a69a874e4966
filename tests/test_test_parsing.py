import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.permissions import IsAuthenticated
from rest_framework.test import APIRequestFactory

from drf_streaming.events import SSEEvent
from drf_streaming.generics import StreamingListAPIView
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
from flights.models import Airline
from flights.serializers import AirlineSerializer

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


@pytest.mark.parametrize("response_class", CLASSES)
def test_items_are_read_wherever_their_bytes_are_cut(response_class: Any):
    items = [{"n": 12, "s": 'é"\u2028\r\n,]'}, {"n": 3, "s": "[,"}]
    whole = b"".join(response_class(items))
    content_type = response_class(items).headers["Content-Type"]
    expected = read_items(HttpResponse(whole, content_type=content_type))
    assert [int(item["n"]) for item in expected] == [12, 3]
    for size in range(1, len(whole)):
        parts = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert read_items(StreamingHttpResponse(parts, content_type=content_type)) == expected


@pytest.mark.parametrize("response_class", CLASSES)
def test_the_first_item_is_there_before_the_second(response_class: Any):
    def items() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        # Only the second item tells that the first one in an array has come to its end.
        yield {"n": 2}
        raise AssertionError("read too far")

    expected = {"n": "1"} if response_class is CSVResponse else {"n": 1}
    assert read_items(response_class(items()), first=1) == [expected]


@pytest.mark.parametrize(
    "content",
    [
        HttpResponse('1\n{"$stream":"error","rows":1}\n', content_type="application/x-ndjson"),
        HttpResponse('\x1e1\n\x1e{"$stream":"error"}\n', content_type="application/json-seq"),
        HttpResponse("event: problem\ndata: {}\n\n", content_type="text/event-stream"),
        HttpResponse('[{"n":1},{"n"', content_type="application/json"),
        HttpResponse('{"results":[]}', content_type="application/json"),
    ],
    ids=["ndjson", "json-seq", "sse", "cut", "page"],
)
def test_the_mark_of_a_failure_is_an_error(content: HttpResponse):
    with pytest.raises(StreamBroken):
        read_items(content)


def test_the_end_of_a_list_of_events_is_no_item():
    stream = 'data: 1\n\nevent: end\nid: ~end\ndata: {"rows":1}\n\n'
    assert read_items(HttpResponse(stream, content_type="text/event-stream")) == [1]


def test_marks_are_no_items():
    stream = '1\n{"$stream":"mark","rows":1}\n2\n{"$stream":"end","rows":2}\n'
    assert read_items(HttpResponse(stream, content_type="application/x-ndjson")) == [1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        (" [ ] \n", []),
        ('[\n    [1, [2]],\n    "a,]",\n    null,\n    true\n]', [[1, [2]], "a,]", None, True]),
        ("[-1.5e3,{}]", [-1500.0, {}]),
    ],
)
def test_an_array_may_have_white_space_and_any_items(text: str, expected: list[Any]):
    for parts in (text, [text]):
        response = StreamingHttpResponse(parts, content_type="application/json")
        assert read_items(response) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\r\n1,2", [{"a": "1", "b": "2"}]),
        ('a\n"1\n""\n2"\n3\n', [{"a": '1\n"\n2'}, {"a": "3"}]),
        ("a\r\n\r\n1\r\n", [{"a": "1"}]),
        ("", []),
    ],
)
def test_csv_is_read_as_python_reads_it(text: str, expected: list[Any]):
    assert [*csv.DictReader(io.StringIO(text, newline=""))] == expected
    assert read_items(StreamingHttpResponse(text, content_type="text/csv")) == expected


def test_another_media_type_is_refused():
    with pytest.raises(ValueError, match="Expected the media type of a stream, got 'text/html'"):
        read_items(HttpResponse("<p>"))


class NobodyView(StreamingListAPIView):
    queryset = Airline.objects.all()
    serializer_class = AirlineSerializer
    permission_classes = [IsAuthenticated]


@pytest.mark.parametrize("stream", ["ndjson", "json", "sse", "csv", "json-seq"])
def test_the_refusal_of_a_list_has_no_items(stream: str):
    refused = NobodyView.as_view()(APIRequestFactory().get("/", {"stream": stream}))
    message = r"Expected a stream, got the status 403: .*credentials were not provided"
    # As a request factory gives it, and as a client does.
    for response in (refused, refused.render()):
        with pytest.raises(ValueError, match=message):
            read_items(response)


def test_a_refusal_has_no_events():
    with pytest.raises(ValueError, match=r"Expected a stream, got the status 404: .*no such clock"):
        read_events(HttpResponse("data: no such clock\n\n", "text/event-stream", 404))


def test_a_stream_may_have_any_status():
    assert read_items(NDJSONResponse(ITEMS, status=422)) == ITEMS


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
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    assert read_events(response) == expected
