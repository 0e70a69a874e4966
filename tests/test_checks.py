import json
from typing import Any

import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from django.test import override_settings
from django.urls import include, path
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.routers import SimpleRouter

from drf_streaming import checks
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.renderers import BaseStreamingRenderer, NDJSONRenderer
from flights.views import AirlineViewSet

GZIP = "django.middleware.gzip.GZipMiddleware"


class WithoutFraming(BaseStreamingRenderer):
    media_type = "application/nothing"
    format = "nothing"


class Item(serializers.Serializer):
    name = serializers.CharField()


class Reserved(Item):
    def get_fields(self) -> Any:
        return {**super().get_fields(), "$stream": serializers.CharField()}


class NeedsArguments(serializers.BaseSerializer):
    def __init__(self, needed: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


def ids(messages: list[CheckMessage]) -> list[str]:
    return sorted(message.id for message in messages)


def test_the_test_project_has_nothing_to_complain_of():
    assert run_checks() == []


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        ({}, []),
        ({"CHUNK_SIZE": 1, "MAX_ROWS": 1, "QUERY_PARAMETER": "as"}, []),
        ({"RENDERER_CLASSES": [NDJSONRenderer]}, []),
        ([], ["drf_streaming.E001"]),
        ({"CHUNK_SIZES": 5}, ["drf_streaming.E001"]),
        ({1: 5}, ["drf_streaming.E001"]),
        ({"QUERY_PARAMETER": ""}, ["drf_streaming.E002"]),
        ({"QUERY_PARAMETER": None}, ["drf_streaming.E002"]),
        ({"CHUNK_SIZE": 0}, ["drf_streaming.E003"]),
        ({"CHUNK_SIZE": "500"}, ["drf_streaming.E003"]),
        ({"CHUNK_SIZE": True}, ["drf_streaming.E003"]),
        ({"CHUNK_SIZE": None}, ["drf_streaming.E003"]),
        ({"MAX_ROWS": 0}, ["drf_streaming.E004"]),
        ({"MAX_ROWS": 1.5}, ["drf_streaming.E004"]),
        ({"RENDERER_CLASSES": []}, ["drf_streaming.E005"]),
        ({"RENDERER_CLASSES": "ndjson"}, ["drf_streaming.E005"]),
        ({"RENDERER_CLASSES": ["no.such.Renderer"]}, ["drf_streaming.E005"]),
        ({"RENDERER_CLASSES": ["nodots"]}, ["drf_streaming.E005"]),
        ({"RENDERER_CLASSES": [JSONRenderer]}, ["drf_streaming.E005"]),
        ({"RENDERER_CLASSES": [5, json]}, ["drf_streaming.E005", "drf_streaming.E005"]),
        ({"RENDERER_CLASSES": [WithoutFraming]}, ["drf_streaming.E006"]),
        (
            {"CHUNK_SIZE": 0, "MAX_ROWS": -1, "CHUNKSIZE": 1},
            ["drf_streaming.E001", "drf_streaming.E003", "drf_streaming.E004"],
        ),
    ],
)
def test_a_wrong_setting_is_named(configured: Any, expected: list[str]):
    with override_settings(DRF_STREAMING=configured):
        messages = checks.check_settings()
    assert ids(messages) == expected
    assert all(message.hint for message in messages)


def test_an_unknown_setting_is_told_which_one_is_near():
    with override_settings(DRF_STREAMING={"CHUNKSIZE": 5}):
        (near,) = checks.check_settings()
    with override_settings(DRF_STREAMING={"TIMEOUT": 5}):
        (far,) = checks.check_settings()
    assert near.msg == "DRF_STREAMING has no setting 'CHUNKSIZE'."
    assert near.hint == "Did you mean 'CHUNK_SIZE'?"
    assert far.hint.startswith("Known: QUERY_PARAMETER, ")


def view(**attributes: Any) -> type[StreamingListAPIView]:
    return type("View", (StreamingListAPIView,), attributes)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, []),
        ({"serializer_class": Item}, []),
        ({"serializer_class": NeedsArguments}, []),
        ({"stream_chunk_size": 10, "stream_max_rows": 10}, []),
        ({"stream_chunk_size": 0}, ["drf_streaming.E003"]),
        ({"stream_max_rows": "10"}, ["drf_streaming.E004"]),
        ({"streaming_renderer_classes": [JSONRenderer]}, ["drf_streaming.E005"]),
        ({"streaming_renderer_classes": [WithoutFraming]}, ["drf_streaming.E006"]),
        ({"serializer_class": Reserved}, ["drf_streaming.E007"]),
    ],
)
def test_a_wrong_view_is_named(attributes: dict[str, Any], expected: list[str]):
    class URLs:
        urlpatterns = [
            path("nested/", include([path("view/", view(**attributes).as_view())])),
            path("plain/", lambda request: None),
        ]

    with override_settings(ROOT_URLCONF=URLs):
        messages = checks.check_views()
    assert ids(messages) == expected
    assert all(message.hint and "View" in message.msg for message in messages)


def test_a_viewset_is_named_once_however_many_urls_it_has():
    class Wrong(AirlineViewSet):
        stream_chunk_size = 0

    router = SimpleRouter()
    router.register("wrong", Wrong)

    class URLs:
        urlpatterns = router.urls

    with override_settings(ROOT_URLCONF=URLs):
        assert ids(checks.check_views()) == ["drf_streaming.E003"]


def test_a_project_without_urls_is_left_alone():
    with override_settings(ROOT_URLCONF=None):
        assert checks.check_views() == []


@pytest.mark.parametrize(
    ("middleware", "gzip_streams", "expected"),
    [([], False, []), ([GZIP], True, []), ([GZIP], False, ["drf_streaming.W001"])],
)
def test_gzip_is_warned_of_where_django_cannot_compress_streams(
    middleware: list[str], gzip_streams: bool, expected: list[str], monkeypatch: Any
):
    monkeypatch.setattr(checks, "GZIP_STREAMS", gzip_streams)
    with override_settings(MIDDLEWARE=middleware):
        assert ids(checks.check_gzip()) == expected


def test_the_checks_run_with_djangos_own():
    with override_settings(DRF_STREAMING={"CHUNK_SIZE": 0}):
        assert "drf_streaming.E003" in ids(run_checks())

    class URLs:
        urlpatterns = [path("", view(stream_max_rows=0).as_view())]

    with override_settings(ROOT_URLCONF=URLs):
        assert ids(run_checks(tags=[Tags.urls])) == ["drf_streaming.E004"]
