from django_filters import rest_framework as filters

from .models import Flight, Weather


class FlightFilter(filters.FilterSet):
    carrier = filters.CharFilter("carrier_id")
    origin = filters.CharFilter("origin_id")
    destination = filters.CharFilter("destination_id")
    date = filters.DateFromToRangeFilter()
    min_delay = filters.NumberFilter("departure_delay", "gte")

    class Meta:
        model = Flight
        fields = ["carrier", "origin", "destination", "date", "cancelled", "min_delay"]


class WeatherFilter(filters.FilterSet):
    origin = filters.CharFilter("origin_id")
    hour = filters.IsoDateTimeFromToRangeFilter()

    class Meta:
        model = Weather
        fields = ["origin", "hour"]
