"""A list is read by the source that its view, its database and its order allow."""

import json
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from drf_streaming import sources
from drf_streaming.exceptions import TimedOut
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.test import read_items
from flights.models import Flight
from flights.serializers import FlightSerializer
from whatwg import parse

pytestmark = pytest.mark.django_db


class ByPlace(StreamingListAPIView):
    queryset = Flight.objects.order_by("-departure_delay")
    serializer_class = FlightSerializer
    filter_backends: Any = ()
    stream_source = "keyset"
    stream_chunk_size = 500


class AsSet(ByPlace):
    stream_source = None


class AtRandom(ByPlace):
    queryset = Flight.objects.order_by("?")


def ask(view: Any) -> list[str]:
    """Return the queries of a stream of 3,000 rows."""
    with CaptureQueriesContext(connection) as queries:
        response = view.as_view()(APIRequestFactory().get("/", {"stream": "csv"}))
        assert len(read_items(response)) == 3_000
    return [query["sql"] for query in queries if "flights_flight" in query["sql"]]


def test_a_view_chooses_its_source():
    # 100 rows, then 4 chunks each.
    assert len(ask(ByPlace)) == 3


def test_a_setting_chooses_for_the_views_that_do_not():
    with override_settings(DRF_STREAMING={"SOURCE": "keyset"}):
        assert len(ask(AsSet)) == 3
    with override_settings(DRF_STREAMING={"SOURCE": "cursor"}):
        assert len(ask(AsSet)) == 1


def test_a_list_in_random_order_cannot_be_read_by_place():
    with pytest.raises(ImproperlyConfigured, match="its order is random"):
        ask(AtRandom)


class Clock:
    """A clock by which each row takes a second."""

    now = 0.0

    @classmethod
    def monotonic(cls) -> float:
        return cls.now


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "time", Clock)


class Slowly(serializers.ModelSerializer):
    slow = serializers.SerializerMethodField()

    class Meta:
        model = Flight
        fields = ["id", "slow"]

    def get_slow(self, flight: Flight) -> None:
        Clock.now += 1


class Slow(StreamingListAPIView):
    """A list of three chunks that has time for two."""

    serializer_class = Slowly
    filter_backends: Any = ()
    stream_timeout: float | None = 15
    stream_chunk_size = 10

    def get_queryset(self) -> Any:
        keys = Flight.objects.order_by("id").values_list("id", flat=True)[:30]
        return Flight.objects.filter(id__in=[*keys])


def ask_slow(view: Any = Slow, **query: Any) -> tuple[bytes, int]:
    """Return what a stream sends, and the status that it is broken off with."""
    response = view.as_view()(APIRequestFactory().get("/", query))
    body = b""
    try:
        for block in response.streaming_content:
            body += block
    except TimedOut as error:
        return body, error.status_code
    return body, 200


@pytest.mark.parametrize("source", ["cursor", "keyset"])
class TestTimeout:
    def test_a_stream_that_takes_too_long_is_broken_off(
        self, source: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(Slow, "stream_source", source)
        body, status = ask_slow(stream="ndjson")
        *rows, mark = map(json.loads, body.splitlines())
        assert (len(rows), status) == (20, 503)
        assert mark.pop("detail").startswith("A stream may take 15 seconds here.")
        place = mark.pop("resume")
        assert mark == {
            "$stream": "error",
            "status": 503,
            "title": "Service Unavailable",
            "rows": 20,
        }
        rest, _ = ask_slow(stream="ndjson", after=place)
        found = [row["id"] for row in [*rows, *map(json.loads, rest.splitlines())]]
        assert found == [*Slow().get_queryset().order_by("id").values_list("id", flat=True)]

    def test_events_end_so_that_the_client_comes_back(
        self, source: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(Slow, "stream_source", source)
        body, status = ask_slow(stream="sse")
        assert status == 200
        assert {event.type for event in parse(body).messages} == {"message"}
        assert len(parse(body).messages) == 20

    def test_a_setting_is_the_limit_of_views_that_have_none(
        self, source: str, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(Slow, "stream_source", source)
        monkeypatch.setattr(Slow, "stream_timeout", None)
        with override_settings(DRF_STREAMING={"TIMEOUT": 15}):
            assert ask_slow(stream="csv")[1] == 503
        assert ask_slow(stream="csv")[1] == 200


def test_events_of_a_list_without_places_are_broken_off():
    class AtRandomSlowly(Slow):
        def get_queryset(self) -> Any:
            return super().get_queryset().order_by("?")

    body, status = ask_slow(AtRandomSlowly, stream="sse")
    assert status == 503
    assert parse(body).messages[-1].type == "problem"
