"""Views of live events that real servers serve to the tests."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from adversarial import items as adversarial_items
from drf_streaming.decorators import sse_stream
from drf_streaming.responses import SSEResponse
from flights.models import Airline
from streamtests.views import Source


class Guarded(APIView):
    """Greet the user of the session, and say nothing more: `?again=` seconds later once more."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated]

    @sse_stream
    async def get(self, request: Request) -> AsyncIterator[str]:
        source = Source(request.query_params)
        try:
            again = float(request.query_params.get("again", 3600))
            while True:
                user = await User.objects.aget(pk=request.user.pk)
                yield f"hello {user.username}"
                source.made += 1
                await asyncio.sleep(again)
        finally:
            source.close()


@sse_stream(permission_classes=[], authentication_classes=[], heartbeat=0.3)
def polling(request: Request) -> Iterator[str]:
    """Ask the database, then wait: as sync sources do."""
    source = Source(request.query_params)
    pause = float(request.query_params.get("pause", 1))
    try:
        while True:
            yield Airline.objects.order_by("code")[0].code
            source.made += 1
            for _ in range(int(pause / 0.1)):
                time.sleep(0.1)
    finally:
        source.close()


@sse_stream
async def reading(request: Request) -> AsyncIterator[str]:
    """Read a queryset over one cursor, however slowly."""
    async for airline in Airline.objects.order_by("code").aiterator(chunk_size=2):
        await asyncio.sleep(0.2)
        yield airline.code


@sse_stream
def reading_sync(request: Request) -> Iterator[str]:
    for airline in Airline.objects.order_by("code").iterator(chunk_size=2):
        time.sleep(0.1)
        yield airline.code


def events(request: HttpRequest) -> SSEResponse:
    """Send what `Source` makes, with the options in the query string."""
    source = Source(request.GET)
    options: dict[str, Any] = {
        name: float(request.GET[name])
        for name in ("heartbeat", "max_age", "send_timeout")
        if name in request.GET
    }
    wide = "x" * int(request.GET.get("wide", 0))
    if "async" in request.GET:
        return SSEResponse(({**row, "x": wide} async for row in source.arows()), **options)
    return SSEResponse(({**row, "x": wide} for row in source.rows()), **options)


@sse_stream(permission_classes=[], authentication_classes=[], heartbeat=0.01)
def adversarial(request: Request) -> Iterator[object]:
    """Send items made to break the stream, with a pause now and then."""
    seed, count = (int(request.query_params[name]) for name in ("seed", "count"))
    for n, (item, *_) in enumerate(adversarial_items(seed, count)):
        if n % 50 == 0:
            time.sleep(0.03)
        yield item


urlpatterns = [
    path("guarded/", Guarded.as_view()),
    path("polling/", polling),
    path("reading/", reading),
    path("reading-sync/", reading_sync),
    path("events/", events),
    path("adversarial/", adversarial),
]
