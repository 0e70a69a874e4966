import json
from typing import Any

import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from django.test import override_settings
from django.urls import include, path
from django_filters import CharFilter, FilterSet
from rest_framework import serializers
from rest_framework.filters import BaseFilterBackend, OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import CursorPagination, LimitOffsetPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from drf_streaming import checks
from drf_streaming.checks import project
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.renderers import BaseStreamingRenderer, NDJSONRenderer
from flights.models import Airport, Flight
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


@pytest.mark.django_db(databases="__all__")
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
        ({"AFTER_PARAMETER": None}, ["drf_streaming.E002"]),
        ({"MARKS_PARAMETER": []}, ["drf_streaming.E002"]),
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
        ({"HEARTBEAT": 0.5, "MAX_AGE": 3600, "SEND_TIMEOUT": None}, []),
        ({"HEARTBEAT": 0}, ["drf_streaming.E008"]),
        ({"HEARTBEAT": True}, ["drf_streaming.E008"]),
        ({"MAX_AGE": "3600"}, ["drf_streaming.E008"]),
        ({"SEND_TIMEOUT": -1}, ["drf_streaming.E008"]),
        ({"HOLD_CONNECTIONS": True}, []),
        ({"HOLD_CONNECTIONS": "no"}, ["drf_streaming.E009"]),
        ({"TIMEOUT": 0}, ["drf_streaming.E008"]),
        ({"SOURCE": "offset"}, ["drf_streaming.E011"]),
        ({"SOURCE": None}, ["drf_streaming.E011"]),
        ({"ISOLATION": "repeatable read"}, []),
        ({"ISOLATION": "serializable"}, ["drf_streaming.E012"]),
        ({"COUNT_PARAMETER": ""}, ["drf_streaming.E002"]),
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


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("configured", [[], None, "CHUNK_SIZE"])
def test_settings_that_are_no_dict_are_all_that_is_told(configured: Any):
    with override_settings(DRF_STREAMING=configured):
        assert ids(run_checks()) == ["drf_streaming.E001"]


def test_an_unknown_setting_is_told_which_one_is_near():
    with override_settings(DRF_STREAMING={"CHUNKSIZE": 5}):
        (near,) = checks.check_settings()
    with override_settings(DRF_STREAMING={"NOTHING_LIKE_IT": 5}):
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
        ({"stream_source": "keyset", "stream_timeout": 0.5}, []),
        ({"stream_source": property(lambda view: "keyset")}, []),
        ({"stream_timeout": property(lambda view: 1)}, []),
        ({"stream_source": "offset"}, ["drf_streaming.E011"]),
        ({"stream_isolation": "repeatable read"}, []),
        ({"stream_isolation": property(lambda view: None)}, []),
        ({"stream_isolation": "serializable"}, ["drf_streaming.E012"]),
        ({"stream_timeout": 0}, ["drf_streaming.E008"]),
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


def messages_of(*views: type[APIView]) -> list[CheckMessage]:
    class URLs:
        urlpatterns = [path(f"{n}/", each.as_view()) for n, each in enumerate(views)]

    with override_settings(ROOT_URLCONF=URLs):
        return checks.check_views()


@pytest.mark.parametrize(
    ("bases", "attributes", "expected"),
    [
        ((StreamingListMixin, ListAPIView), {}, None),
        ((StreamingListMixin, APIView), {}, None),
        ((ListAPIView, StreamingListMixin), {}, "perform_content_negotiation() is never called"),
        ((APIView, StreamingListMixin), {}, "perform_content_negotiation() is never called"),
        ((ListModelMixin, StreamingListMixin, GenericViewSet), {}, "list() is never called"),
        (
            (ListModelMixin, StreamingListMixin, GenericViewSet),
            {"list": lambda view, request: view.stream([])},
            None,
        ),
        (
            (ListModelMixin, StreamingListMixin, GenericViewSet),
            {"stream_actions": ("export",)},
            None,
        ),
    ],
)
def test_a_mixin_that_other_bases_hide_is_named(
    bases: tuple[type, ...], attributes: dict[str, Any], expected: str | None
):
    hidden = type("Hidden", bases, attributes)
    actions = {"actions": {"get": "list"}} if issubclass(hidden, GenericViewSet) else {}

    class URLs:
        urlpatterns = [path("", hidden.as_view(**actions))]

    with override_settings(ROOT_URLCONF=URLs):
        messages = checks.check_views()
    assert ids(messages) == (["drf_streaming.E010"] if expected else [])
    assert all(expected in each.msg and each.hint for each in messages)


class AfterFilter(FilterSet):
    after = CharFilter()

    class Meta:
        model = Flight
        fields = ["carrier"]


class Reads(SearchFilter):
    search_param = "stream"


class Sorts(OrderingFilter):
    ordering_param = "last_event_id"


class Places(CursorPagination):
    cursor_query_param = "after"


class Pages(LimitOffsetPagination):
    offset_query_param = "marks"


class TellsNothing(BaseFilterBackend):
    get_schema_operation_parameters = None


class NeedsRequest(BaseFilterBackend):
    def get_schema_operation_parameters(self, view: Any) -> Any:
        return view.request.query_params


AFTER = "Use another name there, or set DRF_STREAMING['AFTER_PARAMETER'] to another."


@pytest.mark.parametrize(
    ("attributes", "owner", "parameter", "hint"),
    [
        ({"filterset_class": AfterFilter}, "DjangoFilterBackend", "after", AFTER),
        ({"pagination_class": Places, "filter_backends": []}, "Places", "after", AFTER),
        (
            {"pagination_class": Pages},
            "Pages",
            "marks",
            "Use another name there, or set DRF_STREAMING['MARKS_PARAMETER'] to another.",
        ),
        (
            {"filter_backends": [TellsNothing, NeedsRequest, Reads]},
            "Reads",
            "stream",
            "Use another name there, or set DRF_STREAMING['QUERY_PARAMETER'] to another.",
        ),
        ({"filter_backends": [Sorts]}, "Sorts", "last_event_id", "Use another name there."),
    ],
)
def test_a_query_parameter_that_means_two_things_is_warned_of(
    attributes: dict[str, Any], owner: str, parameter: str, hint: str
):
    (message,) = messages_of(view(queryset=Flight.objects.all(), **attributes))
    assert message.id == "drf_streaming.W002"
    assert message.msg.endswith(
        f".View: {owner} takes the query parameter {parameter!r}, which means something else to a "
        "stream."
    )
    assert message.hint == hint


def test_a_filter_that_is_made_of_names_is_warned_of_until_the_setting_has_another():
    listed = view(queryset=Airport.objects.all(), filterset_fields=["name", "code"])
    with override_settings(DRF_STREAMING={"AFTER_PARAMETER": "code"}):
        assert ids(messages_of(listed)) == ["drf_streaming.W002"]
    assert messages_of(listed) == []


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
    monkeypatch.setattr(project, "GZIP_STREAMS", gzip_streams)
    with override_settings(MIDDLEWARE=middleware):
        assert ids(checks.check_gzip()) == expected


@pytest.mark.django_db(databases="__all__")
def test_the_checks_run_with_djangos_own():
    with override_settings(DRF_STREAMING={"CHUNK_SIZE": 0}):
        assert "drf_streaming.E003" in ids(run_checks())

    class URLs:
        urlpatterns = [path("", view(stream_max_rows=0).as_view())]

    with override_settings(ROOT_URLCONF=URLs):
        assert ids(run_checks(tags=[Tags.urls])) == ["drf_streaming.E004"]
