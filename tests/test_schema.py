"""What drf-spectacular says of streams, with nothing but both apps installed."""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client
from django.urls import path
from drf_spectacular import validation
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularAPIView
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate
from rest_framework import serializers, versioning
from rest_framework.decorators import action, api_view
from rest_framework.generics import ListCreateAPIView
from rest_framework.pagination import BasePagination
from rest_framework.permissions import IsAdminUser
from rest_framework.routers import SimpleRouter
from rest_framework.test import APIClient
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet

from drf_streaming.decorators import sse_stream
from drf_streaming.framing import Framing
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.renderers import (
    BaseStreamingRenderer,
    CSVRenderer,
    NDJSONRenderer,
)
from drf_streaming.schema import StreamingViews
from drf_streaming.schema.views import _replaced
from drf_streaming.test import parse_events, read_events
from drf_streaming.viewsets import StreamingReadOnlyModelViewSet
from flights.models import Airline, Airport
from flights.serializers import AirlineNameSerializer, AirportSerializer, FlightSerializer
from streamtests.views import FailingView

on = pytest.mark.parametrize
in_each_version = on("version", ["3.0.3", "3.1.0", "3.2.0"])
KNOWS_3_2 = Path(validation.__file__).with_name("openapi_3_2_schema.json").exists()
Schema = dict[str, Any]

NDJSON, SSE, CSV, SEQ = (
    "application/x-ndjson",
    "text/event-stream",
    "text/csv",
    "application/json-seq",
)
OURS = {inspect.getdoc(each) for each in (StreamingListMixin, StreamingReadOnlyModelViewSet)} - {
    None
}
MARKS = [{"$ref": f"#/components/schemas/{name}"} for name in ("StreamMark", "StreamProblem")]


def need(version: str) -> None:
    if version.startswith("3.2") and not KNOWS_3_2:
        pytest.skip("drf-spectacular knows OpenAPI 3.2 from version 0.30 on")


def generate(
    *patterns: Any, version: str = "3.0.3", may_warn: bool = False, **custom: Any
) -> Schema:
    """Return the schema of these patterns, or of the test project, as clients get it."""
    need(version)
    with patched_settings({"OAS_VERSION": version, **custom}):
        made = SchemaGenerator(patterns=patterns or None, urlconf="config.urls")
        found = made.get_schema(request=None, public=True)
    assert may_warn or not GENERATOR_STATS
    validation.validate_schema(found)
    read: Schema = json.loads(OpenApiJsonRenderer().render(found))
    return read


def operation(view: Any, method: str = "get", url: str = "items/", **options: Any) -> Schema:
    found: Schema = generate(path(url, view), **options)["paths"][f"/{url}"][method]
    return found


def listed(view: Any, **options: Any) -> Schema:
    return operation(view.as_view({"get": "list"}), **options)


def content(operation: Schema) -> Schema:
    found: Schema = operation["responses"]["200"]["content"]
    return found


def parameters(operation: Schema) -> dict[str, Schema]:
    return {each["name"]: each for each in operation.get("parameters", [])}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


@contextmanager
def as_module(name: str) -> Iterator[None]:
    """Let settings name what is in this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, name, sys.modules[__name__])
        yield


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Schema]:
    """Return what makes a schema without this package's extension."""

    def before(*patterns: Any, **options: Any) -> Schema:
        with monkeypatch.context() as patch:
            others = [each for each in OpenApiViewExtension._registry if each is not StreamingViews]
            patch.setattr(OpenApiViewExtension, "_registry", others)
            document = generate(*patterns, may_warn=True, **options)
        for operation in (each for place in document["paths"].values() for each in place.values()):
            # Without the package there would be no docstrings of its own.
            if operation.get("description") in OURS:
                del operation["description"]
        return document

    return before


class Plain(ReadOnlyModelViewSet):
    queryset = Airport.objects.all()
    serializer_class = AirportSerializer


class Streams(StreamingListMixin, Plain):
    pass


class Unpaginated(Streams):
    pagination_class = None


# The whole of it


@in_each_version
def test_the_schema_of_the_test_project_is_valid(version: str):
    validate(generate(version=version))


def test_the_header_that_tells_how_many_rows_there_are_is_described():
    told = listed(Streams)["responses"]["200"]["headers"]["X-Total-Count"]
    assert told["schema"] == {"type": "integer", "minimum": 0}
    assert "headers" not in listed(Plain)["responses"]["200"]


@in_each_version
def test_the_command_finds_nothing_to_warn_of(version: str, settings: Any, tmp_path: Any):
    need(version)
    settings.ROOT_URLCONF = "config.urls"
    written = tmp_path / "schema.yml"
    with patched_settings({"OAS_VERSION": version}):
        call_command("spectacular", file=written, validate=True, fail_on_warn=True)
    assert f"openapi: {version}" in written.read_text()
    assert "x-itemSchema" in written.read_text() or "itemSchema" in written.read_text()


@in_each_version
def test_what_does_not_stream_is_described_as_before(version: str, as_before: Any):
    streaming = {
        *(f"/{each}/" for each in ("airlines", "airports", "flights", "planes", "weather")),
        "/airlines/{code}/flights/",
        "/live/departures/",
    }
    before, now = as_before(version=version), generate(version=version)
    assert [*before["paths"]] == [*now["paths"]]
    changed = {path for path in now["paths"] if before["paths"][path] != now["paths"][path]}
    assert changed == streaming
    yaml = OpenApiYamlRenderer()
    for place in now["paths"].keys() - streaming:
        assert yaml.render(now["paths"][place]) == yaml.render(before["paths"][place])
    schemas = now["components"]["schemas"]
    new = {"StreamMark", "StreamProblem", "Departure", "PaginatedFlightList"}
    assert schemas.keys() - before["components"]["schemas"].keys() <= new
    for name, each in before["components"]["schemas"].items():
        assert schemas[name] == each


class Told(Streams):
    """Airports, as the project says."""


@on(
    ("view", "description"),
    [
        (Plain, None),
        (Streams, None),
        (Told, "Airports, as the project says."),
    ],
)
def test_descriptions_are_the_projects_own(view: Any, description: str | None):
    router = SimpleRouter()
    router.register("airports", view)
    paths = generate(*router.urls)["paths"]
    told = {place: paths[place]["get"].get("description") for place in paths}
    assert {*told.values()} == {description}


def test_the_class_of_a_view_has_the_schema_that_it_has_without_streams():
    replaced = _replaced(Streams)
    assert replaced is not Streams
    assert type(replaced.schema) is type(Streams.schema)


def test_a_project_without_streams_has_its_schema_as_before(as_before: Any):
    class Posts(ListCreateAPIView):
        queryset = Airport.objects.all()
        serializer_class = AirportSerializer

    router = SimpleRouter()
    router.register("plain", Plain)
    patterns = [*router.urls, path("posts/", Posts.as_view())]
    assert generate(*patterns) == as_before(*patterns)


def test_the_other_operations_of_a_lone_viewset_keep_their_names():
    class StreamsAll(StreamingListMixin, ModelViewSet):
        """Airports."""

        queryset = Airport.objects.all()
        serializer_class = AirportSerializer

    class PlainAll(ModelViewSet):
        """Airports."""

        queryset = Airport.objects.all()
        serializer_class = AirportSerializer

    def paths(viewset: Any) -> Schema:
        router = SimpleRouter()
        router.register("api/airports", viewset)
        found: Schema = generate(*router.urls)["paths"]
        return found

    streaming, plain = paths(StreamsAll), paths(PlainAll)
    assert streaming["/api/airports/"].pop("get") != plain["/api/airports/"].pop("get")
    assert streaming == plain


# What is said of a list


def test_the_parameters_of_a_stream_are_those_that_apply():
    found = parameters(listed(Streams))
    assert found["stream"]["schema"]["enum"] == ["ndjson", "json", "sse", "csv", "json-seq"]
    assert "`csv` (text/csv)" in found["stream"]["description"]
    assert found["marks"]["schema"] == {"type": "integer", "minimum": 0, "maximum": 999999999}
    assert found["count"]["schema"] == {"type": "integer", "enum": [0, 1]}
    assert {name: each["in"] for name, each in found.items()} == {
        **dict.fromkeys(["stream", "after", "marks", "count", "last_event_id"], "query"),
        **dict.fromkeys(["format", "ordering", "page", "search"], "query"),
        "Last-Event-ID": "header",
    }
    assert not any(each.get("required") for each in found.values())


def test_parameters_have_the_names_of_the_settings(settings: Any):
    names = ("QUERY_PARAMETER", "AFTER_PARAMETER", "MARKS_PARAMETER", "COUNT_PARAMETER")
    settings.DRF_STREAMING = {name: f"my_{name[:5].lower()}" for name in names}
    found = {*parameters(listed(Streams))}
    assert {"my_query", "my_after", "my_marks", "my_count"} <= found
    assert not {"stream", "after", "marks", "count"} & found


def test_a_view_with_some_formats_says_what_these_take():
    class OnlyCSV(Streams):
        streaming_renderer_classes = [CSVRenderer]

    found = listed(OnlyCSV)
    assert parameters(found)["stream"]["schema"]["enum"] == ["csv"]
    assert not {"marks", "last_event_id", "Last-Event-ID"} & parameters(found).keys()
    assert content(found).keys() == {"application/json", CSV}
    assert content(found)["application/json"] == {"schema": ref("PaginatedAirportList")}
    assert "204" not in found["responses"]
    components = generate(path("", OnlyCSV.as_view({"get": "list"})))["components"]["schemas"]
    assert not {"StreamMark", "StreamProblem"} & components.keys()


def test_a_format_that_the_project_hides_is_not_told_of():
    ordinary = "rest_framework.renderers.JSONRenderer"
    shown = [ordinary, "drf_streaming.renderers.NDJSONRenderer"]
    found = listed(Streams, RENDERER_WHITELIST=shown)
    assert parameters(found)["stream"]["schema"]["enum"] == ["ndjson"]
    assert content(found).keys() == {"application/json", NDJSON}
    hidden = listed(Streams, RENDERER_WHITELIST=[ordinary])
    assert "headers" not in hidden["responses"]["200"]
    assert "stream" not in parameters(hidden)
    assert content(hidden) == {"application/json": {"schema": ref("PaginatedAirportList")}}


@on("version", ["3.0.3", "3.1.0"])
def test_before_openapi_3_2_a_stream_is_text_with_its_items_in_an_extension(version: str):
    found = content(listed(Streams, version=version))
    assert found[NDJSON] == {
        "schema": {"type": "string"},
        "example": '{"code":"str","name":"string","latitude":0,"longitude":0,"altitude":0,'
        '"time_zone":"string"}\n',
        "x-itemSchema": {"anyOf": [ref("Airport"), *MARKS]},
    }
    assert found[SEQ] == {**found[NDJSON], "example": f"\x1e{found[NDJSON]['example']}"}
    assert found[SSE]["schema"] == {"type": "string"}
    assert found[SSE]["example"].endswith('event: end\nid: ~end\ndata: {"rows":1}\n\n')
    assert found[CSV] == {
        "schema": {"type": "string"},
        "example": "code,name,latitude,longitude,altitude,time_zone\r\n",
    }


def test_in_openapi_3_2_a_stream_is_its_items():
    found = content(listed(Streams, version="3.2.0"))
    assert found[NDJSON] == found[SEQ] == {"itemSchema": {"anyOf": [ref("Airport"), *MARKS]}}
    row, end, problem = found[SSE]["itemSchema"]["oneOf"]
    assert found[SSE].keys() == {"itemSchema"}
    assert row["properties"]["data"] == {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": ref("Airport"),
    }
    assert row["properties"].keys() == {"data", "event", "id", "retry"}
    assert end["properties"]["id"]["enum"] == ["~end"]
    assert problem["properties"]["data"]["contentSchema"] == ref("StreamProblem")
    assert found[CSV]["schema"] == {"type": "string"}


def test_json_is_the_page_as_before_or_the_array_of_a_stream():
    array = {"type": "array", "items": ref("Airport")}
    paginated = content(listed(Streams))["application/json"]
    assert paginated == {"schema": {"oneOf": [ref("PaginatedAirportList"), array]}}
    assert content(listed(Unpaginated))["application/json"] == {"schema": array}


def test_json_is_as_before_where_it_is_no_stream(as_before: Any):
    class NoArray(Streams):
        streaming_renderer_classes = [NDJSONRenderer]

    assert content(listed(NoArray))["application/json"] == {"schema": ref("PaginatedAirportList")}


def test_a_page_that_is_the_array_is_described_once():
    class InHeaders(BasePagination):
        def get_paginated_response_schema(self, schema: Schema) -> Schema:
            return schema

    class Listed(Streams):
        pagination_class = InHeaders

    assert content(listed(Listed))["application/json"] == {"schema": ref("PaginatedAirportList")}


def test_a_view_without_json_of_its_own_has_the_array_alone():
    class NoJSON(Streams):
        renderer_classes = [CSVRenderer]

    found = content(listed(NoJSON))
    assert found["application/json"] == {"schema": {"type": "array", "items": ref("Airport")}}


def test_the_answers_of_a_list_are_those_that_it_can_have():
    assert [*listed(Streams)["responses"]] == ["200", "204", "400", "406", "410"]

    class Throttled(Streams):
        throttle_classes = [ScopedRateThrottle]

    assert [*listed(Throttled)["responses"]] == ["200", "204", "400", "406", "410", "429"]


class Unordered(Streams):
    queryset = Airport.objects.order_by("?")


class Listless(Streams):
    def get_queryset(self) -> Any:
        return [*range(3)]


class OfManager(Streams):
    queryset = Airport.objects


class AskedFor(Streams):
    def get_queryset(self) -> Any:
        return Airport.objects.filter(pk=self.request.query_params["must"])


@on(
    ("view", "places"),
    [(Streams, True), (OfManager, True), (AskedFor, True), (Unordered, False), (Listless, False)],
)
def test_places_are_told_of_where_the_list_may_have_them(view: Any, places: bool):
    found = listed(view)
    assert ("after" in parameters(found)) is places
    assert ("410" in found["responses"]) is places
    assert "Last-Event-ID" in parameters(found)


class Anything(StreamingListMixin, APIView):
    @extend_schema(responses=AirlineNameSerializer)
    def get(self, request: Any) -> Any:
        return self.stream(iter(()), serializer_class=None)


def test_a_view_of_an_iterable_is_described_without_places():
    found = operation(Anything.as_view())
    assert "after" not in parameters(found)
    assert content(found)[NDJSON]["x-itemSchema"]["anyOf"][0] == ref("AirlineName")
    array = {"type": "array", "items": ref("AirlineName")}
    assert content(found)["application/json"]["schema"] == array


def test_a_generic_view_streams_its_get():
    class Both(StreamingListMixin, ListCreateAPIView):
        queryset = Airport.objects.all()
        serializer_class = AirportSerializer

    assert "stream" in parameters(operation(Both.as_view()))
    posted = operation(Both.as_view(), "post")
    assert "stream" not in parameters(posted)
    assert posted["responses"].keys() == {"201"}
    assert posted["responses"]["201"]["content"].keys() == {"application/json"}


class Lines(BaseStreamingRenderer):
    media_type = "application/vnd.lines"
    format = "lines"
    framing = Framing("application/vnd.lines", after=b"\r\n")


class Document(Lines):
    media_type = "application/vnd.document+json"
    format = "document"
    framing = Framing(media_type, opening=b'{"all":[', between=b",", end=b"]}")


class Strict(Document):
    def get_encoder(self, serializer: Any = None) -> Any:
        raise LookupError("no items but mine")


def test_a_renderer_of_the_project_is_described_by_its_framing():
    class Own(Streams):
        streaming_renderer_classes = [Lines, Document, Strict]

    found = content(listed(Own))
    item = content(listed(Streams))[NDJSON]["example"].strip()
    assert found[Lines.media_type] == {
        "schema": {"type": "string"},
        "example": f"{item}\r\n",
        "x-itemSchema": ref("Airport"),
    }
    assert content(listed(Own, version="3.2.0"))[Lines.media_type] == {"itemSchema": ref("Airport")}

    class One(Streams):
        streaming_renderer_classes = [Document]

    document = content(listed(One))[Document.media_type]
    assert document == {"schema": {"type": "string"}, "example": f'{{"all":[{item}]}}'}
    assert found[Strict.media_type] == {"schema": {"type": "string"}}


# Actions


class Flights(StreamingListMixin, ReadOnlyModelViewSet):
    queryset = Airline.objects.all()
    serializer_class = AirlineNameSerializer
    stream_actions = ["list", "flights"]

    @action(detail=True, serializer_class=FlightSerializer)
    def flights(self, request: Any, pk: str) -> Any:
        return self.stream(self.get_object().flights.all())

    @action(detail=True)
    def other(self, request: Any, pk: str) -> Any: ...


def acting(viewset: Any, name: str, **options: Any) -> Schema:
    router = SimpleRouter()
    router.register("airlines", viewset)
    found: Schema = generate(*router.urls, **options)["paths"][f"/airlines/{{code}}/{name}/"]["get"]
    return found


def test_an_action_that_streams_is_a_list():
    found = acting(Flights, "flights")
    assert found["operationId"] == "airlines_flights_list"
    assert content(found)["application/json"]["schema"]["oneOf"][0] == ref("PaginatedFlightList")
    assert content(found)[NDJSON]["x-itemSchema"]["anyOf"][0] == ref("Flight")
    assert content(found)[CSV]["example"].startswith("id,carrier.code,carrier.name,number,")
    assert "page" in parameters(found)
    assert not {"search", "ordering"} & parameters(found).keys()
    assert content(acting(Flights, "other")) == {"application/json": {"schema": ref("AirlineName")}}


def test_an_action_that_says_more_is_a_list_all_the_same():
    class Says(Flights):
        @extend_schema(responses={200: OpenApiResponse(FlightSerializer), 404: None})
        @action(detail=True)
        def flights(self, request: Any, pk: str) -> Any: ...

    found = acting(Says, "flights")
    assert found["operationId"] == "airlines_flights_list"
    assert content(found)["application/json"]["schema"]["oneOf"][0] == ref("PaginatedFlightList")
    assert "page" in parameters(found)
    assert "404" in found["responses"]


def test_an_action_says_itself_which_filters_it_has():
    class Filtered(Flights):
        search_fields = ["name"]

        @extend_schema(filters=True)
        @action(detail=True, serializer_class=FlightSerializer)
        def flights(self, request: Any, pk: str) -> Any: ...

    assert {"search", "ordering"} <= parameters(acting(Filtered, "flights")).keys()


# What the project says of its own


class Extended(Streams):
    @extend_schema(
        operation_id="every_airport",
        description="All of them.",
        parameters=[
            OpenApiParameter("marks", exclude=True),
            OpenApiParameter("stream", str, enum=["ndjson"], description="Mine."),
            OpenApiParameter("near", str),
        ],
        responses={
            200: OpenApiResponse(AirlineNameSerializer(many=True), description="Names."),
            400: OpenApiResponse(description="Not so."),
            404: OpenApiResponse(description="Not here."),
        },
        tags=["mine"],
    )
    def list(self, request: Any) -> Any:
        return super().list(request)


def test_extend_schema_on_a_list_keeps_what_it_says_and_gets_the_streams():
    found = listed(Extended)
    assert (found["operationId"], found["description"]) == ("every_airport", "All of them.")
    assert found["tags"] == ["mine"]
    assert "marks" not in parameters(found)
    assert parameters(found)["stream"]["description"] == "Mine."
    assert {"near", "after", "page"} <= parameters(found).keys()
    assert found["responses"]["200"]["description"] == "Names."
    assert found["responses"]["400"]["description"] == "Not so."
    assert found["responses"]["404"]["description"] == "Not here."
    page = ref("PaginatedAirlineNameList")
    assert content(found)["application/json"]["schema"]["oneOf"][0] == page
    assert content(found)[NDJSON]["x-itemSchema"]["anyOf"][0] == ref("AirlineName")
    assert content(found)[CSV]["example"] == "code,name\r\n"


def test_extend_schema_may_say_it_for_each_media_type():
    class ByType(Streams):
        @extend_schema(
            responses={
                (200, "application/json"): AirportSerializer,
                (200, NDJSON): AirlineNameSerializer,
            }
        )
        def list(self, request: Any) -> Any: ...

    found = content(listed(ByType))
    assert found[NDJSON]["x-itemSchema"]["anyOf"][0] == ref("AirlineName")
    assert found[SEQ]["x-itemSchema"]["anyOf"][0] == ref("Airport")


def test_extend_schema_may_say_it_with_a_schema_of_its_own():
    rows = {"type": "array", "items": {"type": "integer"}}

    class Raw(Unpaginated):
        @extend_schema(responses={(200, "application/json"): rows, 204: None})
        def list(self, request: Any) -> Any: ...

    found = content(listed(Raw))
    assert found[NDJSON]["x-itemSchema"]["anyOf"][0] == {"type": "integer"}
    assert found[NDJSON]["example"] == "0\n"


def test_a_list_of_which_nothing_is_said_streams_anything():
    class Nothing(Streams):
        @extend_schema(responses={404: None})
        def list(self, request: Any) -> Any: ...

    found = content(listed(Nothing))
    assert found[NDJSON]["x-itemSchema"] == {"anyOf": [{}, *MARKS]}
    assert found["application/json"] == {"schema": {"type": "array", "items": {}}}


def test_what_the_project_hides_or_writes_by_hand_stays_so():
    by_hand = {"operationId": "mine", "responses": {"200": {"description": "Mine."}}}

    class Hidden(Streams):
        @extend_schema(exclude=True)
        def list(self, request: Any) -> Any: ...

    class ByHand(Streams):
        @extend_schema(operation=by_hand)
        def list(self, request: Any) -> Any: ...

    assert generate(path("", Hidden.as_view({"get": "list"})))["paths"] == {}
    assert listed(ByHand) == by_hand


def test_examples_of_the_project_are_in_the_streams():
    value = {"code": "EWR", "name": "Newark Liberty Intl"}

    class Shown(Streams):
        @extend_schema(
            responses=AirlineNameSerializer(many=True), examples=[OpenApiExample("One", value)]
        )
        def list(self, request: Any) -> Any: ...

    found = content(listed(Shown))
    assert found[NDJSON]["example"] == '{"code":"EWR","name":"Newark Liberty Intl"}\n'
    assert [*found["application/json"]] == ["schema", "examples"]


def test_examples_for_one_format_are_that_format_s():
    header = OpenApiExample("Header", "Code;Name", media_type=CSV)

    class Shown(Streams):
        @extend_schema(examples=[header])
        def list(self, request: Any) -> Any: ...

    found = content(listed(Shown))
    assert found[CSV] == {
        "schema": {"type": "string"},
        "examples": {"Header": {"value": "Code;Name"}},
    }
    assert found[NDJSON]["example"] == content(listed(Streams))[NDJSON]["example"]


class OwnSchema(AutoSchema):
    """Say of every operation whose it is."""

    def __init__(self, owner: str = "default") -> None:
        super().__init__()
        self.owner = owner

    def get_operation(self, *args: Any) -> Any:
        found = super().get_operation(*args)
        return found and {**found, "x-owner": self.owner}

    def get_tags(self) -> list[str]:
        return ["own"]

    def _get_response_for_code(self, *args: Any, **kwargs: Any) -> Any:
        return {**super()._get_response_for_code(*args, **kwargs), "x-own": True}


def is_own(found: Schema, owner: str) -> bool:
    assert found["tags"] == ["own"]
    assert found["responses"]["200"]["x-own"]
    assert "stream" in parameters(found)
    assert content(found)[NDJSON]["x-itemSchema"]["anyOf"][0] == ref("Airport")
    return bool(found["x-owner"] == owner)


def test_a_schema_class_of_the_project_keeps_its_say(settings: Any):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_SCHEMA_CLASS": "test_schema.OwnSchema",
    }
    with as_module("test_schema"):
        assert is_own(listed(Streams), "default")


def test_a_schema_class_of_a_view_keeps_its_say():
    class Own(Streams):
        schema = OwnSchema(owner="view")

    assert is_own(listed(Own), "view")


def test_a_schema_class_of_a_view_keeps_its_say_under_extend_schema():
    class Own(Streams):
        schema = OwnSchema()

        @extend_schema(summary="Short.")
        def list(self, request: Any) -> Any: ...

    found = listed(Own)
    assert is_own(found, "default")
    assert found["summary"] == "Short."


def test_extend_schema_on_the_class_keeps_its_say():
    @extend_schema(tags=["whole"])
    class Tagged(Extended):
        pass

    assert listed(Tagged)["tags"] == ["mine"]
    assert "after" in parameters(listed(Tagged))
    whole = extend_schema(tags=["whole"])(type("Whole", (Streams,), {}))
    assert listed(whole)["tags"] == ["whole"]
    assert "stream" in parameters(listed(whole))


def see_streams(result: Schema, **_: Any) -> Schema:
    described = result["paths"]["/items/"]["get"]["responses"]["200"]["content"][NDJSON]
    return {**result, "x-seen": described["x-itemSchema"]}


@on("enums", [[], ["drf_spectacular.hooks.postprocess_schema_enums"]])
def test_hooks_of_the_project_see_the_streams(enums: list[str]):
    with as_module("test_schema"):
        found = generate(
            path("items/", Streams.as_view({"get": "list"})),
            POSTPROCESSING_HOOKS=[*enums, "test_schema.see_streams"],
        )
    assert found["x-seen"] == {"anyOf": [ref("Airport"), *MARKS]}


def test_a_view_extension_of_the_project_comes_first(monkeypatch: pytest.MonkeyPatch):
    class Special(Streams):
        pass

    monkeypatch.setattr(OpenApiViewExtension, "_registry", [*OpenApiViewExtension._registry])

    class Mine(OpenApiViewExtension):
        target_class = Special

        def view_replacement(self) -> Any:
            return extend_schema(tags=["mine"])(type("Special", (self.target,), {}))

    assert listed(Special)["tags"] == ["mine"]


# By whom it is asked for


def served(view: Any, settings: Any, **headers: str) -> Schema:
    class URLs:
        urlpatterns = [
            path("items/", Streams.as_view({"get": "list"})),
            path("schema/", view),
        ]

    settings.ROOT_URLCONF = URLs
    response = APIClient().get("/schema/", headers={"Accept": "application/json", **headers})
    read: Schema = json.loads(response.render().content)
    return read


@in_each_version
def test_a_view_with_settings_of_its_own_describes_streams(version: str, settings: Any):
    need(version)
    custom = {"OAS_VERSION": version, "POSTPROCESSING_HOOKS": [], "TITLE": "Mine"}
    found = served(SpectacularAPIView.as_view(custom_settings=custom), settings)
    assert (found["openapi"], found["info"]["title"]) == (version, "Mine")
    assert "stream" in parameters(found["paths"]["/items/"]["get"])
    described = content(found["paths"]["/items/"]["get"])[NDJSON]
    assert ("itemSchema" in described) is (version == "3.2.0")


def test_who_may_not_see_a_view_is_not_told_of_it(settings: Any):
    class Guarded(Streams):
        permission_classes = [IsAdminUser]

    class URLs:
        urlpatterns = [
            path("guarded/", Guarded.as_view({"get": "list"})),
            path("items/", Streams.as_view({"get": "list"})),
            path("schema/", SpectacularAPIView.as_view(serve_public=False)),
        ]

    settings.ROOT_URLCONF = URLs
    response: Any = APIClient().get("/schema/", headers={"Accept": "application/json"})
    assert json.loads(response.render().content)["paths"].keys() == {"/items/", "/schema/"}


def test_a_version_of_the_api_describes_its_streams():
    class Versioned(Streams):
        versioning_class = versioning.NamespaceVersioning

    class ByHeader(Streams):
        versioning_class = versioning.AcceptHeaderVersioning

    from django.urls import include

    urls = [path("items/", Versioned.as_view({"get": "list"}))]
    patterns = [path(f"{name}/", include((urls, name))) for name in ("v1", "v2")]
    made = SchemaGenerator(patterns=patterns, api_version="v2")
    found = made.get_schema(request=None, public=True)
    assert [*found["paths"]] == ["/v2/items/"]
    assert "stream" in parameters(found["paths"]["/v2/items/"]["get"])
    headed = [path("items/", ByHeader.as_view({"get": "list"}))]
    made = SchemaGenerator(patterns=headed, api_version="v2")
    found = made.get_schema(request=None, public=True)
    keys = content(found["paths"]["/items/"]["get"]).keys()
    assert {"application/json; version=v2", f"{NDJSON}; version=v2"} <= keys
    assert not {"application/json", NDJSON} & keys


def test_a_project_may_make_the_requests_of_the_generator(as_before: Any):
    from django.test import RequestFactory

    def mock(method: str, path: str, view: Any, original: Any, **kwargs: Any) -> Any:
        from rest_framework.request import Request

        return Request(getattr(RequestFactory(), method.lower())(path))

    found = listed(Streams, GET_MOCK_REQUEST=mock)
    assert {NDJSON, CSV} <= content(found).keys()


# Live events


class Tick(serializers.Serializer):
    n = serializers.IntegerField(max_value=3)


def live(decorate: Any, base: Any = APIView) -> Any:
    def get(self: Any, request: Any) -> Any:
        yield "tick", {"n": 1}

    return type("Live", (base,), {"get": decorate(get)}).as_view()


def events(operation: Schema) -> list[Schema]:
    found: list[Schema] = content(operation)[SSE]["itemSchema"]["oneOf"]
    return found


def test_events_are_described_by_what_they_hold():
    view = live(
        sse_stream(events={"tick": Tick, "ticks": Tick(many=True), "word": str, "bare": None})
    )
    found = operation(view, version="3.2.0")
    tick, ticks, word, bare, problem = events(found)
    assert tick["required"] == ["data", "event"]
    assert tick["properties"]["event"] == {"type": "string", "enum": ["tick"]}
    assert tick["properties"]["data"]["contentSchema"] == ref("Tick")
    held = ticks["properties"]["data"]["contentSchema"]
    assert held == {"type": "array", "items": ref("Tick")}
    assert word["properties"]["data"] == bare["properties"]["data"] == {"type": "string"}
    assert problem["properties"]["event"]["enum"] == ["problem"]
    assert content(found).keys() == {SSE}
    assert [*found["responses"]] == ["200", "406"]
    assert "page" not in parameters(found)


def test_events_without_a_name_hold_the_item():
    found = operation(live(sse_stream(item=list[int])), version="3.2.0")
    message, _problem = events(found)
    assert message["required"] == ["data"]
    array = {"type": "array", "items": {"type": "integer"}}
    assert message["properties"]["data"]["contentSchema"] == array


@on("version", ["3.0.3", "3.1.0"])
def test_before_openapi_3_2_events_are_text_with_an_example(version: str):
    found = content(operation(live(sse_stream(item=str, events={"tick": Tick})), version=version))
    assert found[SSE]["schema"] == {"type": "string"}
    assert found[SSE]["example"] == 'data: string\n\nevent: tick\ndata: {"n":0}\n\n'
    assert len(found[SSE]["x-itemSchema"]["oneOf"]) == 3


def test_events_of_which_nothing_is_told_are_any():
    found = generate(path("live/", live(sse_stream)), version="3.2.0")
    stream = content(found["paths"]["/live/"]["get"])[SSE]
    assert stream["itemSchema"]["properties"].keys() == {"data", "event", "id", "retry"}
    assert "oneOf" not in stream["itemSchema"]
    assert "schemas" not in found["components"]
    assert content(operation(live(sse_stream)))[SSE].keys() == {"schema", "x-itemSchema"}


def test_events_may_be_told_with_extend_schema():
    decorate = extend_schema(responses={200: Tick, 404: None}, summary="Ticks.")
    found = operation(live(lambda get: decorate(sse_stream(get))), version="3.2.0")
    assert found["summary"] == "Ticks."
    assert events(found)[0]["properties"]["data"]["contentSchema"] == ref("Tick")
    assert [*found["responses"]] == ["200", "404", "406"]


def test_throttled_events_say_so():
    view = live(sse_stream(throttle_classes=[ScopedRateThrottle]))
    assert [*operation(view)["responses"]] == ["200", "406", "429"]


def test_an_action_of_events_is_described_and_others_are_not(as_before: Any):
    class Viewset(Plain):
        @action(detail=False, methods=["get", "post"])
        @sse_stream(item=Tick)
        def live(self, request: Any) -> Any: ...

    router = SimpleRouter()
    router.register("airports", Viewset)
    before, now = as_before(*router.urls), generate(*router.urls)
    changed = {each for each in now["paths"] if before["paths"][each] != now["paths"][each]}
    assert changed == {"/airports/live/"}
    posted = now["paths"]["/airports/live/"]["post"]
    assert posted["requestBody"]["content"]["application/json"] == {"schema": ref("Airport")}
    assert content(posted).keys() == {SSE}


def test_a_function_view_of_events_is_described():
    @api_view(["GET"])
    @sse_stream(events={"tick": Tick})
    def ticks(request: Any) -> Any: ...

    assert events(operation(ticks, version="3.2.0"))[0]["properties"]["event"]["enum"] == ["tick"]


def test_functions_outside_of_drf_are_no_part_of_a_schema():
    assert generate(path("live/", sse_stream(item=Tick)(lambda request: ())))["paths"] == {}


def test_methods_beside_an_event_stream_are_as_before(as_before: Any):
    class Mixed(APIView):
        @extend_schema(request=Tick)
        @sse_stream(item=Tick)
        def post(self, request: Any) -> Any: ...

        @extend_schema(responses=Tick)
        def get(self, request: Any) -> Any:
            return not_yet

    before = as_before(path("", Mixed.as_view()))["paths"]["/"]
    now = generate(path("", Mixed.as_view()))["paths"]["/"]
    assert now["get"] == before["get"]
    assert now["post"] != before["post"]
    assert now["post"]["requestBody"] == before["post"]["requestBody"]
    not_yet = None


# What is described is what is sent


def validator(document: Schema, found: Schema) -> Any:
    root = {"components": document["components"], **found}
    return jsonschema.Draft202012Validator(root)


def check_event(document: Schema, described: Schema, event: Any) -> None:
    fields = {"data": event.data, "event": event.event, "id": event.id}
    parsed = {name: value for name, value in fields.items() if value is not None}
    matching = [each for each in described["oneOf"] if validator(document, each).is_valid(parsed)]
    assert len(matching) == 1
    data = matching[0]["properties"]["data"]
    validator(document, data["contentSchema"]).validate(json.loads(parsed["data"]))


URLS = {
    "/airlines/": "/airlines/",
    "/airlines/{code}/flights/": "/airlines/UA/flights/",
    "/airports/": "/airports/",
    "/flights/": "/flights/",
    "/planes/": "/planes/",
    "/weather/": "/weather/",
}


@pytest.mark.django_db(databases="__all__")
@on("place", URLS)
def test_items_are_what_the_schema_says(place: str):
    document = generate(version="3.2.0")
    described = content(document["paths"][place]["get"])
    get = partial(APIClient().get, URLS[place])
    for name, media_type in (("ndjson", NDJSON), ("json-seq", SEQ)):
        body = b"".join(get({"stream": name, "marks": "1", "count": "1"}))
        items = [json.loads(line.strip(b"\x1e")) for line in body.split(b"\n")[:-1]]
        each = validator(document, described[media_type]["itemSchema"])
        assert items[-1]["$stream"] == "end"
        assert [error for item in items[-500:] for error in each.iter_errors(item)] == []
    found = read_events(get({"stream": "sse"}))
    assert found[-1].event == "end"
    for event in found[:5] + found[-1:]:
        check_event(document, described[SSE]["itemSchema"], event)
    # What DRF says of a page is OpenAPI 3.0, in later versions too.
    document = generate(version="3.0.3")
    json_schema = content(document["paths"][place]["get"])["application/json"]["schema"]
    page_or_array = OAS30Validator({"components": document["components"], **json_schema})
    page_or_array.validate(json.loads(b"".join(get({"stream": "json"}))))
    page_or_array.validate(get().json())
    header, *_ = b"".join(get({"stream": "csv"})).split(b"\r\n")
    assert described[CSV]["example"] == f"{header.decode()}\r\n"


@pytest.mark.django_db(databases="__all__")
def test_failures_are_what_the_schema_says():
    document = generate(path("failing/", FailingView.as_view()), version="3.2.0")
    described = content(document["paths"]["/failing/"]["get"])

    def broken(name: str) -> bytes:
        response: Any = APIClient().get("/failing/", {"stream": name, "fail_at": 60})
        sent: list[bytes] = []
        with pytest.raises(RuntimeError):
            sent.extend(response)
        return b"".join(sent)

    problem = json.loads(broken("ndjson").splitlines()[-1])
    assert problem["$stream"] == "error"
    validator(document, described[NDJSON]["itemSchema"]).validate(problem)
    validator(document, ref("StreamProblem")).validate(problem)
    event = list(parse_events(broken("sse").decode()))[-1]
    assert event.event == "problem"
    check_event(document, described[SSE]["itemSchema"], event)


@pytest.mark.django_db(databases="__all__")
def test_what_is_refused_has_a_status_that_is_told(settings: Any):
    told = generate()["paths"]["/flights/"]["get"]["responses"].keys()
    client = APIClient()
    answers = [
        client.get("/flights/", {"stream": "xml"}),
        client.get("/flights/", {"stream": "ndjson", "after": "forged"}),
        client.get("/flights/", headers={"Accept": "image/png"}),
        client.get("/flights/", headers={"Accept": SSE, "Last-Event-ID": "~end"}),
    ]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [400, 400, 406, 204]
    assert {*map(str, statuses)} <= told


# The pages of the test project, and projects without drf-spectacular


@on("page", ["swagger", "redoc"])
def test_the_pages_of_the_test_project_need_no_network(page: str):
    response = Client().get(f"/schema/{page}/")
    assert response.status_code == 200
    html = response.content.decode()
    assert "drf_spectacular_sidecar" in html
    assert "https://" not in html


@pytest.mark.django_db
def test_the_test_project_serves_its_schema():
    response: Any = Client().get("/schema/", headers={"Accept": "application/json"})
    served = json.loads(response.content)
    assert "stream" in parameters(served["paths"]["/flights/"]["get"])


WITHOUT = """
import sys
sys.modules["drf_spectacular"] = None

import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["rest_framework", "drf_streaming"],
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    REST_FRAMEWORK={"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []},
)
django.setup()

from django.core.checks import run_checks
from rest_framework.test import APIClient
from rest_framework.views import APIView
from django.urls import path
from drf_streaming.decorators import sse_stream
from drf_streaming.mixins import StreamingListMixin

class View(StreamingListMixin, APIView):
    def get(self, request):
        return self.stream([{"n": 1}], serializer_class=None)

@sse_stream(events={"tick": int})
def ticks(request):
    yield "tick", 1

urlpatterns = [path("", View.as_view()), path("ticks/", ticks)]
assert run_checks() == []
client = APIClient()
print(b"".join(client.get("/?stream=ndjson")).decode().strip())
print(b"".join(client.get("/ticks/")).decode().split("\\n")[2])
assert "drf_streaming.schema" not in sys.modules
"""


@pytest.mark.django_db(databases="__all__")
def test_the_app_is_ready_without_drf_spectacular(settings: Any):
    apps = ["drf_spectacular", "drf_spectacular_sidecar"]
    settings.INSTALLED_APPS = [each for each in settings.INSTALLED_APPS if each not in apps]
    assert run_checks() == []


def test_everything_else_works_without_drf_spectacular():
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT], capture_output=True, text=True
    )
    assert (ran.stdout.splitlines(), ran.stderr) == (['{"n":1}', "event: tick"], "")
