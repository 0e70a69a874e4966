"""A list that is cut again and again while others write to it, and read on at each cut."""

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from django.db import connection
from django.db.models import F

from drf_streaming.test import parse_events
from flights.models import Flight
from servers import Server
from soak.sizes import COPY, size

pytestmark = pytest.mark.django_db

CUTS = size(200, 40)
# Flights that come and go have keys of their own, in millions.
COMING = 5_000
Found = tuple[list[int], str | None, bool]


def write(over: threading.Event, first: int) -> int:
    """Insert, move and delete flights until told to stop; update those that stay as well."""
    chance = random.Random(first)
    staying = [*Flight.objects.filter(id__lt=COPY).values_list("id", flat=True)]
    written = 0
    try:
        while not over.wait(0.002):
            flight = Flight.objects.get(pk=chance.choice(staying))
            # With what is there: the flights that stay are those of all tests.
            Flight.objects.filter(pk=flight.pk).update(distance=F("distance"))
            moved, deleted = (first + chance.randint(0, written) for _ in range(2))
            Flight.objects.filter(pk=moved).update(**place(chance, flight))
            Flight.objects.filter(pk=deleted).delete()
            new = {**place(chance, flight), "pk": first + written}
            for name, value in new.items():
                setattr(flight, name, value)
            flight.save(force_insert=True)
            written += 1
    finally:
        Flight.objects.filter(pk__gte=first, pk__lt=first + COPY).delete()
        connection.close()
    return written


def place(chance: random.Random, beside: Flight) -> dict[str, Any]:
    return {
        "departure_delay": chance.choice([None, *range(-20, 60)]),
        "scheduled_departure": beside.scheduled_departure + timedelta(chance.choice([-1, 0, 1])),
    }


@contextmanager
def writers(count: int) -> Iterator[list[int]]:
    over, written = threading.Event(), []
    with ThreadPoolExecutor(count) as threads:
        found = [threads.submit(write, over, (COMING + n) * COPY) for n in range(count)]
        try:
            yield written
        finally:
            over.set()
        written += [each.result() for each in found]


def items_of_events(body: str) -> Found:
    events = [*parse_events(body)]
    ids = [json.loads(event.data)["id"] for event in events if event.event is None]
    places = [event.id for event in events if event.event is None]
    return ids, places[-1] if places else None, bool(events) and events[-1].event == "end"


def items_of_records(body: str) -> Found:
    """Return the items up to the last mark; without one, there is no place to go on from."""
    *whole, _ = body.replace("\x1e", "").split("\n")
    ids: list[int] = []
    marked: Found = ([], None, False)
    for record in map(json.loads, whole):
        if "$stream" not in record:
            ids.append(record["id"])
            continue
        assert record["$stream"] != "error", record
        marked = (list(ids), record.get("resume"), record["$stream"] == "end")
    return marked


READ = {"sse": items_of_events, "ndjson": items_of_records, "json-seq": items_of_records}


def cut(server: Server, path: str, most: int) -> str:
    """Read so many bytes of a list, or all there is."""
    received = b""
    with httpx.stream("GET", server.url + path, timeout=20) as response:
        assert response.status_code == 200, response.read()
        for part in response.iter_raw():
            received += part
            if len(received) >= most:
                break
    # Never within a character: what is cut off there is no record either way.
    return received[:most].decode(errors="ignore")


@pytest.mark.parametrize("server", ["uvicorn"], indirect=True)
@pytest.mark.parametrize("wire", READ)
@pytest.mark.parametrize(
    "order", size(["departure_delay", "-scheduled_departure"], ["departure_delay"])
)
def test_rows_that_are_there_throughout_come_once_however_often_the_list_is_cut(
    server: Server, wire: str, order: str
) -> None:
    staying = {*Flight.objects.filter(id__lt=COPY).values_list("id", flat=True)}
    path = f"/soak/columns/?stream={wire}&source=keyset&marks=3&ordering={order}"
    chance = random.Random(f"{wire} {order}")
    found, cuts, resume, ended = [], 0, None, False
    with writers(2) as written:
        while not ended:
            most = chance.randrange(2 * len(staying) * 200 // CUTS) if cuts < CUTS else 10**9
            after = f"&after={quote(resume)}" if resume else ""
            ids, reached, ended = READ[wire](cut(server, path + after, most))
            found += ids
            resume = reached or resume
            cuts += 1
    print(f"{wire} by {order}: {cuts} cuts, {sum(written)} times written")  # noqa: T201
    assert cuts > CUTS
    assert sorted(key for key in found if key in staying) == sorted(staying)
