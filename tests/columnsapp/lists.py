"""Lists in many orders, and what a stream of them answers."""

import json
from contextlib import suppress
from typing import Any, NamedTuple

from django.db.models import Count, F
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from columnsapp import data
from columnsapp.models import Thing
from columnsapp.serializers import model_serializer, plain
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.test import leave
from whatwg import Message, parse

NAMES = [
    "id", "name", "number", "real", "price", "exact", "moment", "day", "at", "span", "uuid", "flag",
    "maybe", "status", "big", "maker", "backup",
]  # fmt: skip
Shown = model_serializer(
    Thing, [*NAMES, "maker_name"], maker_name=serializers.CharField(source="maker.name")
)
Hidden = model_serializer(Thing, ["id"])


class ByDRF(Hidden):  # type: ignore[misc, valid-type]
    def to_representation(self, instance: Thing) -> Any:
        instance.number = instance.name = None
        return {"id": instance.pk}


WithMethod = plain(
    id=serializers.IntegerField(),
    method=serializers.SerializerMethodField(),
    get_method=lambda self, row: 1,
)
ROWS = 18
ORDERINGS: list[Any] = [
    [],
    ["id"],
    ["-id"],
    ["pk"],
    ["-number"],
    ["flag", "-maybe", "name"],
    ["maybe"],
    ["-maybe", "-id"],
    ["real"],
    ["price", "-exact"],
    ["-moment"],
    ["day", "at", "span"],
    ["uuid", "-big"],
    ["maker"],
    ["-maker", "name"],
    ["backup", "flag"],
    ["maker_id", "-id"],
    ["maker__name", "flag"],
    ["-backup__country", "maker__founded"],
    ["parent__maker__name"],
    ["maker__pk", "number"],
    ["annotated"],
    ["-counted", "name"],
    ["-from_related"],
    ["aliased", "-name"],
    [F("maybe").asc(nulls_first=True)],
    [F("maybe").asc(nulls_last=True), "-id"],
    [F("moment").desc(nulls_first=True), "flag"],
    [F("moment").desc(nulls_last=True)],
    [F("number")],
    ["id", "name"],
    ["number", "number"],
]


def make() -> None:
    """Make the things, each with another that the order may not tell from it."""
    data.make()
    for thing in Thing.objects.all():
        thing.pk, thing.number = None, -1
        thing._state.adding = True
        thing.save()


def things(*order_by: Any) -> Any:
    rows = Thing.objects.annotate(
        annotated=F("number") * 2,
        counted=Count("tags"),
        from_related=F("backup__founded"),
    )
    return rows.alias(aliased=F("status")).order_by(*order_by)


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def events(self) -> list[Message]:
        return parse(self.body).messages

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Each row with its id."""
        return [(each.last_event_id, each.data) for each in self.events if each.type == "message"]

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


def get(
    serializer: Any,
    rows: Any,
    stream: str = "sse",
    header: str = "",
    source: str = "auto",
    **query: Any,
) -> Answer:
    class View(StreamingListAPIView):
        filter_backends: Any = ()
        permission_classes: Any = ()
        authentication_classes: Any = ()
        stream_chunk_size = 4
        stream_source = source

        def get_queryset(self) -> Any:
            return rows() if callable(rows) else rows.all()

        def get_serializer_class(self) -> Any:
            return serializer

    headers = {"Last-Event-ID": header} if header else {}
    request = APIRequestFactory().get("/things/", {"stream": stream, **query}, headers=headers)
    response = View.as_view()(request)
    if not response.streaming:
        return Answer(response.status_code, response.render().content)
    body = b""
    with suppress(ZeroDivisionError):
        for block in response.streaming_content:
            body += block
    leave(response)
    return Answer(response.status_code, body)
