"""Views that real servers serve to the tests."""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone, translation
from rest_framework.request import Request
from rest_framework.views import APIView

from drf_streaming.generics import StreamingListAPIView
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.responses import NDJSONResponse, SSEResponse
from drf_streaming.throttling import OpenStreamsThrottle
from flights.models import Flight
from flights.serializers import FlightSerializer
from streamtests.middleware import tenant

RESPONSES = {"ndjson": NDJSONResponse, "sse": SSEResponse}


class Source:
    """Yield rows as the query string says, from a sync or an async generator.

    - rows: how many (default: without end)
    - pause: seconds before each row that comes after the first `burst` (default: 1) rows
    - fail_at: the row that fails, counted from 1
    - with: "clock" or "context": what a row says of the moment that it was made
    - mark: a file that is written when the generator is closed, with the number of its rows
    """

    def __init__(self, query: Any) -> None:
        self.numbers: Iterable[int] = count(1)
        if "rows" in query:
            self.numbers = range(1, int(query["rows"]) + 1)
        self.pause = float(query.get("pause", 0))
        self.burst = int(query.get("burst", 1))
        self.fail_at = int(query.get("fail_at", 0))
        self.extra = {"clock": clock, "context": context}.get(query.get("with", ""), dict)
        self.mark = query.get("mark")
        self.made = 0

    def rows(self) -> Iterator[dict[str, Any]]:
        try:
            for n in self.numbers:
                if self.pause and n > self.burst:
                    time.sleep(self.pause)
                yield self.row(n)
        finally:
            self.close()

    async def arows(self) -> AsyncIterator[dict[str, Any]]:
        try:
            for n in self.numbers:
                # Without a pause it never awaits anything.
                if self.pause and n > self.burst:
                    await asyncio.sleep(self.pause)
                yield self.row(n)
        finally:
            self.close()

    def row(self, n: int) -> dict[str, Any]:
        if n == self.fail_at:
            raise RuntimeError("the secret of this failure")
        self.made = n
        return {"n": n, **self.extra()}

    def close(self) -> None:
        if self.mark:
            written = Path(os.environ["STREAMTESTS_MARKS"], f"{self.mark}.new")
            written.write_text(str(self.made))
            written.rename(written.with_suffix(""))


def clock() -> dict[str, float]:
    # The same clock in every process.
    return {"at": time.monotonic()}


def context() -> dict[str, str]:
    return {
        "language": translation.get_language(),
        "time_zone": timezone.get_current_timezone_name(),
        "tenant": tenant.get(),
    }


class SourceView(StreamingListMixin, APIView):
    is_async = False

    def get(self, request: Request) -> HttpResponseBase:
        source = Source(request.query_params)
        rows = source.arows() if self.is_async else source.rows()
        return self.stream(rows, serializer_class=None)


class Limit(OpenStreamsThrottle):
    """Limit streams as the query string says.

    - limit: how many may be open
    - scope: which streams are counted together
    - cache: in which cache
    """

    cache_alias = "redis"
    lease = 4

    def allow_request(self, request: Request, view: APIView) -> bool:
        self.scope = request.query_params["scope"]
        self.cache_alias = request.query_params["cache"]
        return super().allow_request(request, view)

    def get_max_open_streams(self, request: Request, view: APIView) -> int:
        return int(request.query_params["limit"])


class LimitedView(SourceView):
    throttle_classes = [Limit]


def response(request: HttpRequest) -> HttpResponseBase:
    return RESPONSES[request.GET.get("format", "ndjson")](Source(request.GET).rows())


async def response_async(request: HttpRequest) -> HttpResponseBase:
    return RESPONSES[request.GET.get("format", "ndjson")](Source(request.GET).arows())


class FailsAt(FlightSerializer):
    """Fail at the row that `?fail_at=` names, counted from 1."""

    def to_representation(self, instance: Flight) -> dict[str, Any]:
        self.rows = getattr(self, "rows", 0) + 1
        if self.rows == int(self.context["request"].query_params.get("fail_at", 0)):
            raise RuntimeError("the secret of this failure")
        return super().to_representation(instance)


class FailingView(StreamingListAPIView):
    queryset = Flight.objects.select_related("carrier")
    serializer_class = FailsAt
    pagination_class = None


class Slow(FlightSerializer):
    """Take `?pause=` seconds for each flight."""

    def to_representation(self, instance: Flight) -> dict[str, Any]:
        time.sleep(float(self.context["request"].query_params.get("pause", 0.01)))
        return super().to_representation(instance)


class SlowFlightsView(StreamingListAPIView):
    """Stream flights, ten in a tenth of a second if `?pause=` says nothing else."""

    queryset = Flight.objects.select_related("carrier")
    serializer_class = Slow
    stream_chunk_size = 10


def collect(request: HttpRequest) -> HttpResponse:
    """Collect garbage, upon which whatever was left unfinished complains in the log."""
    gc.collect()
    return HttpResponse("collected")
