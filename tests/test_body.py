import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework.exceptions import APIException, NotFound
from rest_framework.utils.encoders import JSONEncoder

from drf_streaming import framing
from drf_streaming.body import Body, Started, ablocks, blocks
from drf_streaming.encoders import CSVRecords, JSONRecords
from drf_streaming.exceptions import TooManyRows

FRAMINGS = {
    "ndjson": framing.NDJSON,
    "json": framing.JSON,
    "sse": framing.SSE,
    "json-seq": framing.JSON_SEQ,
}


def body(name: str = "ndjson", **options: Any) -> Body:
    return Body(FRAMINGS[name], JSONRecords(JSONEncoder), **options)


def chunks(*chunks: list[Any], error: Exception | None = None) -> Iterator[list[Any]]:
    yield from chunks
    if error is not None:
        raise error


async def async_chunks(*given: list[Any], error: Exception | None = None) -> AsyncIterator[Any]:
    for chunk in chunks(*given, error=error):
        yield chunk


async def read(content: Any) -> tuple[bytes, Exception | None]:
    """Return what a sync or async stream gave, and what it failed with."""
    received = []
    try:
        if hasattr(content, "__aiter__"):
            async for block in content:
                received.append(block)
        else:
            for block in content:
                received.append(block)
    except Exception as error:
        return b"".join(received), error
    return b"".join(received), None


COMPLETE = {
    "ndjson": b"1\n2\n3\n",
    "json": b"[1,2,3]",
    "sse": b"retry: 3000\n:\ndata: 1\n\ndata: 2\n\ndata: 3\n\n"
    b'event: end\nid: ~end\ndata: {"rows":3}\n\n',
    "json-seq": b"\x1e1\n\x1e2\n\x1e3\n",
}
MARK = b'{"$stream":"error","status":500,"title":"Internal Server Error","rows":2}'
BROKEN = {
    "ndjson": b"1\n2\n" + MARK + b"\n",
    "json": b"[1,2",
    "sse": b"retry: 3000\n:\ndata: 1\n\ndata: 2\n\nevent: problem\ndata: " + MARK + b"\n\n",
    "json-seq": b"\x1e1\n\x1e2\n\x1e" + MARK + b"\n",
}


@pytest.mark.parametrize("name", FRAMINGS)
async def test_a_complete_stream(name: str):
    given = [1], [], [2, 3]
    assert await read(blocks(body(name), chunks(*given))) == (COMPLETE[name], None)
    assert await read(ablocks(body(name), async_chunks(*given))) == (COMPLETE[name], None)


@pytest.mark.parametrize("name", FRAMINGS)
async def test_a_stream_that_fails_is_marked_logged_once_and_broken_off(name: str, caplog: Any):
    error = RuntimeError("secret")
    assert await read(blocks(body(name), chunks([1, 2], error=error))) == (BROKEN[name], error)
    (record,) = caplog.records
    assert record.getMessage() == "A stream was broken off after 2 rows"
    assert (record.name, record.levelname, record.exc_info[1]) == ("drf_streaming", "ERROR", error)
    content = ablocks(body(name), async_chunks([1, 2], error=error))
    assert await read(content) == (BROKEN[name], error)
    assert len(caplog.records) == 2


@pytest.mark.parametrize("name", FRAMINGS)
async def test_an_item_that_cannot_be_written_breaks_the_stream_off(name: str, caplog: Any):
    content, error = await read(blocks(body(name), chunks([1, 2], [3, object()])))
    assert (content, type(error)) == (BROKEN[name], TypeError)
    assert len(caplog.records) == 1


async def test_a_failure_before_the_first_block_is_the_callers(caplog: Any):
    error = RuntimeError("secret")
    assert await read(blocks(body(), chunks(error=error))) == (b"", error)
    assert await read(ablocks(body(), async_chunks(error=error))) == (b"", error)
    assert caplog.records == []


@pytest.mark.parametrize("name", ["json"])
async def test_a_stream_may_be_closed_as_if_it_were_complete(name: str):
    error = RuntimeError("secret")
    content = blocks(body(name, on_error="close"), chunks([1, 2], error=error))
    assert await read(content) == (b"[1,2]", error)


class Teapot(APIException):
    status_code = 418
    default_detail = "secret"


class Odd(APIException):
    status_code = 599


@pytest.mark.parametrize(
    ("error", "status", "title", "level"),
    [
        (NotFound("secret"), 404, "Not Found", "WARNING"),
        (Http404("secret"), 404, "Not Found", "WARNING"),
        (PermissionDenied("secret"), 403, "Forbidden", "WARNING"),
        (Teapot(), 418, "I'm a Teapot", "WARNING"),
        (Odd(), 599, "Error", "ERROR"),
        (KeyError("secret"), 500, "Internal Server Error", "ERROR"),
    ],
)
async def test_the_mark_has_the_status_of_drf_and_no_word_of_the_exception(
    error: Exception, status: int, title: str, level: str, caplog: Any
):
    content, raised = await read(blocks(body(), chunks([1], error=error)))
    mark = json.loads(content.splitlines()[-1])
    assert mark == {"$stream": "error", "status": status, "title": title, "rows": 1}
    assert raised is error
    assert [record.levelname for record in caplog.records] == [level]


async def test_too_many_rows_are_told_in_the_mark():
    content, error = await read(blocks(body(max_rows=2), chunks([1, 2], [3])))
    assert isinstance(error, TooManyRows)
    assert json.loads(content.splitlines()[-1]) == {
        "$stream": "error",
        "status": 400,
        "title": "Bad Request",
        "detail": "Found 3 or more rows; at most 2 can be streamed. "
        "Ask for fewer with the filters of this endpoint.",
        "rows": 2,
    }


async def test_the_header_of_csv_comes_first_and_is_no_row():
    def csv_body() -> Body:
        records = CSVRecords(JSONRecords(JSONEncoder), columns=[("a",)])
        return Body(framing.CSV, records, max_rows=1)

    assert await read(blocks(csv_body(), chunks())) == (b"a\r\n", None)
    assert await read(blocks(csv_body(), chunks([{"a": 1}]))) == (b"a\r\n1\r\n", None)


def test_fewer_rows_than_the_first_chunk_may_have_are_one_block_with_the_end():
    whole = b'1\n2\n{"$stream":"end","rows":2}\n'
    assert [*blocks(body(marks=1), chunks([1, 2]), first=3)] == [whole]


def test_leaving_closes_the_chunks():
    ended = []

    def endless() -> Iterator[list[int]]:
        try:
            while True:
                yield [1]
        finally:
            ended.append(True)

    content = blocks(body(), endless())
    next(content)
    content.close()
    assert ended == [True]


class TestStarted:
    def test_the_first_block_is_fetched_at_once_and_the_others_when_asked_for(self):
        pulled = []

        def source() -> Iterator[bytes]:
            for n in range(3):
                pulled.append(n)
                yield b"%d" % n

        started = Started(source())
        assert pulled == [0]
        assert [*started] == [b"0", b"1", b"2"]

    def test_its_error_is_the_callers(self):
        with pytest.raises(ZeroDivisionError):
            Started(block for block in [1 / 0])

    def test_nothing_is_one_empty_block(self):
        assert [*Started(block for block in ())] == [b""]

    def test_a_short_list_is_closed_at_once(self):
        rest = (block for block in [b"all", b"no more"])
        started = Started(rest, short=lambda: True)
        assert next(rest, None) is None
        assert started.whole == b"all"
        assert [*started] == [b"all"]

    def test_another_is_not(self):
        assert Started(block for block in [b"1", b"2"]).whole is None

    def test_closing_closes_what_is_left(self):
        rest = (block for block in [b"1", b"2"])
        Started(rest).close()
        assert [*rest] == []
