from rest_framework import serializers

from .models import Airline, Airport, Flight, Plane, Weather


class AirlineNameSerializer(serializers.ModelSerializer):
    class Meta:
        model = Airline
        fields = ["code", "name"]


class AirlineSerializer(serializers.ModelSerializer):
    class Meta:
        model = Airline
        fields = ["code", "name", "fleet"]


class AirportSerializer(serializers.ModelSerializer):
    class Meta:
        model = Airport
        fields = ["code", "name", "latitude", "longitude", "altitude", "time_zone"]


class PlaneSerializer(serializers.ModelSerializer):
    class Meta:
        model = Plane
        fields = [
            "tail_number",
            "year",
            "type",
            "manufacturer",
            "model",
            "engines",
            "seats",
            "speed",
            "engine",
        ]


class WeatherSerializer(serializers.ModelSerializer):
    class Meta:
        model = Weather
        fields = [
            "id",
            "origin",
            "hour",
            "temperature",
            "dew_point",
            "humidity",
            "wind_direction",
            "wind_speed",
            "wind_gust",
            "precipitation",
            "pressure",
            "visibility",
        ]


class FlightSerializer(serializers.ModelSerializer):
    carrier = AirlineNameSerializer(read_only=True)

    class Meta:
        model = Flight
        fields = [
            "id",
            "carrier",
            "number",
            "origin",
            "destination",
            "plane",
            "date",
            "scheduled_departure",
            "departure",
            "departure_delay",
            "arrival_delay",
            "air_time",
            "distance",
            "cancelled",
        ]


class DepartureSerializer(serializers.Serializer):
    flight = serializers.CharField()
    airline = serializers.CharField()
    origin = serializers.CharField()
    destination = serializers.CharField()
    departure = serializers.CharField(help_text="In local time.")
    delay = serializers.IntegerField(help_text="In minutes.", allow_null=True)
