"""Swagger UI and Redoc of the test project, in Chromium."""

from collections.abc import Callable

import pytest

from browser import Tab
from flights.models import Airline
from servers import Server

pytestmark = pytest.mark.django_db
LISTS = [
    "airlines_list",
    "airlines_flights_list",
    "airports_list",
    "flights_list",
    "planes_list",
    "weather_list",
]
MEDIA_TYPES = [
    "application/json",
    "application/x-ndjson",
    "text/event-stream",
    "text/csv",
    "application/json-seq",
]
CHOICES = "([selector]) => [...document.querySelectorAll(selector)].map((each) => each.value)"
SHOWN = "([selector]) => document.querySelector(selector)?.innerText"


@pytest.fixture
def server(servers: Callable[[str], Server]) -> Server:
    return servers("demo")


def open_operation(tab: Tab, server: Server, name: str) -> str:
    """Open one operation of Swagger UI, and return the selector of its block."""
    tab.open(f"{server.url}/schema/swagger/")
    block = f"[id$='-{name}']"
    tab.until("([block]) => document.querySelector(block)", block)
    tab.click(f"{block} .opblock-summary-control")
    tab.until("([block]) => document.querySelector(block)", f"{block} .responses-inner")
    return block


def foreign(tab: Tab, server: Server) -> list[str]:
    """Return what was asked of others, save what the page forbids itself."""
    tried = [url for url, reason in tab.unanswered if reason != "csp"]
    asked = [*tried, *(url for url, _ in tab.answers)]
    return [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]


def choose(tab: Tab, selector: str, value: str) -> None:
    tab.run(
        """([selector, value]) => {
          const field = document.querySelector(selector);
          field.value = value;
          field.dispatchEvent(new Event("change", { bubbles: true }));
        }""",
        selector,
        value,
    )


@pytest.mark.parametrize("name", LISTS)
def test_swagger_ui_lists_the_media_types_of_streams(tab: Tab, server: Server, name: str):
    block = open_operation(tab, server, name)
    assert tab.run(CHOICES, f"{block} .content-type option") == MEDIA_TYPES
    assert foreign(tab, server) == []
    assert tab.complaints == []


@pytest.mark.parametrize("name", ["airports_retrieve", "airlines_retrieve"])
def test_swagger_ui_lists_no_stream_where_there_is_none(tab: Tab, server: Server, name: str):
    block = open_operation(tab, server, name)
    assert tab.run(CHOICES, f"{block} .content-type option") == ["application/json"]


def test_swagger_ui_shows_what_a_stream_is_like(tab: Tab, server: Server):
    block = open_operation(tab, server, "airports_list")
    choose(tab, f"{block} .content-type", "text/csv")
    header = "code,name,latitude,longitude,altitude,time_zone"
    tab.until(f"{SHOWN}.includes({header!r})", f"{block} .responses-inner")


def test_swagger_ui_opens_a_stream(tab: Tab, server: Server):
    block = open_operation(tab, server, "airlines_list")
    tab.click(f"{block} .try-out__btn")
    choose(tab, f"{block} [data-param-name=stream] select", "ndjson")
    tab.click(f"{block} .execute")
    # The table of answers, the body among them, and the URL that was asked.
    shown = tab.until(SHOWN, f"{block} .live-responses-table .response")
    assert tab.text(f"{block} .request-url").strip().endswith("/airlines/?stream=ndjson")
    first = Airline.objects.earliest("code")
    assert f'{{"code":"{first.code}","name":"{first.name}",' in shown
    assert "content-type: application/x-ndjson" in shown


def test_redoc_lists_the_media_types_of_streams(tab: Tab, server: Server):
    tab.open(f"{server.url}/schema/redoc/")
    section = "[id$='airports_list']"
    shown = tab.until(f"([section]) => ({SHOWN})([section])", section)
    for media_type in MEDIA_TYPES:
        assert media_type in shown
    assert foreign(tab, server) == []
