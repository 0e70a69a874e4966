"""The flights that left New York City in 2013.

The flights mention airports and planes that the other files lack: those get a row with nothing
but their code, and every other field empty.
"""

from django.db import models


class Airport(models.Model):
    code = models.CharField(max_length=3, primary_key=True)
    name = models.CharField(max_length=60, blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    altitude = models.IntegerField("altitude in feet", null=True)
    time_zone = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class Plane(models.Model):
    tail_number = models.CharField(max_length=6, primary_key=True)
    year = models.PositiveSmallIntegerField("year of manufacture", null=True)
    type = models.CharField(max_length=30, blank=True)
    manufacturer = models.CharField(max_length=30, blank=True)
    model = models.CharField(max_length=20, blank=True)
    engines = models.PositiveSmallIntegerField(null=True)
    seats = models.PositiveSmallIntegerField(null=True)
    speed = models.PositiveSmallIntegerField("cruising speed in miles per hour", null=True)
    engine = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ["tail_number"]

    def __str__(self) -> str:
        return self.tail_number


class Airline(models.Model):
    code = models.CharField(max_length=2, primary_key=True)
    name = models.CharField(max_length=40)
    fleet = models.ManyToManyField(Plane, related_name="airlines")

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Weather(models.Model):
    """An hour's weather at an airport, in US units."""

    origin = models.ForeignKey(Airport, models.CASCADE, related_name="weather")
    hour = models.DateTimeField()
    temperature = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    dew_point = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    humidity = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    wind_direction = models.PositiveSmallIntegerField("wind direction in degrees", null=True)
    wind_speed = models.FloatField(null=True)
    wind_gust = models.FloatField(null=True)
    precipitation = models.DecimalField(max_digits=4, decimal_places=2)
    pressure = models.DecimalField(max_digits=5, decimal_places=1, null=True)
    visibility = models.DecimalField(max_digits=4, decimal_places=2)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "weather"
        constraints = [
            models.UniqueConstraint(fields=["origin", "hour"], name="weather_origin_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.origin_id} {self.hour:%Y-%m-%d %H:%M}"


class Flight(models.Model):
    """A flight; its id is its row number in the file of flights."""

    carrier = models.ForeignKey(Airline, models.CASCADE, related_name="flights")
    number = models.PositiveSmallIntegerField()
    origin = models.ForeignKey(Airport, models.CASCADE, related_name="departures")
    destination = models.ForeignKey(Airport, models.CASCADE, related_name="arrivals")
    plane = models.ForeignKey(Plane, models.CASCADE, related_name="flights", null=True)
    date = models.DateField()
    scheduled_departure = models.DateTimeField()
    departure = models.TimeField(null=True)
    departure_delay = models.IntegerField("departure delay in minutes", null=True)
    arrival_delay = models.IntegerField("arrival delay in minutes", null=True)
    air_time = models.PositiveSmallIntegerField("air time in minutes", null=True)
    distance = models.PositiveSmallIntegerField("distance in miles")
    cancelled = models.BooleanField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["date", "id"], name="flight_date"),
            models.Index(fields=["scheduled_departure", "id"], name="flight_scheduled_departure"),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.number} on {self.date}"
