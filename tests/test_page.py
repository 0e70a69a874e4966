"""The page of the test project, in Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from browser import Chromium, Tab
from clients import read_until
from flights.models import Flight
from servers import Server, url_of
from test_browser import ids_of_all_flights

pytestmark = pytest.mark.django_db

# The page keeps the last rows only; this keeps the ids of all that came, in their order. A page
# whose URL has a `pause` shows the list that takes it for each flight.
REMEMBER = """
window.came = [];
const SLOW = new URLSearchParams(location.search).has("pause");
window.EventSource = class extends EventSource {
  constructor(url) {
    super(String(url).replace("/flights/", SLOW ? "/slow-flights/" : "/flights/"));
    this.addEventListener("message", (event) => came.push(JSON.parse(event.data).id));
  }
};
"""
STATE = "([panel]) => document.querySelector(`#${panel} .state`).dataset.state"
IS = f"([panel, state]) => ({STATE})([panel]) === state"


@pytest.fixture
def server(servers: Callable[[str], Server]) -> Server:
    return servers("demo")


@pytest.fixture
def tab(chromium: Chromium) -> Iterator[Tab]:
    with chromium.tab() as tab:
        tab.before_each_page(REMEMBER)
        yield tab


@contextmanager
def server_of_its_own(tmp_path: Path) -> Iterator[Server]:
    server = Server("demo", url_of(connection.settings_dict), tmp_path)
    try:
        yield server
    finally:
        server.kill()


def got(tab: Tab) -> int:
    return int(tab.text("#list .got").replace(",", ""))


def test_the_page_fills_and_says_that_the_list_is_complete(tab: Tab, server: Server):
    tab.open(f"{server.url}/live/")
    tab.until(IS, "list", "ended")
    assert tab.text("#list .state").startswith("Complete: 3,000 flights in ")
    assert tab.run("() => came") == ids_of_all_flights("id")
    assert tab.until("() => document.querySelector('.got').textContent === '3,000'")
    assert tab.until("() => document.querySelector('.total').textContent === '3,000'")
    assert tab.run("() => document.querySelector('progress').position") == 1
    assert tab.run("() => document.querySelectorAll('tbody tr').length") == 200
    last = Flight.objects.order_by("id").last()
    assert last is not None
    assert tab.text("tbody tr:first-child td") == f"{last.carrier_id} {last.number}"
    assert tab.complaints == []


def test_pause_stops_and_resume_goes_on_with_no_row_twice_or_missing(tab: Tab, server: Server):
    tab.open(f"{server.url}/live/?pause=0.002")
    for some in (200, 1200):
        tab.until("([some]) => came.length > some", some)
        tab.click("#list button")
        assert tab.text("#list button") == "Resume"
        count = tab.run("() => came.length")
        assert some < count < 3000
        assert tab.text("#list .state") == f"Paused after {count:,} flights"
        tab.run("() => new Promise((done) => setTimeout(done, 500))")
        assert (tab.run("() => came.length"), got(tab)) == (count, count)
        tab.click("#list button")
        assert tab.text("#list button") == "Pause"
    tab.until(IS, "list", "ended")
    assert tab.run("() => came") == ids_of_all_flights("id")
    assert tab.text("#list .state").startswith("Complete: 3,000 flights")
    assert tab.complaints == []


def test_the_chart_and_the_progress_bar_grow_with_the_list(tab: Tab, server: Server):
    tab.open(f"{server.url}/live/?pause=0.002")
    tab.until("() => document.querySelector('.line').getAttribute('d').split('L').length > 4")
    assert 0 < tab.run("() => document.querySelector('progress').position") < 1
    assert tab.run("() => document.querySelector('.line').getBBox().width") > 0
    assert tab.run("() => document.querySelector('.line').getBBox().height") > 0
    assert "Flights per second: now " in tab.run(
        "() => document.querySelector('svg').getAttribute('aria-label')"
    )


def test_the_list_can_be_started_again_and_filtered(tab: Tab, server: Server):
    tab.open(f"{server.url}/live/?origin=JFK&ordering=-distance")
    expected = Flight.objects.filter(origin="JFK").order_by("-distance", "-id")
    ids = [*expected.values_list("id", flat=True)]
    tab.until(IS, "list", "ended")
    tab.click("#list button")
    tab.until(IS, "list", "ended")
    assert tab.run("() => came") == ids * 2
    assert tab.until("() => document.querySelector('.total').textContent") == f"{len(ids):,}"


def test_the_page_works_with_the_keyboard(tab: Tab, server: Server):
    tab.open(f"{server.url}/live/")
    tab.until(IS, "feed", "live")
    tab.run("() => document.querySelector('#feed button').focus()")
    tab.press("Space")
    assert tab.text("#feed button") == "Resume"
    tab.press("Enter")
    assert tab.text("#feed button") == "Pause"


def test_the_feed_tells_departures_in_their_order_and_goes_on_after_a_pause(
    tab: Tab, server: Server
):
    told = "() => [...document.querySelectorAll('#feed li span')].map((each) => each.innerText)"
    tab.open(f"{server.url}/live/")
    tab.until(f"() => ({told})().length >= 2")
    tab.click("#feed button")
    assert tab.text("#feed .state") == "Paused"
    before = len(tab.run(told))
    tab.click("#feed button")
    tab.until(f"([n]) => ({told})().length >= n + 2", before)
    flights = Flight.objects.filter(departure__isnull=False).order_by("id")
    words = [each.split(", ")[1] for each in reversed(tab.run(told))]
    assert words == [f"{each.carrier_id} {each.number}" for each in flights[: len(words)]]
    assert tab.complaints == []


def test_the_feed_goes_on_after_the_id_that_a_browser_sends(server: Server):
    after = Flight.objects.filter(departure__isnull=False).order_by("id")[5]
    following = Flight.objects.filter(departure__isnull=False, id__gt=after.id).earliest("id")
    with server.connect("/live/departures/", **{"Last-Event-ID": str(after.id)}) as client:
        received = read_until(client, b"data: ")
    assert f"\nid: {following.id}\n".encode() in received


def test_a_server_that_is_killed_is_told_in_words_and_the_list_completes(tab: Tab, tmp_path: Path):
    with server_of_its_own(tmp_path) as server:
        tab.open(f"{server.url}/live/?pause=0.002")
        tab.until("() => came.length > 300")
        server.kill()
        tab.until(IS, "list", "waiting")
        assert tab.text("#list .state") == "The connection was lost. Trying again"
        server.start()
        tab.until(IS, "list", "ended", within=20)
    assert tab.run("() => came") == ids_of_all_flights("id")


def test_a_refusal_is_told_in_words(tab: Tab, server: Server):
    tab.open(f"{server.url}/live/?last_event_id=forged")
    tab.until(IS, "list", "refused")
    assert tab.text("#list .state") == "The server says 400 Bad Request."
    assert tab.text("#list button") == "Try again"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_narrow_screen_and_follows_the_colour_scheme(
    chromium: Chromium, server: Server, scheme: str
):
    size = {"width": 360, "height": 740}
    with chromium.tab(viewport=size, color_scheme=scheme) as tab:
        tab.open(f"{server.url}/live/")
        tab.until(IS, "list", "ended")
        tab.until("() => document.querySelector('#feed li')")
        assert tab.run("() => document.documentElement.scrollWidth") == 360
        back = tab.run("() => getComputedStyle(document.body).backgroundColor")
        assert back == {"light": "rgb(243, 245, 247)", "dark": "rgb(16, 22, 28)"}[scheme]


def test_everything_that_can_be_operated_or_changes_has_a_name(tab: Tab, server: Server):
    tab.open(f"{server.url}/live/")
    tab.until(IS, "list", "ended")
    named = "button, progress, svg, [role=region], ol"
    names = tab.run(
        """([selector]) => [...document.querySelectorAll(selector)].map(
          (each) => (each.getAttribute("aria-label") || each.textContent).trim())""",
        named,
    )
    assert len(names) == 6
    assert all(names)
    assert tab.run("() => document.querySelectorAll('[role=status]').length") == 2


def test_nothing_comes_from_another_site(tab: Tab, server: Server):
    tab.open(f"{server.url}/live/")
    tab.until(IS, "list", "ended")
    assert [url for url, _ in tab.answers if not url.startswith((server.url, "data:"))] == []
    assert {status for _, status in tab.answers} == {200}
    assert tab.complaints == []
