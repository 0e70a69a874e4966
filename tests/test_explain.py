from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpRequest
from django.test import override_settings
from rest_framework import serializers

from drf_streaming.explain import explain
from drf_streaming.generics import StreamingListAPIView
from flights.models import Airline, Flight
from flights.serializers import AirlineNameSerializer, FlightSerializer
from flights.views import AirlineViewSet

pytestmark = pytest.mark.django_db

READ = {
    "cursor": "  read through a cursor, in one snapshot, since it harms nobody here",
    "mysql": "  read by the place of each row, chunk after chunk, as the rows then are, since "
    "with a cursor the driver would load the whole result",
}
SOURCE = READ.get(connection.vendor, READ["cursor"])
FROM_METHOD = "Annotate the queryset with it, and use a field of its type in place of it."
FROM_ATTRIBUTE = (
    "Annotate the queryset with it under another name, and make that the field's source."
)


class WithMethod(serializers.ModelSerializer):
    carrier = AirlineNameSerializer()
    label = serializers.SerializerMethodField()
    text = serializers.CharField(source="__str__")

    class Meta:
        model = Flight
        fields = ["id", "carrier", "label", "text"]

    def get_label(self, flight: Flight) -> str:
        return f"{flight.carrier_id} {flight.number}"


class WithMethodView(StreamingListAPIView):
    queryset = Flight.objects.all()
    serializer_class = WithMethod


class Fleet(serializers.ModelSerializer):
    fleet = serializers.SlugRelatedField(slug_field="manufacturer", many=True, read_only=True)
    itself = AirlineNameSerializer(source="*")

    class Meta:
        model = Airline
        fields = ["fleet", "itself"]


class FlightsOfAirline(serializers.ModelSerializer):
    flights = FlightSerializer(many=True)

    class Meta:
        model = Airline
        fields = ["flights"]


class FleetView(StreamingListAPIView):
    queryset = Airline.objects.all()
    serializer_class = Fleet


class ByDRF(WithMethod):
    def to_representation(self, instance: Flight) -> Any:
        return super().to_representation(instance)


class ByDRFView(WithMethodView):
    serializer_class = ByDRF


class ListsView(WithMethodView):
    def get_queryset(self) -> Any:
        return self.request.user.flights


def test_a_view_whose_fields_are_columns():
    assert explain(AirlineViewSet) == (
        "flights.views.AirlineViewSet: from columns: no object is made\n"
        f"{SOURCE}\n"
        "\n"
        "field    grade              column              conversion\n"
        "code     column             code                none\n"
        "name     column             name                none\n"
        "fleet    one query a chunk  fleet\n"
        "fleet[]  column             fleet__tail_number  none"
    )


def test_a_field_that_sees_the_object_is_named_with_the_reason_and_what_to_do():
    assert explain(WithMethodView).splitlines() == [
        f"{__name__}.WithMethodView: from objects of the model",
        "  because some fields have to see the object: label, text",
        SOURCE,
        "",
        "field         grade   column         conversion",
        "id            column  id             none",
        "carrier       join    carrier",
        "carrier.code  column  carrier__code  none",
        "carrier.name  column  carrier__name  none",
        "label         object                 a method of the serializer computes it. "
        + FROM_METHOD,
        "text          object                 Flight.__str__ is no column. " + FROM_ATTRIBUTE,
    ]


def test_nested_lists_and_fields_of_the_row_itself():
    assert explain(FleetView).splitlines()[3:] == [
        "field        grade              column               conversion",
        "fleet        one query a chunk  fleet",
        "fleet[]      column             fleet__manufacturer  none",
        "itself       columns",
        "itself.code  column             code                 none",
        "itself.name  column             name                 none",
    ]


def test_objects_of_a_list_show_their_fields():
    class View(FleetView):
        serializer_class = FlightsOfAirline

    rows = [line.split() for line in explain(View).splitlines()[3:]]
    assert rows[1:5] == [
        ["flights", "one", "query", "a", "chunk", "flights"],
        ["flights[].id", "column", "flights__id", "none"],
        ["flights[].carrier", "join", "flights__carrier"],
        ["flights[].carrier.code", "column", "flights__carrier__code", "none"],
    ]


def test_a_serializer_that_represents_by_itself_has_no_fields_to_show():
    assert explain(ByDRFView).splitlines() == [
        f"{__name__}.ByDRFView: by DRF, object by object",
        "  because ByDRF overrides to_representation()",
        "  Move what it does into fields, which can then be read from columns one by one.",
        SOURCE,
    ]


def test_a_list_without_places_says_why_it_cannot_be_continued():
    class View(WithMethodView):
        queryset = Flight.objects.order_by("?")

    assert "  cannot be continued, since its order is random" in explain(View).splitlines()


def test_a_list_that_is_no_queryset_has_no_source():
    class View(WithMethodView):
        def filter_queryset(self, queryset: Any) -> Any:
            return [*queryset[:1]]

    lines = explain(View).splitlines()
    assert "  cannot be continued, since its rows are no queryset" in lines
    assert not any(line.startswith("  read ") for line in lines)


def test_a_request_of_ones_own_is_what_the_view_sees():
    class View(WithMethodView):
        def get_serializer_class(self) -> Any:
            return Fleet if self.request.headers.get("X-Fleet") else FlightSerializer

    request = HttpRequest()
    request.method = "GET"
    request.META = {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_X_FLEET": "1"}
    assert "fleet" in explain(View, request)
    assert "fleet" not in explain(View)


class IsolatedView(WithMethodView):
    stream_isolation = "repeatable read"


@pytest.mark.parametrize(
    ("source", "how"),
    [("cursor", "through a cursor"), ("keyset", "by the place of each row, chunk after chunk")],
)
def test_what_is_isolated_is_said_to_be(source: str, how: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(IsolatedView, "stream_source", source)
    assert explain(IsolatedView).splitlines()[2] == (
        f"  read {how}, in one snapshot with all that is read beside the rows, "
        f"since stream_source is '{source}'"
    )


def printed(*views: str) -> str:
    out = StringIO()
    call_command("explain_stream", *views, stdout=out)
    return out.getvalue()


def test_the_command_explains_the_views_that_it_is_given():
    assert printed("flights.views.AirlineViewSet") == explain(AirlineViewSet) + "\n"


def test_without_a_view_the_command_explains_all_in_the_urlconf():
    with override_settings(ROOT_URLCONF="config.urls"):
        out = printed()
    assert out.count("from columns: no object is made") == 5


def test_a_view_that_needs_its_own_requests_is_said_to():
    with override_settings(ROOT_URLCONF=()):
        out = printed(f"{__name__}.ListsView")
    assert out == (
        f"{__name__}.ListsView: not known without a real request "
        "(AttributeError: 'AnonymousUser' object has no attribute 'flights')\n"
    )


class MisconfiguredView(WithMethodView):
    queryset = Flight.objects.order_by("?")
    stream_source = "keyset"


def test_a_view_whose_stream_is_misconfigured_is_said_to_be():
    assert printed(f"{__name__}.MisconfiguredView").startswith(
        f"{__name__}.MisconfiguredView: wrongly configured: stream_source is 'keyset', but "
    )


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("flights.nothing.View", "flights.nothing.View cannot be imported: "),
        ("flights.models.Flight", "flights.models.Flight is no class with StreamingListMixin."),
        ("flights.views.action", "flights.views.action is no class with StreamingListMixin."),
    ],
)
def test_what_is_no_streaming_view_is_refused(view: str, message: str):
    with pytest.raises(CommandError, match=message):
        printed(view)


def test_a_project_without_streaming_views_is_told_so():
    with (
        override_settings(ROOT_URLCONF=None),
        pytest.raises(CommandError, match="The URLconf has no view with StreamingListMixin"),
    ):
        printed()


def test_a_manager_is_explained_as_the_queryset_that_is_streamed():
    class OfManager(WithMethodView):
        queryset: Any = Flight.objects

    assert explain(OfManager).splitlines()[1:] == explain(WithMethodView).splitlines()[1:]
