"""Lists of flights in each grade, read by the source that `?source=` names."""

from typing import Any

from django.urls import path
from rest_framework import serializers

from drf_streaming.generics import StreamingListAPIView
from flights.models import Flight
from flights.serializers import FlightSerializer


class WithMethod(FlightSerializer):
    name = serializers.SerializerMethodField()

    class Meta(FlightSerializer.Meta):
        fields = [*FlightSerializer.Meta.fields, "name"]

    def get_name(self, flight: Flight) -> str:
        return f"{flight.carrier_id} {flight.number}"


class ByDRF(FlightSerializer):
    def to_representation(self, instance: Flight) -> Any:
        return super().to_representation(instance)


class Flights(StreamingListAPIView):
    queryset = Flight.objects.select_related("carrier")
    ordering_fields = ["id", "scheduled_departure", "departure_delay"]

    def get_stream_source(self) -> str:
        return self.request.query_params.get("source", "auto")


urlpatterns = [
    path("columns/", Flights.as_view(serializer_class=FlightSerializer)),
    path("objects/", Flights.as_view(serializer_class=WithMethod)),
    path("DRF/", Flights.as_view(serializer_class=ByDRF)),
]
