from django.http import HttpResponseBase
from rest_framework.decorators import action
from rest_framework.request import Request

from drf_streaming.viewsets import StreamingReadOnlyModelViewSet

from .filters import FlightFilter, WeatherFilter
from .models import Airline, Airport, Flight, Plane, Weather
from .serializers import (
    AirlineSerializer,
    AirportSerializer,
    FlightSerializer,
    PlaneSerializer,
    WeatherSerializer,
)


class FlightViewSet(StreamingReadOnlyModelViewSet):
    queryset = Flight.objects.select_related("carrier")
    serializer_class = FlightSerializer
    filterset_class = FlightFilter
    search_fields = ["carrier__name", "origin__name", "destination__name", "plane__tail_number"]
    ordering_fields = ["id", "date", "scheduled_departure", "departure_delay", "distance"]


class AirlineViewSet(StreamingReadOnlyModelViewSet):
    queryset = Airline.objects.prefetch_related("fleet")
    serializer_class = AirlineSerializer
    search_fields = ["name"]
    ordering_fields = ["code", "name"]
    stream_actions = ["list", "flights"]

    @action(detail=True, serializer_class=FlightSerializer)
    def flights(self, request: Request, pk: str) -> HttpResponseBase:
        return self.stream(self.get_object().flights.select_related("carrier"))


class AirportViewSet(StreamingReadOnlyModelViewSet):
    queryset = Airport.objects.all()
    serializer_class = AirportSerializer
    filterset_fields = ["time_zone"]
    search_fields = ["code", "name"]
    ordering_fields = ["code", "name", "altitude"]


class PlaneViewSet(StreamingReadOnlyModelViewSet):
    queryset = Plane.objects.all()
    serializer_class = PlaneSerializer
    filterset_fields = ["manufacturer", "engine"]
    search_fields = ["tail_number", "manufacturer", "model"]
    ordering_fields = ["tail_number", "year", "seats"]


class WeatherViewSet(StreamingReadOnlyModelViewSet):
    queryset = Weather.objects.all()
    serializer_class = WeatherSerializer
    filterset_class = WeatherFilter
    ordering_fields = ["id", "hour", "temperature", "wind_speed"]
