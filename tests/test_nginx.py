"""Streams through nginx: with its defaults, and as the docs say."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from django.db import connection

from browser import Tab
from clients import get_with_curl
from nginx import LOCATIONS, READ_TIMEOUT, nginx_before
from servers import Server, eventually, url_of
from test_browser import LISTEN, ids_of_all_flights
from test_page import IS, REMEMBER

pytestmark = pytest.mark.django_db
on = pytest.mark.parametrize

COMPLETE, CUT = 0, 18


@dataclass(frozen=True)
class Proxy:
    name: str
    url: str


@pytest.fixture(scope="module", params=LOCATIONS)
def proxy(
    request: pytest.FixtureRequest,
    servers: Callable[[str], Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    name = request.param
    with nginx_before(servers("uvicorn"), name, tmp_path_factory.mktemp(name)) as url:
        yield Proxy(name, url)


def arrivals(url: str, text: bytes) -> list[float]:
    """Return after how many seconds this text came, each time that it did."""
    start, received = time.monotonic(), b""
    times: list[float] = []
    with httpx.stream("GET", url) as response:
        for part in response.iter_raw():
            received += part
            times += [time.monotonic() - start] * (received.count(text) - len(times))
    return times


def test_events_arrive_when_they_happen(proxy: Proxy):
    url = f"{proxy.url}/live/events/?async&rows=3&pause=1&heartbeat=0.2"
    first, second, third = arrivals(url, b"data: ")
    # Held back, they would come together.
    assert min(second - first, third - second) > 0.2


def test_the_first_rows_of_a_list_arrive_before_the_last(proxy: Proxy):
    times = arrivals(f"{proxy.url}/slow-flights/?stream=sse&pause=0.0005", b"data: ")
    assert len(times) == 3001
    assert times[-1] - times[0] > 0.5


@on("kind", ["sync", "async"])
def test_heartbeats_arrive_one_by_one(proxy: Proxy, kind: str):
    url = f"{proxy.url}/live/events/?{kind}&rows=2&pause=2&heartbeat=0.2"
    times = [0.0, *arrivals(url, b":\n")]
    assert len(times) > 3
    # Without them, or if they were held back, there would be 2 seconds of silence.
    assert max(later - time for time, later in pairwise(times)) < 1.8


def test_a_silent_stream_outlives_the_read_timeout_because_of_its_heartbeats(proxy: Proxy):
    silence = 1.5 * READ_TIMEOUT
    url = f"{proxy.url}/live/events/?async&rows=2&pause={silence}"
    status, body = get_with_curl(f"{url}&heartbeat={READ_TIMEOUT / 4}")
    assert (status, body.count(b"data: ")) == (COMPLETE, 2)
    status, body = get_with_curl(f"{url}&heartbeat=60")
    assert (status, body.count(b"data: ")) == (CUT, 1)


def test_a_browser_hears_no_error_in_a_silence_that_outlasts_the_read_timeout(
    proxy: Proxy, tab: Tab
):
    tab.open(f"{proxy.url}/collect/")
    silence = 1.5 * READ_TIMEOUT
    url = f"/live/events/?async&rows=3&pause={silence}&heartbeat={READ_TIMEOUT / 4}"
    tab.run(LISTEN, url, ["message"])
    tab.until("() => heard.length === 2")
    assert tab.run("() => [errors, source.readyState === EventSource.OPEN]") == [[], True]


BROKEN_OFF = {
    "ndjson": b'{"$stream":"error",',
    "json-seq": b'\x1e{"$stream":"error",',
    "sse": b"event: problem\n",
}


@on("format", BROKEN_OFF)
def test_a_stream_that_broke_off_has_its_mark(proxy: Proxy, format: str):
    # HTTP/1.0, which nginx speaks by default, ends a body with the connection: a cut is an end.
    looks = {"default": COMPLETE, "documented": CUT}[proxy.name]
    url = f"{proxy.url}/source/async/?stream={format}&rows=5&fail_at=4"
    status, body = get_with_curl(url)
    assert (status, body.count(BROKEN_OFF[format])) == (looks, 1)
    status, body = get_with_curl(f"{proxy.url}/source/async/?stream={format}&rows=5")
    assert (status, body.count(BROKEN_OFF[format])) == (COMPLETE, 0)


def test_json_that_broke_off_is_no_json(proxy: Proxy):
    _, body = get_with_curl(f"{proxy.url}/source/async/?stream=json&rows=5&fail_at=4")
    assert body == b'[{"n":1},{"n":2},{"n":3}'


def test_the_source_of_a_client_that_left_nginx_ends(
    proxy: Proxy, servers: Callable[[str], Server]
):
    mark = servers("uvicorn").mark()
    url = f"{proxy.url}/live/events/?async&pause=60&heartbeat=0.2&{mark.query}"
    with httpx.stream("GET", url) as response:
        next(response.iter_raw())
    assert eventually(lambda: mark.is_there, True, within=10)


def test_the_page_goes_on_behind_an_nginx_whose_server_was_killed(tab: Tab, tmp_path: Path):
    # EventSource gives up at the 502; the page asks again.
    server = Server("demo", url_of(connection.settings_dict), tmp_path)
    try:
        with nginx_before(server, "documented", tmp_path) as url:
            tab.before_each_page(REMEMBER)
            tab.open(f"{url}/live/?pause=0.0005")
            tab.until("() => came.length > 300")
            server.kill()
            tab.until("() => document.querySelector('#list .state').innerText.includes('502')")
            assert tab.text("#list .state") == "The server says 502 Bad Gateway. Trying again"
            server.start()
            tab.until(IS, "list", "ended", within=20)
            assert tab.run("() => came") == ids_of_all_flights("id")
    finally:
        server.kill()
