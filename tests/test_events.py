import json
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource
from hypothesis import given, settings
from hypothesis import strategies as st

from drf_streaming.events import SSEEvent
from whatwg import Message, parse

# Every character that some parser takes for a line end, and those that events are made of.
ALPHABET = "\r\n\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e\0: \tae\ufeffü😀"
texts = st.text(ALPHABET, max_size=12) | st.text(max_size=8)
one_line = texts.map(lambda text: text.replace("\r", "").replace("\n", ""))
ids = one_line.map(lambda text: text.replace("\0", ""))
events = st.builds(
    SSEEvent,
    data=st.none() | texts,
    event=st.none() | one_line,
    id=st.none() | ids,
    retry=st.none() | st.integers(0, 10**9),
    comment=st.none() | texts,
)


def unified(text: str) -> str:
    """Every line end reaches the page as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def expected(sent: list[SSEEvent]) -> list[Message]:
    messages, last_id = [], ""
    for event in sent:
        last_id = last_id if event.id is None else event.id
        if event.data is not None:
            messages.append(Message(unified(event.data), event.event or "message", last_id))
    return messages


@pytest.mark.parametrize(
    ("event", "stream"),
    [
        (SSEEvent("a"), b"data: a\n\n"),
        (SSEEvent(""), b"data: \n\n"),
        (SSEEvent(" a"), b"data:  a\n\n"),
        (SSEEvent("a\nb\rc\r\nd\n"), b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        (SSEEvent("a\x85b\u2028c"), "data: a\x85b\u2028c\n\n".encode()),
        (SSEEvent({"a": ["ü", None]}), 'data: {"a":["ü",null]}\n\n'.encode()),
        (SSEEvent(0), b"data: 0\n\n"),
        (
            SSEEvent("a", event="e", id="i", retry=5, comment="c\nd"),
            b": c\n: d\nevent: e\nid: i\nretry: 5\ndata: a\n\n",
        ),
        (SSEEvent(None, id="i"), b"id: i\n\n"),
        # A blank line after these would be an event for some clients.
        (SSEEvent(None, comment="c"), b": c\n"),
        (SSEEvent(None, retry=5), b"retry: 5\n"),
    ],
)
def test_an_event_on_the_wire(event: SSEEvent, stream: bytes):
    assert event.encode() == stream


def test_the_caller_may_say_how_data_becomes_json():
    assert SSEEvent([1, 2]).encode(json.dumps) == b"data: [1, 2]\n\n"
    assert SSEEvent("text").encode(json.dumps) == b"data: text\n\n"


@settings(deadline=None)
@given(st.lists(events, max_size=4))
def test_a_browser_dispatches_exactly_what_was_sent(sent: list[SSEEvent]):
    source = parse(b":\n" + b"".join(event.encode() for event in sent))
    assert source.messages == expected(sent)
    retries = [event.retry for event in sent if event.retry is not None]
    assert source.reconnection_time == (retries[-1] if retries else None)


@settings(deadline=None)
@given(st.lists(events.filter(lambda event: event.data is not None), max_size=4))
def test_httpx_sse_reads_exactly_what_was_sent(sent: list[SSEEvent]):
    content = b":\n" + b"".join(event.encode() for event in sent)
    response = httpx.Response(
        200, headers={"Content-Type": "text/event-stream; charset=utf-8"}, content=content
    )
    received = [(each.data, each.event, each.id) for each in EventSource(response).iter_sse()]
    assert received == [(each.data, each.type, each.last_event_id) for each in expected(sent)]


def test_the_name_of_an_event_without_data_is_not_given_to_the_next():
    stream = SSEEvent(None, event="ping").encode() + SSEEvent("a").encode()
    assert parse(stream).messages == [Message("a")]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"event": "a\nb"}, r"SSE event must not contain CR or LF, got 'a\\nb'"),
        ({"event": "a\r"}, "SSE event must not contain CR or LF"),
        ({"event": 5}, "SSE event must be text, got 5"),
        ({"id": "\n"}, "SSE id must not contain CR or LF"),
        ({"id": "a\rdata: forged"}, "SSE id must not contain CR or LF"),
        ({"id": "a\0"}, r"SSE id must not contain NUL, got 'a\\x00'"),
        ({"id": 5}, "SSE id must be text, got 5"),
        ({"retry": -1}, "SSE retry must be a whole number of milliseconds, got -1"),
        ({"retry": 1.5}, "SSE retry must be a whole number of milliseconds, got 1.5"),
        ({"retry": "5\ndata: forged"}, "SSE retry must be a whole number of milliseconds"),
        ({"retry": True}, "SSE retry must be a whole number of milliseconds, got True"),
    ],
)
def test_fields_that_would_break_the_stream_are_refused(fields: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        SSEEvent("data", **fields)


def test_data_that_is_no_json_is_refused():
    with pytest.raises(ValueError, match="Out of range float"):
        SSEEvent(float("nan")).encode()
