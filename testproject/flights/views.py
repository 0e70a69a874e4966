import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.views import APIView

from drf_streaming.decorators import sse_stream
from drf_streaming.viewsets import StreamingReadOnlyModelViewSet

from .filters import FlightFilter, WeatherFilter
from .models import Airline, Airport, Flight, Plane, Weather
from .serializers import (
    AirlineSerializer,
    AirportSerializer,
    DepartureSerializer,
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


async def departures(request: Request) -> AsyncIterator[tuple[str, dict[str, Any], int]]:
    after = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id", "")
    seen = int(after) if after.isdecimal() else 0
    # The file of flights is in order of departure.
    departed = Flight.objects.filter(departure__isnull=False).select_related("carrier")
    earlier = None
    while True:
        # Read a few, then wait: a stream that waits holds no connection.
        flights = [flight async for flight in departed.filter(id__gt=seen).order_by("id")[:20]]
        for flight in flights:
            moment = datetime.combine(flight.date, flight.departure)
            if earlier:
                minutes = (moment - earlier).total_seconds() / 60
                await asyncio.sleep(min(max(minutes, 0.2), 1.5))
            earlier, seen = moment, flight.id
            yield "departure", departure(flight, moment), seen
        if not flights:
            seen = 0
            await asyncio.sleep(1)


def departure(flight: Flight, moment: datetime) -> dict[str, Any]:
    return {
        "flight": f"{flight.carrier_id} {flight.number}",
        "airline": flight.carrier.name,
        "origin": flight.origin_id,
        "destination": flight.destination_id,
        "departure": moment,
        "delay": flight.departure_delay,
    }


class DeparturesView(APIView):
    @sse_stream(events={"departure": DepartureSerializer})
    def get(self, request: Request) -> AsyncIterator[tuple[str, dict[str, Any], int]]:
        """Tell the departures of 2013 as they happened, a minute in a second, nights left out."""
        return departures(request)
