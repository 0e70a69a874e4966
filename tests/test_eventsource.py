"""What Chromium's EventSource makes of bytes, clause by clause of the WHATWG standard.

The package relies on each of these. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import Iterator
from dataclasses import astuple
from itertools import count
from typing import Any

import pytest

from browser import Chromium, Tab
from servers import eventually
from whatwg import Message, parse
from wire import Answer, Wire, events, serving

# Tells what it heard as soon as the stream ends, is refused or has had so many events.
LISTEN = """([url, types, count]) => new Promise((done) => {
  const heard = [], source = new EventSource(url);
  const stop = () => { const state = source.readyState; source.close(); done([heard, state]); };
  for (const type of types) {
    source.addEventListener(type, (event) => {
      heard.push([event.data, event.type, event.lastEventId]);
      if (heard.length === count) stop();
    });
  }
  source.onerror = stop;
})"""
# Keeps what it heard, and goes on.
KEEP = """([url]) => {
  window.source = new EventSource(url);
  window.heard = [];
  source.onopen = () => heard.push("open");
  source.onmessage = (event) => heard.push(event.data);
  source.onerror = () => heard.push(["CONNECTING", "OPEN", "CLOSED"][source.readyState]);
}"""
CONNECTING, CLOSED = 0, 2
TYPES = ["message", "a", "b"]


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with serving() as wire:
        yield wire


@pytest.fixture(scope="module")
def page(chromium: Chromium, wire: Wire) -> Iterator[Tab]:
    with chromium.tab() as tab:
        tab.open(wire.url)
        yield tab


numbers = count(1)


@pytest.fixture
def path() -> str:
    """Return one that no other test asks for."""
    return f"/{next(numbers)}"


def message(data: str, type: str = "message", id: str = "") -> Message:
    return Message(data, type, id)


INTERPRETATION: list[tuple[str, bytes, list[Message]]] = [
    ("one leading byte order mark is ignored", b"\xef\xbb\xbfdata: 1\n\n", [message("1")]),
    (
        "a second byte order mark is a part of the name of the field",
        b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\n",
        [message("2")],
    ),
    (
        "lines end with LF or CR or CRLF in one stream",
        b"data: 1\ndata: 2\rdata: 3\r\n\ndata: 4\r\rdata: 5\r\n\r\n",
        [message("1\n2\n3"), message("4"), message("5")],
    ),
    (
        "no other character ends a line",
        "data: a\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029b\n\n".encode(),
        [message("a\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029b")],
    ),
    (
        "a line that starts with a colon is ignored",
        b":data: 1\n: 2\n:\ndata: 3\n\n",
        [message("3")],
    ),
    ("one space after the colon is removed and no more", b"data:  1\n\n", [message(" 1")]),
    ("without a space after the colon nothing is removed", b"data:1\n\n", [message("1")]),
    ("a tab after the colon is a part of the value", b"data:\t1\n\n", [message("\t1")]),
    ("a space before the colon is a part of the name", b"data : 1\ndata: 2\n\n", [message("2")]),
    ("only the first colon ends the name", b"data: a:b: c\n\n", [message("a:b: c")]),
    ("a line without a colon is a field with an empty value", b"data\n\n", [message("")]),
    (
        "each data field is a line",
        b"data\ndata\n\ndata: 1\ndata:\n\n",
        [message("\n"), message("1\n")],
    ),
    ("names are compared as they are", b"Data: 1\nDATA: 2\ndata: 3\n\n", [message("3")]),
    ("an unknown field is ignored", b"datas: 1\nmark: 2\ndata: 3\n\n", [message("3")]),
    ("an event field names the type", b"event: a\ndata: 1\n\n", [message("1", "a")]),
    ("the last event field counts", b"event: a\nevent: b\ndata: 1\n\n", [message("1", "b")]),
    ("an empty type is message", b"event: a\nevent:\ndata: 1\n\n", [message("1")]),
    (
        "the type is that of one event only",
        b"event: a\ndata: 1\n\ndata: 2\n\n",
        [message("1", "a"), message("2")],
    ),
    (
        "without data no event is dispatched and its type is forgotten",
        b"event: a\n\ndata: 1\n\n",
        [message("1")],
    ),
    (
        "an id stays that of the events that follow",
        b"id: 1\ndata: 1\n\ndata: 2\n\nid: 2\ndata: 3\n\n",
        [message("1", id="1"), message("2", id="1"), message("3", id="2")],
    ),
    (
        "an empty id takes the last one back",
        b"id: 1\ndata: 1\n\nid\ndata: 2\n\n",
        [message("1", id="1"), message("2")],
    ),
    (
        "an id with NUL is ignored",
        b"id: 1\ndata: 1\n\nid: 2\x003\ndata: 2\n\n",
        [message("1", id="1"), message("2", id="1")],
    ),
    (
        "an id without data is that of the events that follow",
        b"id: 1\n\ndata: 1\n\n",
        [message("1", id="1")],
    ),
    ("NUL in data is kept", b"data: 1\x002\n\n", [message("1\x002")]),
    (
        "several blank lines are as one",
        b"\n\n\ndata: 1\n\n\n\ndata: 2\n\n",
        [message("1"), message("2")],
    ),
    (
        "an event that is not ended by a blank line is discarded",
        b"data: 1\n\ndata: 2\n",
        [message("1")],
    ),
    (
        "bytes that are no UTF-8 are replaced",
        b"data: \xff\xc3(\xe2\x82\n\n",
        [message("\ufffd\ufffd(\ufffd")],
    ),
    ("characters outside of the basic plane are kept", "data: 😀\n\n".encode(), [message("😀")]),
    ("a line may be long", b"data: " + b"x" * 2_000_000 + b"\n\n", [message("x" * 2_000_000)]),
    (
        "comments and fields stand in any order",
        b"data: 1\n:\nid: 7\n:\nevent: a\nretry: 1\ndata: 2\n\n",
        [message("1\n2", "a", "7")],
    ),
]


@pytest.mark.parametrize(
    ("stream", "messages"),
    [case[1:] for case in INTERPRETATION],
    ids=[case[0] for case in INTERPRETATION],
)
def test_interpretation(page: Tab, wire: Wire, path: str, stream: bytes, messages: list[Message]):
    heard, state = page.run(LISTEN, wire.at(path, events(stream)), TYPES)
    assert [Message(*each) for each in heard] == messages
    assert state == CONNECTING
    # The parser with which other tests read agrees.
    assert [astuple(each) for each in parse(stream).messages] == [tuple(each) for each in heard]


def test_a_stream_may_be_cut_into_packets_anywhere(page: Tab, wire: Wire, path: str):
    stream = "\ufeffid: ü\r\nevent: a\r\ndata: 😀\r\ndata: 2\r\n\r\ndata: 3\r\r".encode()
    single = [stream[n : n + 1] for n in range(len(stream))]
    heard, _ = page.run(LISTEN, wire.at(path, events(*single)), TYPES)
    assert heard == [["😀\n2", "a", "ü"], ["3", "message", "ü"]]


# Chromium takes an empty one for its default.
@pytest.mark.parametrize("value", ["-1", "1.5", "1e3", "0x1", " 10", "10 ", "٣"])
def test_a_retry_that_is_not_only_digits_is_ignored(page: Tab, wire: Wire, path: str, value: str):
    # The first says at once; the second would say otherwise.
    stream = f"retry: 20\nretry: {value}\ndata: 1\n\n".encode()
    page.run(KEEP, wire.at(path, events(stream), events(stays=True)))
    assert eventually(lambda: len(wire.asked_for(path)), 2, within=10) == 2
    first, second = wire.asked_for(path)
    # Its own choice is 3 seconds.
    assert second.at - first.at < 3
    page.run("() => source.close()")


def test_a_retry_is_the_time_until_the_next_request_in_milliseconds(
    page: Tab, wire: Wire, path: str
):
    page.run(KEEP, wire.at(path, events(b"retry: 400\n:\n"), events(stays=True)))
    assert eventually(lambda: len(wire.asked_for(path)), 2, within=10) == 2
    first, second = wire.asked_for(path)
    assert 0.4 <= second.at - first.at < 3
    page.run("() => source.close()")


def test_a_request_asks_for_an_event_stream_that_is_not_cached(page: Tab, wire: Wire, path: str):
    page.run(LISTEN, wire.at(path, events(b"data: 1\n\n")), TYPES)
    (asked,) = wire.asked_for(path)
    assert asked.headers["Accept"] == "text/event-stream"
    assert asked.headers["Cache-Control"] in ("no-cache", "no-store")
    assert "Last-Event-ID" not in asked.headers


@pytest.mark.parametrize(
    ("stream", "sent"),
    [
        (b"id: 7\ndata: 1\n\n", "7"),
        # The id counts from the blank line on, whether there is data or not.
        (b"id: 7\n\n", "7"),
        (b"id: 7\ndata: 1\n\nid: 8\ndata: 2\n", "7"),
        (b"id: 7\ndata: 1\n\nid\ndata: 2\n\n", None),
        (b"id: ~end\nevent: end\ndata: 1\n\n", "~end"),
        ("id: ü😀\ndata: 1\n\n".encode(), "ü😀"),
    ],
)
def test_a_reconnect_tells_the_last_id(
    page: Tab, wire: Wire, path: str, stream: bytes, sent: str | None
):
    page.run(KEEP, wire.at(path, events(b"retry: 20\n" + stream)))
    assert eventually(lambda: len(wire.asked_for(path)), 2, within=10) == 2
    header = wire.asked_for(path)[1].headers.get("Last-Event-ID")
    # A header is bytes; http.server takes them for Latin-1.
    assert (header and header.encode("latin-1").decode()) == sent


def states(page: Tab) -> list[str]:
    """Return what a page heard until its EventSource was closed."""
    heard: list[str] = page.until("() => source.readyState === EventSource.CLOSED && heard")
    return heard


def test_the_end_of_a_stream_is_a_reconnect(page: Tab, wire: Wire, path: str):
    first, second = events(b"retry: 20\ndata: 1\n\n"), events(b"data: 2\n\n")
    page.run(KEEP, wire.at(path, first, second))
    assert states(page) == ["open", "1", "CONNECTING", "open", "2", "CONNECTING", "CLOSED"]


@pytest.mark.parametrize("status", [204, 205, 400, 403, 404, 410, 429, 500, 503])
def test_another_status_than_200_ends_it_for_good(page: Tab, wire: Wire, path: str, status: int):
    refusal = Answer((b"data: 1\n\n",) if status >= 400 else (), status=status)
    page.run(KEEP, wire.at(path, events(b"retry: 20\n:\n"), refusal, events(b"data: 2\n\n")))
    assert states(page) == ["open", "CONNECTING", "CLOSED"]
    assert len(wire.asked_for(path)) == 2


@pytest.mark.parametrize(
    ("media_type", "accepted"),
    [
        ("text/event-stream", True),
        ("text/event-stream; charset=utf-8", True),
        ("TEXT/Event-Stream", True),
        ("text/plain", False),
        ("application/json", False),
    ],
)
def test_only_the_media_type_of_event_streams_is_accepted(
    page: Tab, wire: Wire, path: str, media_type: str, accepted: bool
):
    answer = Answer((b"data: 1\n\n",), headers={"Content-Type": media_type})
    heard, state = page.run(LISTEN, wire.at(path, answer), TYPES)
    expected: Any = ([["1", "message", ""]], CONNECTING) if accepted else ([], CLOSED)
    assert (heard, state) == expected


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(page: Tab, wire: Wire, path: str, status: int):
    wire.at(path, Answer(status=status, headers={"Location": f"{path}-there"}))
    wire.at(f"{path}-there", events(b"data: 1\n\n"))
    heard, _ = page.run(LISTEN, path, TYPES)
    assert heard == [["1", "message", ""]]


def test_it_is_open_as_soon_as_there_are_headers_and_a_comment(page: Tab, wire: Wire, path: str):
    page.run(KEEP, wire.at(path, events(b":\n", stays=True)))
    assert page.until("() => heard.length && heard") == ["open"]
    page.run("() => source.close()")


def test_nothing_is_heard_after_close(page: Tab, wire: Wire, path: str):
    stream = wire.at(path, events(b"data: 1\n\ndata: 2\n\n", stays=True))
    heard, _ = page.run(LISTEN, stream, TYPES, 1)
    assert heard == [["1", "message", ""]]
