"""The browsable API of the test project, in Chromium."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from browser import Tab
from drf_streaming.test import parse_events
from flights.models import Airport, Flight
from servers import Server

pytestmark = pytest.mark.django_db

PAGES = ["json", "api"]
STREAMS = ["ndjson", "json-stream", "sse", "csv", "json-seq"]
LOADED = "document.readyState === 'complete' && document.contentType ==="
TEXT = "document.body.textContent"
MENU = "() => [...document.querySelectorAll('.format-option')].map((each) => each.innerText)"


@pytest.fixture
def server(servers: Callable[[str], Server]) -> Server:
    return servers("demo")


def choose(format: str) -> str:
    return f".format-option:text-is('{format}')"


def open_menu(tab: Tab) -> None:
    tab.click(".format-selection .dropdown-toggle")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/flights/", PAGES + STREAMS),
        ("/flights/?origin=JFK&page=2", PAGES + STREAMS),
        ("/airlines/AA/flights/", PAGES + STREAMS),
        ("/flights/{flight}/", PAGES),
        ("/airlines/AA/", PAGES),
        ("/", PAGES),
    ],
)
def test_the_menu_offers_the_streams_on_pages_that_stream(
    tab: Tab, server: Server, path: str, expected: list[str]
):
    first = Flight.objects.earliest("id")
    tab.open(server.url + path.format(flight=first.pk))
    open_menu(tab)
    assert tab.run(MENU) == expected


def test_the_page_itself_stays_paginated(tab: Tab, server: Server):
    tab.open(f"{server.url}/flights/?page=2")
    shown = json.loads(tab.text(".response-info").partition("\n\n")[2])
    assert (shown["count"], len(shown["results"])) == (3000, 100)
    assert shown["next"].endswith("/flights/?page=3")
    assert tab.text(".pagination .active") == "2"


def saved(format: str, content: bytes) -> list[Any]:
    text = content.decode()
    match format:
        case "csv":
            return [int(row["id"]) for row in csv.DictReader(io.StringIO(text, newline=""))]
        case "json-seq":
            return [json.loads(record)["id"] for record in text.split("\x1e")[1:]]
        case _:
            return [json.loads(line)["id"] for line in text.split("\n")[:-1]]


@pytest.mark.parametrize("format", ["ndjson", "csv", "json-seq"])
def test_a_stream_that_a_browser_cannot_show_is_saved_whole_under_a_name(
    tab: Tab, server: Server, format: str
):
    tab.open(f"{server.url}/flights/?origin=JFK&page=2")
    open_menu(tab)
    name, content = tab.download(choose(format))
    expected = Flight.objects.filter(origin="JFK").order_by("id")
    assert name == f"flight-list.{format}"
    assert saved(format, content) == [*expected.values_list("id", flat=True)]
    assert tab.text(".pagination .active") == "2"


def test_a_stream_as_json_opens_in_the_tab(tab: Tab, server: Server):
    tab.open(f"{server.url}/airports/")
    open_menu(tab)
    tab.click(choose("json-stream"))
    items = json.loads(tab.until(f"() => {LOADED} 'application/json' && {TEXT}"))
    assert [item["code"] for item in items] == [*Airport.objects.values_list("code", flat=True)]


def test_a_stream_of_events_opens_in_the_tab_and_ends(tab: Tab, server: Server):
    tab.open(f"{server.url}/airports/")
    open_menu(tab)
    tab.click(choose("sse"))
    text = tab.until(f"() => {LOADED} 'text/event-stream' && {TEXT}")
    *items, end = parse_events(text)
    assert (len(items), end.event) == (Airport.objects.count(), "end")
