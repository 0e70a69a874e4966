"""The lists that Django serves: those of this package, DRF's own, one by hand, restflow's."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.generics import ListAPIView
from restflow.responses import NDJSONResponse

from drf_streaming.generics import StreamingListAPIView

from .models import Order
from .serializers import SERIALIZERS, orders, overridden

READ_AT_ONCE = 2000


class Orders:
    case = ""

    def get_queryset(self) -> QuerySet:
        return orders(self.case, int(self.request.GET["rows"]))

    def get_serializer_class(self) -> Any:
        return SERIALIZERS[self.case]


class OwnList(Orders, ListAPIView):
    """DRF's own list, without pagination."""


class Columns(Orders, StreamingListAPIView):
    """A stream that reads columns."""


class Objects(Columns):
    """A stream that makes objects, and serializes them in columns."""

    def get_queryset(self) -> QuerySet:
        return orders(self.case, int(self.request.GET["rows"]), Order.as_objects)


class Fallback(Columns):
    """A stream that leaves every object to the serializer."""

    def get_serializer_class(self) -> Any:
        return overridden(SERIALIZERS[self.case])


GRADES = {"columns": Columns, "objects": Objects, "DRF": Fallback}


async def represented(case: str, rows: int) -> AsyncIterator[dict[str, Any]]:
    """Yield each order as one serializer represents it."""
    represent = SERIALIZERS[case]().to_representation
    async for order in orders(case, rows).aiterator(chunk_size=READ_AT_ONCE):
        yield represent(order)


def by_hand(case: str) -> Callable[..., Any]:
    async def view(request: HttpRequest) -> StreamingHttpResponse:
        items = represented(case, int(request.GET["rows"]))
        lines = (json.dumps(item) + "\n" async for item in items)
        return StreamingHttpResponse(lines, content_type="application/x-ndjson")

    return view


def restflow(case: str) -> Callable[..., Any]:
    async def view(request: HttpRequest) -> Any:
        return NDJSONResponse(represented(case, int(request.GET["rows"])))

    return view
