import csv
import io
import json
import re
from itertools import product
from typing import Any

import pytest
from adrf.viewsets import GenericViewSet as AsyncGenericViewSet
from adrf.viewsets import ReadOnlyModelViewSet as AsyncReadOnlyModelViewSet
from adrf.viewsets import ViewSet as AsyncViewSet
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Manager
from django.http import HttpResponseBase
from django.test import AsyncRequestFactory
from django.utils import translation
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import BasePermission
from rest_framework.renderers import AdminRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.throttling import BaseThrottle
from rest_framework.versioning import QueryParameterVersioning
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet, ViewSet

from drf_streaming.exceptions import TooManyRows
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.mixins import StreamingListMixin
from drf_streaming.renderers import CSVRenderer, NDJSONRenderer
from drf_streaming.test import aread_items, leave, read_events, read_items
from drf_streaming.viewsets import StreamingModelViewSet, StreamingReadOnlyModelViewSet
from flights import views as flights_views
from flights.models import Airline, Airport, Flight, Plane
from flights.serializers import AirlineSerializer, AirportSerializer, FlightSerializer

pytestmark = pytest.mark.django_db

FORMATS = {
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "sse": "text/event-stream",
    "csv": "text/csv",
    "json-seq": "application/json-seq",
}
# How a request may ask for each of them.
ASKING = [
    *((f"stream={name}", "*/*") for name in FORMATS),
    *((f"format={name}", "*/*") for name in FORMATS),
    *(("", media_type) for media_type in FORMATS.values()),
    ("format=json-stream", "*/*"),
]
ENDPOINTS = {
    "flights": flights_views.FlightViewSet,
    "airlines": flights_views.AirlineViewSet,
    "airports": flights_views.AirportViewSet,
    "planes": flights_views.PlaneViewSet,
    "weather": flights_views.WeatherViewSet,
}


def as_drf_writes(data: Any) -> Any:
    return json.loads(JSONRenderer().render(data))


def as_csv(item: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten an item that has the nested objects of the test project."""
    cells: dict[str, str] = {}
    for key, value in item.items():
        match value:
            case dict():
                cells |= as_csv(value, f"{prefix}{key}.")
            case list() | bool():
                cells[prefix + key] = json.dumps(value, separators=(",", ":"))
            case None:
                cells[prefix + key] = ""
            case _:
                cells[prefix + key] = str(value)
    return cells


def ways(name: str, format: str) -> list[tuple[str, dict[str, str]]]:
    requests: list[tuple[str, dict[str, str]]] = [(f"/{name}/?stream={format}", {})]
    listed = "json-stream" if format == "json" else format
    requests.append((f"/{name}/?format={listed}", {}))
    if format != "json":
        requests.append((f"/{name}/", {"accept": FORMATS[format]}))
    if format not in ("json", "json-seq"):
        requests.append((f"/{name}.{format}", {}))
    return requests


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ENDPOINTS)
def test_items_are_those_of_the_serializer_however_the_format_is_chosen(name: str, format: str):
    view = ENDPOINTS[name]
    expected = as_drf_writes(view.serializer_class(view.queryset.all(), many=True).data)
    if format == "csv":
        expected = [as_csv(item) for item in expected]
    for url, headers in ways(name, format):
        response = APIClient().get(url, headers=headers)
        assert response.headers["Content-Type"].partition(";")[0] == FORMATS[format]
        assert read_items(response) == expected


@pytest.mark.parametrize(
    "query",
    ["carrier=AA&origin=JFK", "search=Boston", "ordering=-distance,id", "min_delay=60&page=2"],
)
def test_filters_search_and_ordering_are_those_of_the_view(query: str):
    class Unpaginated(flights_views.FlightViewSet):
        pagination_class = None

    listed = Unpaginated.as_view({"get": "list"})(APIRequestFactory().get(f"/?{query}"))
    streamed = APIClient().get(f"/flights/?stream=ndjson&{query}")
    assert read_items(streamed) == as_drf_writes(listed.data)


class PlainFlightViewSet(ReadOnlyModelViewSet):
    """What the test project would be without this package."""

    queryset = flights_views.FlightViewSet.queryset
    serializer_class = FlightSerializer
    filterset_class = flights_views.FlightViewSet.filterset_class


@pytest.mark.parametrize(
    ("method", "accept"),
    # The page that browsers get is left out: its menu offers the streaming formats.
    [
        *product(["get", "head"], ["application/json", "*/*", "application/nothing"]),
        *product(["options", "post"], ["application/json", "text/html", "*/*", "a/b"]),
    ],
)
def test_without_a_streaming_format_nothing_changes(method: str, accept: str):
    def answer(view: Any) -> tuple[int, dict[str, str], bytes]:
        request = getattr(APIRequestFactory(), method)("/?page=2", headers={"accept": accept})
        response = view.as_view({"get": "list"}, name="Flights", description="")(request).render()
        # The page has a new token each time.
        body = re.sub(rb'"csrfToken": "\w+"', b"", response.content)
        return response.status_code, dict(response.headers), body

    assert answer(flights_views.FlightViewSet) == answer(PlainFlightViewSet)


@pytest.mark.parametrize("method", ["POST", "DELETE", "TRACE", "PROPFIND"])
def test_a_method_that_is_not_allowed_is_405_in_every_format(method: str):
    class View(StreamingListAPIView):
        queryset = Airport.objects.all()
        serializer_class = AirportSerializer

    for view in (View.as_view(), flights_views.AirportViewSet.as_view({"get": "list"})):
        for query, accept in ASKING:
            asked = APIRequestFactory().generic(method, f"/?{query}", headers={"accept": accept})
            response = view(asked)
            assert response.status_code == 405
            assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
            content = response.render().content.decode()
            assert f'Method "{method}" not allowed.' in content.replace('""', '"').replace("\\", "")


def test_a_method_that_is_not_allowed_has_no_format_more_where_nothing_streams():
    client = APIClient()
    flight = f"/flights/{Flight.objects.first().pk}/"
    assert client.delete(f"{flight}?format=json").status_code == 405
    assert client.delete(f"{flight}?format=csv").status_code == 404


def test_an_action_that_does_not_stream_is_unchanged():
    flight = Flight.objects.first()
    client = APIClient()
    assert client.get(f"/flights/{flight.pk}/?stream=ndjson").json()["id"] == flight.pk
    assert client.get(f"/flights/{flight.pk}/", headers={"accept": "text/csv"}).status_code == 406
    assert client.get(f"/flights/{flight.pk}/?format=ndjson").status_code == 404


@pytest.mark.parametrize("renderer", [BrowsableAPIRenderer, AdminRenderer])
def test_the_menu_of_pages_offers_the_formats_where_the_action_streams(renderer: Any):
    class View(flights_views.FlightViewSet):
        renderer_classes = [renderer, JSONRenderer]

    def menu(action: str, **kwargs: Any) -> list[str]:
        request = APIRequestFactory().get("/", headers={"accept": "text/html"})
        page = View.as_view({"get": action})(request, **kwargs).render().content.decode()
        return re.findall(r"""format-option"\s+href=["']/\?format=([\w-]+)""", page)

    own = [renderer.format, "json"]
    assert menu("list") == [*own, "ndjson", "json-stream", "sse", "csv", "json-seq"]
    assert menu("retrieve", pk=Flight.objects.first().pk) == own


def test_json_as_a_stream_is_never_chosen_by_its_media_type():
    class Pages(flights_views.FlightViewSet):
        renderer_classes = [BrowsableAPIRenderer]

    view = Pages.as_view({"get": "list"})
    asked = APIRequestFactory().get("/", headers={"accept": "application/json"})
    assert view(asked).status_code == 406
    by_format = APIRequestFactory().get("/?format=json-stream", headers=asked.headers)
    streamed = view(by_format)
    assert streamed.headers["Content-Type"] == "application/json"
    assert len(read_items(streamed)) == Flight.objects.count()


@pytest.mark.parametrize("url", ["/flights/", "/flights/?stream=ndjson"])
def test_vary_names_accept_where_the_action_streams(url: str):
    class OnlyJSON(flights_views.FlightViewSet):
        renderer_classes = [JSONRenderer]

    streaming = OnlyJSON.as_view({"get": "list"})(APIRequestFactory().get(url))
    assert "Accept" in streaming.headers["Vary"]
    if streaming.streaming:
        assert read_items(streaming)
    detail = OnlyJSON.as_view({"get": "retrieve"})(
        APIRequestFactory().get("/"), pk=Flight.objects.first().pk
    )
    assert "Vary" not in detail.headers


class Forbid(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


class Throttle(BaseThrottle):
    def allow_request(self, request: Request, view: APIView) -> bool:
        return False

    def wait(self) -> float:
        return 7


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"permission_classes": [Forbid]}, 403),
        ({"throttle_classes": [Throttle]}, 429),
        ({"versioning_class": QueryParameterVersioning}, 404),
    ],
)
def test_permissions_throttles_and_versions_are_those_of_the_view(attributes, status):
    view = type("Refusing", (flights_views.FlightViewSet,), attributes)
    request = APIRequestFactory().get("/?stream=ndjson&version=none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QueryParameterVersioning, "allowed_versions", ["1"])
        response = view.as_view({"get": "list"})(request).render()
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert list(json.loads(response.content)) == ["detail"]


@pytest.mark.parametrize(
    ("format", "body"),
    [
        ("ndjson", b'{"detail":"no"}\n'),
        ("json", b'{"detail":"no"}'),
        ("sse", b'data: {"detail":"no"}\n\n'),
        ("csv", b"detail\r\nno\r\n"),
        ("json-seq", b'\x1e{"detail":"no"}\n'),
    ],
)
def test_an_error_before_the_first_byte_is_drfs_own_in_the_format_asked_for(format, body):
    class Denying(FlightSerializer):
        def to_representation(self, instance: Flight) -> Any:
            raise PermissionDenied("no")

    class View(StreamingListAPIView):
        queryset = Flight.objects.all()
        serializer_class = Denying

    response = View.as_view()(APIRequestFactory().get(f"/?stream={format}")).render()
    assert (response.status_code, response.content) == (403, body)


def test_an_unexpected_error_before_the_first_byte_is_raised_as_in_a_list():
    class Broken(FlightSerializer):
        def to_representation(self, instance: Flight) -> Any:
            raise ZeroDivisionError

    class View(StreamingListAPIView):
        queryset = Flight.objects.all()
        serializer_class = Broken

    for url in ("/", "/?stream=ndjson"):
        with pytest.raises(ZeroDivisionError):
            View.as_view()(APIRequestFactory().get(url))


@pytest.mark.parametrize("format", FORMATS)
def test_head_reads_no_row(format: str, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = APIClient().head(f"/flights/?stream={format}")
        assert b"".join(response) == b""
    got = APIClient().get(f"/flights/?stream={format}")
    assert read_items(got)
    assert (response.status_code, dict(response.headers)) == (200, dict(got.headers))


def test_head_still_asks_permission():
    view = type("Refusing", (flights_views.FlightViewSet,), {"permission_classes": [Forbid]})
    response = view.as_view({"get": "list"})(APIRequestFactory().head("/?stream=ndjson"))
    assert response.status_code == 403


def test_head_closes_the_rows_it_does_not_read():
    class Rows(list[Any]):
        closed = False

        def close(self) -> None:
            self.closed = True

    rows = Rows()

    class View(StreamingListMixin, APIView):
        def get(self, request: Request) -> HttpResponseBase:
            return self.stream(rows)

    View.as_view()(APIRequestFactory().head("/?stream=ndjson"))
    assert rows.closed


def test_a_browser_that_comes_back_after_the_end_is_told_to_stay_away():
    first = APIClient().get("/airlines/?stream=sse")
    end = read_events(first)[-1]
    assert (end.event, end.id, end.data) == ("end", "~end", '{"rows":16}')
    again = APIClient().get("/airlines/?stream=sse", headers={"Last-Event-ID": end.id})
    assert (again.status_code, again.content) == (204, b"")


def test_a_list_of_few_rows_has_a_length_until_somebody_changes_it():
    def get(view: Any) -> Any:
        request = APIRequestFactory().get("/", {"stream": "csv"})
        return view.as_view({"get": "list"})(request)

    response = get(flights_views.AirlineViewSet)
    body = b"".join(response)
    assert response.headers["Content-Length"] == str(len(body))
    response = get(flights_views.AirlineViewSet)
    response.streaming_content = (block.lower() for block in response.streaming_content)
    assert b"".join(response) == body.lower()
    assert "Content-Length" not in response.headers
    longer = get(flights_views.FlightViewSet)
    assert "Content-Length" not in longer.headers
    leave(longer)


def test_an_empty_list_is_complete_in_every_format():
    bodies = {
        format: b"".join(APIClient().get(f"/airports/?stream={format}&search=nowhere-at-all"))
        for format in FORMATS
    }
    assert bodies == {
        "ndjson": b"",
        "json": b"[]",
        "sse": b'retry: 3000\n:\nevent: end\nid: ~end\ndata: {"rows":0}\n\n',
        "csv": b"code,name,latitude,longitude,altitude,time_zone\r\n",
        "json-seq": b"",
    }


class Limited(StreamingListAPIView):
    serializer_class = AirlineSerializer
    stream_max_rows = 15
    rows: Any = None

    def get_queryset(self) -> Any:
        return self.rows

    def filter_queryset(self, queryset: Any) -> Any:
        return queryset


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (Airline.objects.all(), "Found 16 or more rows"),
        (Airline.objects.order_by("name")[:16], "Found 16 or more rows"),
        ([*range(20)], "Found 20 rows"),
    ],
)
def test_too_many_rows_are_refused_with_their_number_before_the_first_byte(rows, found):
    response = Limited.as_view(rows=rows)(APIRequestFactory().get("/?stream=ndjson")).render()
    assert response.status_code == 400
    assert json.loads(response.content) == {
        "detail": f"{found}; at most 15 can be streamed. "
        "Ask for fewer with the filters of this endpoint."
    }


def test_too_many_rows_of_a_generator_break_the_stream_off_with_the_reason(caplog):
    response = Limited.as_view(rows=(row for row in Airline.objects.all()))(
        APIRequestFactory().get("/?stream=ndjson")
    )
    lines = []
    with pytest.raises(TooManyRows):  # noqa: PT012  # what comes before is the point
        for line in response:
            lines.append(json.loads(line))
    assert len(lines) == 16
    mark = lines[-1]
    assert (mark["$stream"], mark["status"], mark["rows"]) == ("error", 400, 15)
    assert "at most 15" in mark["detail"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_just_enough_rows_are_streamed():
    request = APIRequestFactory().get("/?stream=ndjson")
    response = Limited.as_view(rows=Airline.objects.all(), stream_max_rows=16)(request)
    assert len(read_items(response)) == 16


def test_the_setting_limits_every_view(settings):
    settings.DRF_STREAMING = {"MAX_ROWS": 10}
    assert APIClient().get("/airlines/?stream=ndjson").status_code == 400


def union(airlines: Any) -> Any:
    return airlines.filter(code="AA").union(airlines.filter(code="UA")).order_by("code")


def airline_rows(kind: str) -> Any:
    airlines = Airline.objects.order_by("code")
    return {
        "queryset": lambda: airlines,
        "manager": lambda: Airline.objects,
        "sliced": lambda: airlines[:5],
        "combined": lambda: union(Airline.objects.order_by()),
        "raw": lambda: Airline.objects.raw("SELECT * FROM flights_airline ORDER BY code"),
        "list": lambda: [*airlines],
        "tuple": lambda: tuple(airlines),
        "generator": lambda: (airline for airline in airlines),
        "none": lambda: airlines.none(),
    }[kind]()


def test_an_action_of_the_test_project_streams_and_lists():
    client = APIClient()
    streamed = read_items(client.get("/airlines/AA/flights/?stream=ndjson"))
    assert {item["carrier"]["code"] for item in streamed} == {"AA"}
    page = client.get("/airlines/AA/flights/").json()
    assert page["count"] == len(streamed)
    assert page["results"] == streamed[:100]
    assert client.get("/airlines/!!/flights/?stream=ndjson").status_code == 404


class AirlinesAction(StreamingListMixin, ViewSet):
    """A viewset without a queryset, and an action that streams what it is given."""

    stream_actions = ["rows"]
    kind = ""

    @action(detail=False)
    def rows(self, request: Request) -> HttpResponseBase:
        return self.stream(airline_rows(self.kind), serializer_class=AirlineSerializer)


ROWS = ["queryset", "manager", "sliced", "combined", "raw", "list", "tuple", "generator", "none"]


@pytest.mark.parametrize("kind", ROWS)
def test_every_kind_of_rows_streams(kind: str):
    request = APIRequestFactory().get("/?stream=ndjson")
    response = AirlinesAction.as_view({"get": "rows"}, kind=kind)(request)
    expected = AirlineSerializer(
        [*airline_rows(kind).all()] if kind == "manager" else [*airline_rows(kind)], many=True
    ).data
    assert read_items(response) == as_drf_writes(expected)


@pytest.mark.parametrize("kind", ROWS)
def test_the_same_action_lists_where_no_stream_is_asked_for(kind: str):
    request = APIRequestFactory().get("/")
    response = AirlinesAction.as_view({"get": "rows"}, kind=kind)(request)
    rows = airline_rows(kind)
    expected = AirlineSerializer(rows.all() if isinstance(rows, Manager) else [*rows], many=True)
    assert response.data == expected.data


def test_values_stream_through_the_serializer_of_the_view():
    class Values(StreamingListAPIView):
        queryset = Airport.objects.values(
            "code", "name", "latitude", "longitude", "altitude", "time_zone"
        )
        serializer_class = AirportSerializer

    response = Values.as_view()(APIRequestFactory().get("/?stream=json"))
    expected = AirportSerializer(Airport.objects.all(), many=True).data
    assert read_items(response) == as_drf_writes(expected)


def test_rows_without_a_serializer_are_items_already():
    class View(StreamingListMixin, APIView):
        def get(self, request: Request) -> HttpResponseBase:
            return self.stream([{"n": 1}, {"n": 2}])

    assert read_items(View.as_view()(APIRequestFactory().get("/?stream=ndjson"))) == [
        {"n": 1},
        {"n": 2},
    ]
    assert View.as_view()(APIRequestFactory().get("/")).data == [{"n": 1}, {"n": 2}]


class Letters(StreamingListAPIView):
    """A paginated view over an async iterable."""

    async def letters(self) -> Any:
        for letter in "abc":
            yield {"letter": letter}

    def get(self, request: Request) -> HttpResponseBase:
        return self.stream(self.letters(), serializer_class=None)


@pytest.mark.parametrize("rows", [None, "text", {"n": 1}, 5])
def test_what_cannot_be_iterated_is_refused_before_the_first_byte(rows: Any):
    class View(StreamingListMixin, APIView):
        def get(self, request: Request) -> HttpResponseBase:
            return self.stream(rows)

    with pytest.raises(TypeError, match=f"got {type(rows).__name__}"):
        View.as_view()(APIRequestFactory().get("/?stream=ndjson"))


def test_what_a_source_changes_is_not_seen_by_the_view_and_middleware():
    def rows() -> Any:
        with translation.override("de"):
            yield translation.get_language()
            yield translation.get_language()

    class View(StreamingListMixin, APIView):
        def get(self, request: Request) -> HttpResponseBase:
            return self.stream(rows())

    before = translation.get_language()
    response = View.as_view()(APIRequestFactory().get("/?stream=ndjson"))
    assert translation.get_language() == before
    assert read_items(response) == ["de", "de"]


def test_an_action_that_lists_without_streaming_renders_in_the_format_of_its_own_renderer():
    class View(StreamingReadOnlyModelViewSet):
        queryset = Airline.objects.all()
        serializer_class = AirlineSerializer
        pagination_class = None
        renderer_classes = [JSONRenderer, NDJSONRenderer]

        @action(detail=False)
        def recent(self, request: Request) -> HttpResponseBase:
            return self.list(request)

    request = APIRequestFactory().get("/", headers={"accept": "application/x-ndjson"})
    response = View.as_view({"get": "recent"})(request).render()
    assert (response.status_code, response.content.count(b"\n")) == (200, 16)


def test_an_async_iterable_streams():
    assert read_items(Letters.as_view()(APIRequestFactory().get("/?stream=ndjson"))) == [
        {"letter": "a"},
        {"letter": "b"},
        {"letter": "c"},
    ]


@pytest.mark.parametrize(("name", "value"), [("count", "2"), ("marks", "x"), ("after", "x")])
def test_what_is_wrong_is_wrong_for_an_async_iterable_too(name: str, value: str):
    request = APIRequestFactory().get("/", {"stream": "ndjson", name: value})
    response = Letters.as_view()(request).render()
    assert (response.status_code, [*response.data]) == (400, [name])


def test_an_async_iterable_is_listed_page_by_page_where_no_stream_is_asked_for():
    class Two(PageNumberPagination):
        page_size = 2

    response = Letters.as_view(pagination_class=Two)(APIRequestFactory().get("/"))
    assert response.data["results"] == [{"letter": "a"}, {"letter": "b"}]
    assert response.data["count"] == 3


def test_an_action_that_is_not_declared_says_what_to_declare():
    class Undeclared(flights_views.AirlineViewSet):
        @action(detail=False)
        def more(self, request: Request) -> HttpResponseBase:
            return self.stream([])

    view = Undeclared.as_view({"get": "more"})
    with pytest.raises(ImproperlyConfigured, match=r"'more' is not in stream_actions"):
        view(APIRequestFactory().get("/"))


def test_stream_actions_may_be_given_to_one_action_only():
    class Declared(flights_views.AirlineViewSet):
        @action(detail=False, stream_actions=["more"])
        def more(self, request: Request) -> HttpResponseBase:
            return self.stream(Airline.objects.all())

    view = Declared.as_view({"get": "more"}, **Declared.more.kwargs)
    assert len(read_items(view(APIRequestFactory().get("/?stream=csv")))) == 16


def test_related_rows_are_prefetched_for_each_chunk(django_assert_num_queries):
    view = flights_views.AirlineViewSet.as_view(
        {"get": "list"}, stream_chunk_size=4, stream_source="cursor"
    )
    # 16 airlines in chunks of 4: the airlines, and 4 times their planes.
    with django_assert_num_queries(5):
        items = read_items(view(APIRequestFactory().get("/?stream=ndjson")))
    assert len(items) == 16


def test_overridden_methods_of_the_serializer_are_honoured():
    class Shouting(AirlineSerializer):
        size = serializers.SerializerMethodField()

        class Meta(AirlineSerializer.Meta):
            fields = ["code", "name", "size"]

        def get_fields(self) -> Any:
            fields = super().get_fields()
            if "short" in self.context["request"].query_params:
                del fields["name"]
            return fields

        def get_size(self, airline: Airline) -> int:
            return airline.fleet.count()

        def to_representation(self, instance: Airline) -> Any:
            return {**super().to_representation(instance), "loud": instance.name.upper()}

    class View(StreamingListAPIView):
        queryset = Airline.objects.all()
        serializer_class = Shouting
        pagination_class = None

    for query in ("", "&short"):
        listed = View.as_view()(APIRequestFactory().get(f"/?{query}")).data
        for format in ("ndjson", "csv"):
            streamed = View.as_view()(APIRequestFactory().get(f"/?stream={format}{query}"))
            expected = as_drf_writes(listed)
            if format == "csv":
                expected = [as_csv(item) for item in expected]
            assert read_items(streamed) == expected


def test_a_list_serializer_of_ones_own_gets_the_whole_list():
    class Ranked(serializers.ListSerializer):
        def to_representation(self, data: Any) -> Any:
            items = super().to_representation(data)
            return [{**item, "of": len(items)} for item in reversed(items)]

    class Item(AirlineSerializer):
        class Meta(AirlineSerializer.Meta):
            list_serializer_class = Ranked

    class View(StreamingListAPIView):
        queryset = Airline.objects.all()
        serializer_class = Item
        pagination_class = None
        stream_chunk_size = 3

    listed = View.as_view()(APIRequestFactory().get("/"))
    streamed = View.as_view()(APIRequestFactory().get("/?stream=ndjson"))
    assert read_items(streamed) == as_drf_writes(listed.data)


def test_get_methods_override_attributes():
    class View(StreamingReadOnlyModelViewSet):
        queryset = Airline.objects.all()
        serializer_class = AirlineSerializer

        def get_streaming_renderers(self) -> Any:
            return [CSVRenderer()]

        def get_stream_chunk_size(self) -> int:
            return 1

        def get_stream_max_rows(self) -> int:
            return 20

    view = View.as_view({"get": "list"})
    response = view(APIRequestFactory().get("/?stream=csv"))
    # The header goes out with the first row, and each row alone.
    assert len([*response]) == 16
    refused = view(APIRequestFactory().get("/?stream=ndjson")).render()
    assert refused.data == {"stream": ["Unknown format 'ndjson'. Choose one of: csv."]}


def test_a_renderer_of_the_view_may_be_given_by_its_path():
    view = flights_views.AirlineViewSet.as_view(
        {"get": "list"}, streaming_renderer_classes=["drf_streaming.renderers.NDJSONRenderer"]
    )
    assert len(read_items(view(APIRequestFactory().get("/?stream=ndjson")))) == 16


def test_renderers_among_the_views_own_render_single_objects_and_lists():
    class View(ReadOnlyModelViewSet):
        queryset = Airline.objects.all()
        serializer_class = AirlineSerializer
        renderer_classes = [NDJSONRenderer, CSVRenderer]
        pagination_class = None

    listed = View.as_view({"get": "list"})(APIRequestFactory().get("/")).render()
    assert [json.loads(line) for line in listed.content.splitlines()] == as_drf_writes(listed.data)
    one = View.as_view({"get": "retrieve"})(
        APIRequestFactory().get("/", headers={"accept": "text/csv"}), pk="AA"
    ).render()
    assert one.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(one.content.decode(), newline="")))
    assert rows == [as_csv(as_drf_writes(one.data))]


def test_a_view_that_has_only_streaming_renderers_streams():
    class View(StreamingListAPIView):
        queryset = Airline.objects.all()
        serializer_class = AirlineSerializer
        renderer_classes = [NDJSONRenderer]

    assert len(read_items(View.as_view()(APIRequestFactory().get("/")))) == 16


def test_model_viewsets_stream_and_write():
    class View(StreamingModelViewSet):
        queryset = Airline.objects.all()
        serializer_class = AirlineSerializer

    view = View.as_view({"get": "list", "post": "create"})
    made = view(
        APIRequestFactory().post(
            "/?stream=ndjson", {"code": "ZZ", "name": "New", "fleet": [Plane.objects.first().pk]}
        )
    ).render()
    assert made.status_code == 201, made.data
    assert made.headers["Content-Type"] == "application/json"
    assert len(read_items(view(APIRequestFactory().get("/?stream=ndjson")))) == 17


class AsyncAirlines(StreamingListMixin, AsyncReadOnlyModelViewSet):
    queryset = Airline.objects.prefetch_related("fleet")
    serializer_class = AirlineSerializer
    pagination_class = None


@pytest.mark.parametrize("handler", ["list", "alist"])
async def test_adrf_viewsets_stream(handler: str):
    view = AsyncAirlines.as_view({"get": handler})
    expected = await sync_to_async(
        lambda: AirlineSerializer(Airline.objects.all(), many=True).data
    )()
    streamed = await view(AsyncRequestFactory().get("/?stream=ndjson"))
    assert await aread_items(streamed) == as_drf_writes(expected)


async def test_adrf_viewsets_list_as_before():
    response = await AsyncAirlines.as_view({"get": "alist"})(AsyncRequestFactory().get("/"))
    assert len(response.data) == 16


class AsyncListViewSet(AsyncGenericViewSet):
    """A viewset whose `list` is a coroutine, and which has no `alist`."""

    queryset = Airline.objects.all()
    serializer_class = AirlineSerializer

    async def list(self, request: Request) -> Response:
        return Response([airline.code async for airline in self.get_queryset()])


class StreamingAsyncListViewSet(StreamingListMixin, AsyncListViewSet):
    pass


async def test_an_async_list_that_keeps_its_name_streams_and_lists():
    view = StreamingAsyncListViewSet.as_view({"get": "list"})
    listed = await view(AsyncRequestFactory().get("/"))
    streamed = await view(AsyncRequestFactory().get("/?stream=ndjson"))
    assert [item["code"] for item in await aread_items(streamed)] == listed.data


class SyncListViewSet(StreamingListMixin, ListModelMixin, AsyncViewSet, GenericAPIView):
    """An async viewset with the synchronous `list` and filters of DRF."""

    queryset = Airline.objects.all()
    serializer_class = AirlineSerializer
    pagination_class = None


async def test_an_async_handler_over_a_synchronous_list_streams_and_lists():
    view = SyncListViewSet.as_view({"get": "alist"})
    listed = await view(AsyncRequestFactory().get("/"))
    streamed = await view(AsyncRequestFactory().get("/?stream=ndjson&search=United"))
    assert len(listed.data) == 16
    assert [item["code"] for item in await aread_items(streamed)] != []


async def test_an_async_action_streams():
    class View(StreamingListMixin, AsyncGenericViewSet):
        async def list(self, request: Request) -> HttpResponseBase:
            return await self.astream([{"n": 1}], serializer_class=None)

    view = View.as_view({"get": "list"})
    streamed = await view(AsyncRequestFactory().get("/?stream=ndjson"))
    assert await aread_items(streamed) == [{"n": 1}]
