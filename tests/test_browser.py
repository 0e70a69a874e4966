"""The package's own streams in Chromium: its EventSource, its cookies, its way back."""

import json
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import pytest
from django.db import connection

from adversarial import expected
from browser import Tab
from flights.models import Flight
from servers import Server, eventually, url_of
from test_live_servers import committed, logged_in

pytestmark = pytest.mark.django_db

# Keeps what it heard, and leaves everything else to EventSource.
LISTEN = """([url, types]) => {
  window.heard = [];
  window.errors = [];
  window.source = new EventSource(url);
  source.onerror = () => errors.push(source.readyState);
  for (const type of types) {
    source.addEventListener(type, (event) => {
      heard.push([event.data, event.type, event.lastEventId]);
    });
  }
}"""
ROWS = """([url]) => {
  window.rows = [];
  window.source = new EventSource(url);
  source.onmessage = (event) => rows.push(JSON.parse(event.data).id);
}"""
IS_CLOSED = "() => source.readyState === EventSource.CLOSED"
CLOSED = 2


@pytest.fixture
def server(servers: Callable[[str], Server]) -> Server:
    return servers("uvicorn")


@pytest.fixture
def site(tab: Tab, server: Server) -> Tab:
    """A tab that shows a page of the server, from which it may ask for all others."""
    tab.open(f"{server.url}/collect/")
    tab.answers.clear()
    tab.complaints.clear()
    return tab


def ids_of_all_flights(*ordering: str) -> list[int]:
    return [*Flight.objects.order_by(*ordering).values_list("id", flat=True)]


@pytest.mark.parametrize("seed", [11, 12])
def test_eventsource_reads_exactly_what_was_sent(site: Tab, seed: int):
    messages = expected(seed, 800)
    types = sorted({each.type for each in messages})
    site.run(LISTEN, f"/live/adversarial/?seed={seed}&count=800", types)
    heard = site.until("([count]) => heard.length >= count && (source.close(), heard)", 800)
    assert [tuple(each) for each in heard] == [astuple(each) for each in messages]


def test_a_list_ends_with_204_after_exactly_two_requests_and_no_code_of_the_page(
    site: Tab, server: Server
):
    url = "/airports/?stream=sse&search=Newark"
    site.run(LISTEN, url, ["message", "end"])
    site.until(IS_CLOSED)
    assert site.run("() => heard.map(([data, type]) => type)") == ["message", "message", "end"]
    assert site.run("() => heard.at(-1)") == ['{"rows":2}', "end", "~end"]
    assert site.answers == [(server.url + url, 200), (server.url + url, 204)]
    # It would be back by now: 3 seconds lay between these two.
    site.run("() => new Promise((done) => setTimeout(done, 4000))")
    assert len(site.answers) == 2
    assert site.complaints == []


def test_a_list_goes_on_in_a_server_that_was_killed_and_started_again(tab: Tab, tmp_path: Path):
    server = Server("uvicorn", url_of(connection.settings_dict), tmp_path)
    try:
        tab.open(f"{server.url}/collect/")
        url = "/slow-flights/?stream=sse&ordering=-scheduled_departure&pause=0.002"
        tab.run(ROWS, url)
        tab.until("() => rows.length > 500")
        server.kill()
        assert 500 < tab.run("() => rows.length") < 3000
        server.start()
        tab.until(IS_CLOSED, within=30)
        assert tab.run("() => rows") == ids_of_all_flights("-scheduled_departure", "-id")
    finally:
        server.kill()


def test_a_failure_in_the_middle_is_heard_and_the_list_goes_on(site: Tab):
    site.run(LISTEN, "/failing/?stream=sse&fail_at=301", ["message", "problem"])
    data, _, place = site.until("() => heard.find(([data, type]) => type === 'problem')")
    problem = json.loads(data)
    assert (problem["status"], problem["resume"]) == (500, place)
    # The next request counts its own rows, and fails at the 301st of them.
    site.until("() => heard.length > 300")
    heard = site.run("() => (source.close(), heard)")
    ids = [json.loads(data)["id"] for data, type, _ in heard if type == "message"]
    assert ids == ids_of_all_flights("id")[: len(ids)]


def test_the_cookie_of_a_session_says_who_listens(site: Tab, server: Server):
    user, session = committed(logged_in)
    try:
        site.set_cookie(server.url, "sessionid", session.session_key)
        site.run(LISTEN, "/live/guarded/", ["message"])
        assert site.until("() => heard[0]") == [f"hello {user.username}", "message", ""]
        assert site.complaints == []
    finally:
        committed(session.delete)
        committed(user.delete)


def test_a_refusal_closes_for_good_and_tells_the_page_nothing(site: Tab, server: Server):
    site.run(LISTEN, "/live/guarded/", ["message", "problem"])
    site.until(IS_CLOSED)
    assert site.answers == [(f"{server.url}/live/guarded/", 403)]
    assert site.run("() => [heard, errors]") == [[], [CLOSED]]


def test_a_page_may_read_why_it_was_refused_with_fetch(site: Tab):
    script = """async ([url]) => {
      const answer = await fetch(url, { headers: { Accept: "text/event-stream" } });
      return [answer.status, answer.headers.get("Content-Type"), await answer.text()];
    }"""
    assert site.run(script, "/live/guarded/") == [
        403,
        "text/event-stream",
        'data: {"detail":"Authentication credentials were not provided."}\n\n',
    ]


def test_a_place_of_another_list_closes_for_good(site: Tab, server: Server):
    url = "/flights/?stream=sse&last_event_id=forged"
    site.run(LISTEN, url, ["message"])
    site.until(IS_CLOSED)
    assert site.answers == [(server.url + url, 400)]


def test_heartbeats_are_never_heard(site: Tab):
    url = "/live/events/?async&rows=3&pause=1&heartbeat=0.1"
    site.run(LISTEN, url, ["message"])
    site.until("() => heard.length === 2")
    assert site.run("() => [heard.map(([data]) => JSON.parse(data).n), errors]") == [[1, 2], []]
    site.run("() => source.close()")


def test_leaving_the_page_closes_the_source(site: Tab, server: Server):
    mark = server.mark()
    site.run(LISTEN, f"/live/events/?async&pause=60&{mark.query}", ["message"])
    site.until("() => heard.length")
    site.open("about:blank")
    assert eventually(lambda: mark.is_there, True, within=10)


def test_fetch_reports_a_list_that_breaks_off(site: Tab):
    script = """async ([url]) => {
      const answer = await fetch(url);
      return await answer.text().then(() => "complete", (error) => error.name);
    }"""
    for name in ("ndjson", "json", "sse", "csv", "json-seq"):
        assert site.run(script, f"/failing/?stream={name}&fail_at=301") == "TypeError"
        assert site.run(script, f"/airports/?stream={name}") == "complete"
