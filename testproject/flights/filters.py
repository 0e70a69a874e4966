from typing import Any

from django.forms import IntegerField
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from .models import Flight, Weather


class IntegerFilter(filters.NumberFilter):
    """A number as the schema describes it: that of a column of integers."""

    field_class = IntegerField


@extend_schema_field(OpenApiTypes.BOOL)
class BooleanFilter(filters.TypedChoiceFilter):
    """That of django-filter takes whatever it does not know for no filter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(*args, choices=choices, coerce="true".__eq__, **kwargs)


class FlightFilter(filters.FilterSet):
    carrier = filters.CharFilter("carrier_id")
    origin = filters.CharFilter("origin_id")
    destination = filters.CharFilter("destination_id")
    date = filters.DateFromToRangeFilter()
    cancelled = BooleanFilter()
    min_delay = IntegerFilter("departure_delay", "gte")

    class Meta:
        model = Flight
        fields = ["carrier", "origin", "destination", "date", "cancelled", "min_delay"]


class WeatherFilter(filters.FilterSet):
    origin = filters.CharFilter("origin_id")
    hour = filters.IsoDateTimeFromToRangeFilter()

    class Meta:
        model = Weather
        fields = ["origin", "hour"]
