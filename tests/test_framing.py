import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drf_streaming import framing
from drf_streaming.framing import CSV, JSON, JSON_SEQ, NDJSON, SSE, Framing
from whatwg import Message, parse

FRAMINGS = {"json": JSON, "ndjson": NDJSON, "sse": SSE, "csv": CSV, "json-seq": JSON_SEQ}
PROBLEM = b'{"$stream":"error","rows":2}'


def whole(framing: Framing, records: list[bytes]) -> bytes:
    return framing.opening + framing.join(records, first=True) + framing.finish(len(records))


@pytest.mark.parametrize(
    ("name", "empty", "two"),
    [
        ("json", b"[]", b"[1,2]"),
        ("ndjson", b"", b"1\n2\n"),
        ("json-seq", b"", b"\x1e1\n\x1e2\n"),
        ("csv", b"", b"1\r\n2\r\n"),
        (
            "sse",
            b'retry: 3000\n:\nevent: end\nid: ~end\ndata: {"rows":0}\n\n',
            (b'retry: 3000\n:\ndata: 1\n\ndata: 2\n\nevent: end\nid: ~end\ndata: {"rows":2}\n\n'),
        ),
    ],
)
def test_a_complete_stream(name: str, empty: bytes, two: bytes):
    assert whole(FRAMINGS[name], []) == empty
    assert whole(FRAMINGS[name], [b"1", b"2"]) == two


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("json", b""),
        ("csv", b""),
        ("ndjson", PROBLEM + b"\n"),
        ("json-seq", b"\x1e" + PROBLEM + b"\n"),
        ("sse", b"event: problem\ndata: " + PROBLEM + b"\n\n"),
    ],
)
def test_the_mark_of_a_failure(name: str, mark: bytes):
    assert FRAMINGS[name].fail(PROBLEM) == mark


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("json", "application/json"),
        ("ndjson", "application/x-ndjson"),
        ("sse", "text/event-stream"),
        ("csv", "text/csv; charset=utf-8"),
        ("json-seq", "application/json-seq"),
    ],
)
def test_the_content_type(name: str, content_type: str):
    assert FRAMINGS[name].content_type == content_type


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
@settings(deadline=None)
@given(chunks=st.lists(st.lists(st.integers(0, 9).map(lambda n: b"%d" % n), max_size=4)))
def test_it_does_not_matter_how_records_are_cut_into_chunks(
    framing: Framing, chunks: list[list[bytes]]
):
    joined, records = framing.opening, []
    for chunk in chunks:
        joined += framing.join(chunk, first=not records)
        records += chunk
    assert joined + framing.finish(len(records)) == whole(framing, records)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.lists(json_values, max_size=4))
def test_records_of_any_json_are_read_back(values: list[Any]):
    records = [json.dumps(value).encode() for value in values]
    assert json.loads(whole(JSON, records)) == values
    lines = whole(NDJSON, records).split(b"\n")
    assert (lines[-1], [json.loads(line) for line in lines[:-1]]) == (b"", values)
    texts = whole(JSON_SEQ, records).split(b"\x1e")
    assert (texts[0], [json.loads(text) for text in texts[1:]]) == (b"", values)
    *data, end = parse(whole(SSE, records)).messages
    assert [json.loads(message.data) for message in data] == values
    assert end == Message(f'{{"rows":{len(values)}}}', "end", "~end")


def test_csv_records_are_lines_for_a_csv_reader():
    text = whole(CSV, [b"a,b", b'"1\n2",3']).decode()
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], ["1\n2", "3"]]


def test_a_failed_list_of_events_can_be_resumed():
    stream = SSE.opening + SSE.join([b"1"], first=True) + SSE.fail(PROBLEM)
    source = parse(stream)
    assert source.messages[-1] == Message(PROBLEM.decode(), "problem")
    # An id would have moved the place from which the browser goes on.
    assert source.last_event_id == ""


@pytest.mark.parametrize(
    ("retry", "opening", "time"),
    [(3000, b"retry: 3000\n:\n", 3000), (0, b"retry: 0\n:\n", 0), (None, b":\n", None)],
)
def test_events_open_at_once_and_dispatch_nothing(retry, opening: bytes, time):
    assert framing.sse(retry=retry).opening == opening
    source = parse(opening + b"\n")
    assert (source.messages, source.reconnection_time) == ([], time)


def test_whole_events_have_no_frame_of_their_own():
    events = framing.sse(whole_events=True)
    assert events.join([b"data: 1\n\n", b"data: 2\n\n"], first=True) == b"data: 1\n\ndata: 2\n\n"
    assert events.finish(2) == b""
    assert events.fail(PROBLEM) == SSE.fail(PROBLEM)


def test_only_events_refuse_caches_and_compression():
    told = {name: (each.headers, each.compressible) for name, each in FRAMINGS.items()}
    no_transform = (("Cache-Control", "no-cache, no-transform"),)
    assert told.pop("sse") == (no_transform, False)
    assert set(told.values()) == {((), True)}
