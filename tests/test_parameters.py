"""What a request asks of a stream besides its format."""

import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIRequestFactory

from drf_streaming import framing
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.renderers import BaseStreamingRenderer
from drf_streaming.test import read_events
from flights.models import Airline
from flights.serializers import AirlineSerializer

pytestmark = pytest.mark.django_db
on = pytest.mark.parametrize
URL = "/airlines/"


class Answer(NamedTuple):
    status: int
    total: str | None
    body: bytes

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


def get(method: str = "get", **query: Any) -> Answer:
    response = getattr(Client(), method)(URL, query)
    return Answer(response.status_code, response.headers.get("X-Total-Count"), response.getvalue())


def queries(**query: Any) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        get(**query)
    return [each["sql"] for each in captured]


class Own(BaseStreamingRenderer):
    media_type = "text/event-stream"
    format = "sse"
    framing = framing.sse(retry=100)


class OwnAirlines(StreamingListAPIView):
    permission_classes: Any = ()
    streaming_renderer_classes: Any = (Own,)
    queryset = Airline.objects.order_by("code")
    serializer_class = AirlineSerializer


class TestStart:
    """Where a stream begins."""

    def test_events_of_a_renderer_of_the_project_go_on_as_those_of_the_package_do(self):
        def events(**headers: Any) -> Any:
            request = APIRequestFactory().get("/", {"stream": "sse"}, headers=headers)
            return OwnAirlines.as_view()(request)

        first, *others, end = read_events(events())
        assert len(others) == Airline.objects.count() - 1
        assert read_events(events(**{"Last-Event-ID": first.id}))[:-1] == others
        assert events(**{"Last-Event-ID": end.id}).status_code == 204


class TestCount:
    """`?count=1` asks how many rows there are."""

    @on("stream", ["ndjson", "json", "csv", "sse", "json-seq"])
    def test_a_header_tells_the_number_of_rows(self, stream: str):
        assert get(stream=stream, count=1).total == str(Airline.objects.count())

    def test_one_query_more_finds_it(self):
        plain, counted = queries(stream="json"), queries(stream="json", count=1)
        assert len(counted) == len(plain) + 1
        assert sum("COUNT(*)" in each for each in counted) == 1

    @on("count", [None, "0"])
    def test_nothing_is_counted_that_nobody_asks_for(self, count: str | None):
        assert get(stream="ndjson", **({} if count is None else {"count": count})).total is None

    def test_a_head_request_gets_the_number_and_no_row(self):
        assert get("head", stream="sse", count=1) == (200, str(Airline.objects.count()), b"")
        assert len(queries(method="head", stream="sse", count=1)) == 1

    def test_the_filters_of_the_request_count(self):
        found = get(stream="ndjson", count=1, search="Delta")
        assert found.total == "1"
        assert len(found.lines) == 1

    def test_events_begin_with_it_as_a_comment(self):
        opening = b'retry: 3000\n:\n: {"total":%d}\n' % Airline.objects.count()
        assert get(stream="sse", count=1).body.startswith(opening + b"id: ")

    def test_marks_tell_it(self):
        marks = [each for each in get(stream="ndjson", count=1, marks=5).lines if "$stream" in each]
        total = Airline.objects.count()
        assert {mark["total"] for mark in marks} == {total}
        assert marks[-1]["rows"] == total

    def test_a_list_that_goes_on_has_the_number_of_all_its_rows(self):
        place = next(
            each["resume"] for each in get(stream="ndjson", marks=5).lines if "$stream" in each
        )
        rest = get(stream="ndjson", count=1, after=place)
        assert rest.total == str(Airline.objects.count())
        assert len(rest.lines) == Airline.objects.count() - 5

    @on(("rows", "total"), [([1, 2, 3], "3"), ((1, 2), "2"), (iter([1]), None)])
    def test_rows_that_are_no_queryset_are_counted_where_they_can_be(self, rows: Any, total: Any):
        class View(StreamingListAPIView):
            permission_classes: Any = ()

            def get(self, request: Any) -> Any:
                return self.stream(rows, serializer_class=None)

        response = View.as_view()(APIRequestFactory().get("/", {"stream": "ndjson", "count": 1}))
        assert response.headers.get("X-Total-Count") == total
        response.close()

    @on("count", ["yes", "-1", "", "2", "0000000001"])
    def test_what_is_neither_is_refused(self, count: str):
        answer = get(stream="ndjson", count=count)
        assert answer.status == 400
        assert answer.lines == [{"count": [f"Expected 1 for a count, or 0, got {count!r}."]}]


NAMES = ["after", "last_event_id", "marks", "count", "search", "ordering", "page", "format", "none"]


@on("text", ["\0", "a\0b", "\ud800", "9" * 5000, "٣", "\r\n", "", "~end", "="])
@on("name", NAMES)
def test_no_text_in_a_parameter_is_an_error_of_the_server(name: str, text: str):
    query = urlencode({"stream": "sse", name: text}, errors="surrogatepass")
    response = Client().get(f"/flights/?{query}&origin=JFK")
    response.close()
    assert response.status_code in (200, 204, 400)
