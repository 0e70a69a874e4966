"""How projects use the package. Type checkers read this file; nobody runs it.

Each `type: ignore` stands at a mistake, and is itself reported where a checker finds none.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from typing import Any, assert_type

import httpx
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.views import View
from rest_framework.decorators import action
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from drf_streaming.client import Export
from drf_streaming.decorators import sse_stream
from drf_streaming.encoders import Encoder
from drf_streaming.events import SSEEvent
from drf_streaming.framing import Framing
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.renderers import BaseStreamingRenderer, CSVRenderer, NDJSONRenderer
from drf_streaming.responses import (
    CSVResponse,
    JSONSeqResponse,
    NDJSONResponse,
    SSEResponse,
    StreamingJSONListResponse,
)
from drf_streaming.settings import DEFAULTS
from drf_streaming.test import (
    AsyncOpenStream,
    OpenStream,
    aopen_events,
    aopen_items,
    aread_events,
    aread_items,
    leave,
    open_events,
    open_items,
    parse_events,
    read_events,
    read_items,
)
from drf_streaming.throttling import OpenStreamsThrottle
from drf_streaming.viewsets import StreamingModelViewSet, StreamingReadOnlyModelViewSet
from flights.models import Airline
from flights.serializers import AirlineSerializer

# Views


class LinesRenderer(NDJSONRenderer):
    media_type = "application/x-lines"
    aliases = ("application/lines",)
    format = "lines"
    framing = Framing("application/x-lines", after=b"\n")

    def get_encoder(self, serializer: BaseSerializer[Any] | None = None) -> Encoder:
        return self.get_json()


class Airlines(StreamingListMixin, ReadOnlyModelViewSet[Airline]):
    queryset = Airline.objects.all()
    serializer_class = AirlineSerializer
    throttle_classes = [OpenStreamsThrottle]
    streaming_renderer_classes = [LinesRenderer, "drf_streaming.renderers.CSVRenderer"]
    stream_actions = ["list", "fleets"]
    stream_chunk_size = 100
    stream_max_rows = 1_000
    stream_source = "keyset"
    stream_timeout = 2.5

    def get_streaming_renderers(self) -> list[BaseStreamingRenderer]:
        return [*super().get_streaming_renderers(), CSVRenderer()]

    def get_stream_chunk_size(self) -> int:
        return 2 * super().get_stream_chunk_size()

    def get_stream_max_rows(self) -> int | None:
        return None if self.request.user.is_authenticated else super().get_stream_max_rows()

    def get_stream_source(self) -> str:
        return "cursor" if self.action == "fleets" else super().get_stream_source()

    def get_stream_timeout(self) -> float | None:
        return assert_type(super().get_stream_timeout(), float | None)

    @action(detail=False)
    def fleets(self, request: Request) -> HttpResponseBase:
        return assert_type(self.stream(Airline.objects.values("fleet")), HttpResponseBase)

    async def numbers(self, request: Request) -> HttpResponseBase:
        async def rows() -> AsyncIterator[int]:
            yield 1

        self.stream(1)  # type: ignore[arg-type]
        return await self.astream(rows(), serializer_class=None)

    @action(detail=False)
    @sse_stream(retry=1000, permission_classes=[IsAuthenticated])
    def live(self, request: Request) -> Iterator[str]:
        yield "event"


class WrongAirlines(StreamingListMixin, ListAPIView[Airline]):
    streaming_renderer_classes = [IsAuthenticated]  # type: ignore[list-item]
    stream_actions = 1  # type: ignore[assignment]
    stream_chunk_size = "100"  # type: ignore[assignment]
    stream_max_rows = "1000"  # type: ignore[assignment]
    stream_source = 1  # type: ignore[assignment]
    stream_timeout = "2"  # type: ignore[assignment]

    def get_stream_chunk_size(self) -> str:  # type: ignore[override]
        return "100"


class ListView(StreamingListAPIView):
    def get_queryset(self) -> QuerySet[Airline]:
        return Airline.objects.all()


class Numbers(StreamingListMixin, APIView):
    def get(self, request: Request) -> HttpResponseBase:
        return self.stream(range(3), serializer_class=None)


class ReadOnly(StreamingReadOnlyModelViewSet):
    serializer_class = AirlineSerializer


class All(StreamingModelViewSet):
    serializer_class = AirlineSerializer


assert_type(NDJSONRenderer.framing, Framing)
assert_type(LinesRenderer().render({"n": 1}), bytes)


# Responses


async def numbers() -> AsyncIterator[int]:
    yield 1


def respond() -> None:
    items: list[Iterable[Any] | AsyncIterable[Any]] = [
        [1], (1, 2), range(3), iter([1]), numbers(), Airline.objects.all(), Airline.objects.values()
    ]  # fmt: skip
    for each in items:
        assert_type(NDJSONResponse(each), NDJSONResponse)
        responses: list[StreamingHttpResponse] = [
            NDJSONResponse(each, status=201, headers={"X-A": "b"}),
            JSONSeqResponse(each, content_type="application/json-seq"),
            StreamingJSONListResponse(each, on_error="cut", reason="Fine"),
            SSEResponse(each, retry=None, heartbeat=None, max_age=60, send_timeout=2.5),
            CSVResponse(each, filename="a.csv", guard_formulas=False, charset="utf-8"),
        ]
        assert_type(responses[0].is_async, bool)
    NDJSONResponse(1)  # type: ignore[arg-type]
    NDJSONResponse(len)  # type: ignore[arg-type]
    NDJSONResponse([], encoder=SSEEvent)  # type: ignore[arg-type]
    NDJSONResponse([], status="201")  # type: ignore[arg-type]
    JSONSeqResponse([], content="text/plain")  # type: ignore[call-arg]
    StreamingJSONListResponse([], on_error="ignore")  # type: ignore[arg-type]
    SSEResponse([], retry="1")  # type: ignore[arg-type]
    SSEResponse([], heartbeats=1)  # type: ignore[call-arg]
    CSVResponse([], filename=None)  # type: ignore[arg-type]


# Events


event = SSEEvent({"n": 1}, event="tick", id="1", retry=1000, comment="a")
assert_type(event.data, Any)
assert_type(event.event, str | None)
assert_type(event.retry, int | None)
assert_type(event.encode(), bytes)
SSEEvent("a", id=1)  # type: ignore[arg-type]
SSEEvent("a", retry="1")  # type: ignore[arg-type]
event.data = "b"  # type: ignore[misc]


@sse_stream
def counted(request: HttpRequest) -> Generator[int]:
    yield 1


@sse_stream
async def awaited(request: HttpRequest, number: int) -> list[int]:
    return [number]


@sse_stream(
    authentication_classes=[],
    permission_classes=[IsAuthenticated],
    throttle_classes=[OpenStreamsThrottle],
    retry=None,
    heartbeat=5,
    max_age=None,
    send_timeout=2.5,
    hold_connections=True,
)
async def ticks(request: Request) -> AsyncIterator[SSEEvent]:
    yield SSEEvent("tick")


class OfDjango(View):
    @sse_stream
    def get(self, request: HttpRequest) -> Iterable[str]:
        return ["a"]


class OfDRF(APIView):
    @sse_stream(max_age=60)
    async def get(self, request: Request, pk: int) -> AsyncIterator[str]:
        yield str(pk)


urlpatterns = [
    path("counted/", counted),
    path("awaited/<int:number>/", awaited),
    path("ticks/", ticks),
    path("django/", OfDjango.as_view()),
    path("drf/<int:pk>/", OfDRF.as_view()),
]


def ask(request: HttpRequest, asked: Request) -> None:
    assert_type(counted(request), HttpResponseBase)
    assert_type(awaited(request, number=1), HttpResponseBase)
    assert_type(ticks(asked), HttpResponseBase)
    assert_type(OfDjango().get(request), HttpResponseBase)
    assert_type(OfDRF().get(asked, pk=1), HttpResponseBase)
    options: Callable[[HttpRequest], HttpResponseBase] = sse_stream(counted_items, retry=5)
    options(request)
    counted()  # type: ignore[call-arg]
    awaited(request, number="1")  # type: ignore[arg-type]
    OfDRF().get(asked)  # type: ignore[call-arg]


def counted_items(request: HttpRequest) -> Iterator[int]:
    yield 1


def length(request: HttpRequest) -> int:
    return 1


sse_stream(1)  # type: ignore[call-overload]
sse_stream(length)  # type: ignore[arg-type]
sse_stream(retry="1")  # type: ignore[call-overload]
sse_stream(heart_beat=1)  # type: ignore[call-overload]
sse_stream(permission_classes=IsAuthenticated)  # type: ignore[call-overload]


# Limits


class Throttle(OpenStreamsThrottle):
    scope = "exports"
    max_open_streams = 2
    max_open_streams_in_all = 10
    lease = 30
    cache_alias = "default"

    def get_max_open_streams(self, request: Request, view: APIView) -> int | None:
        return super().get_max_open_streams(request, view)

    def get_identity(self, request: Request, view: APIView) -> str:
        return super().get_identity(request, view)


class WrongThrottle(OpenStreamsThrottle):
    max_open_streams = "2"  # type: ignore[assignment]


assert_type(DEFAULTS["CHUNK_SIZE"], Any)


# Tests


async def read(response: HttpResponseBase) -> None:
    assert_type(read_items(response, first=2), list[Any])
    assert_type(read_events(response, 2), list[SSEEvent])
    assert_type(await aread_items(response), list[Any])
    assert_type(await aread_events(response), list[SSEEvent])
    assert_type(open_items(response), OpenStream[Any])
    with open_events(response) as events:
        assert_type(events, OpenStream[SSEEvent])
        assert_type(next(events), SSEEvent)
        assert_type([each.id for each in events], list[str | None])
    async with aopen_events(response) as aevents:
        assert_type(await anext(aevents), SSEEvent)
        assert_type([each async for each in aevents], list[SSEEvent])
    assert_type(aopen_items(response), AsyncOpenStream[Any])
    assert_type(next(parse_events("data: a\n\n")), SSEEvent)
    leave(response)
    read_items(b"[]")  # type: ignore[arg-type]
    read_events(response, first="2")  # type: ignore[arg-type]
    next(aopen_items(response))  # type: ignore[call-overload]


# The client


export = Export(httpx.Client(), "http://127.0.0.1:8000/airlines/?stream=ndjson", attempts=3)
assert_type(iter(export), Iterator[bytes])
assert_type(export.total, int | None)
Export("http://127.0.0.1:8000/airlines/")  # type: ignore[call-arg, arg-type]
