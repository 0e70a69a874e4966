import asyncio
import gzip
import json
import math
import re
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpRequest
from django.middleware.gzip import GZipMiddleware
from django.test import RequestFactory
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone, translation

from drf_streaming.responses import (
    CSVResponse,
    JSONSeqResponse,
    NDJSONResponse,
    SSEResponse,
    StreamingJSONListResponse,
)
from drf_streaming.stream_response import GZIP_STREAMS
from flights.models import Airline

BYTES = {
    NDJSONResponse: b'{"n":0}\n{"n":1}\n{"n":2}\n',
    StreamingJSONListResponse: b'[{"n":0},{"n":1},{"n":2}]',
    SSEResponse: b'retry: 3000\n:\ndata: {"n":0}\n\ndata: {"n":1}\n\ndata: {"n":2}\n\n',
    JSONSeqResponse: b'\x1e{"n":0}\n\x1e{"n":1}\n\x1e{"n":2}\n',
    CSVResponse: b"n\r\n0\r\n1\r\n2\r\n",
}


class Source:
    """Three items, sync or async; it knows what was pulled and whether it was closed."""

    def __init__(self, pause: float = 0, error: BaseException | None = None) -> None:
        self.pulled: list[int] = []
        self.closed = threading.Event()
        self.pause = pause
        self.error = error
        self.places: set[Any] = set()

    def sync(self) -> Iterator[dict[str, int]]:
        try:
            for n in range(3):
                self.pulled.append(n)
                yield {"n": n}
                time.sleep(self.pause)
            if self.error is not None:
                raise self.error
        finally:
            self.closed.set()

    async def asynchronous(self) -> AsyncIterator[dict[str, int]]:
        try:
            for n in range(3):
                self.pulled.append(n)
                self.places.add(asyncio.current_task())
                yield {"n": n}
                await asyncio.sleep(self.pause)
            if self.error is not None:
                raise self.error
        finally:
            self.places.add(asyncio.current_task())
            self.closed.set()

    def of(self, kind: str) -> Any:
        return self.sync() if kind == "sync" else self.asynchronous()


def plain(response: Any) -> Any:
    return response


def wrapped(response: Any) -> Any:
    """Wrap the content as middleware does, without a thought of closing it."""
    content = response.streaming_content
    if response.is_async:

        async def again() -> AsyncIterator[bytes]:
            async for block in content:
                yield block

        response.streaming_content = again()
    else:
        response.streaming_content = (block for block in content)
    return response


def compressed(response: Any) -> Any:
    request = RequestFactory().get("/", headers={"accept-encoding": "gzip"})
    return GZipMiddleware(lambda _: response)(request)


def decoded(response: Any, content: bytes) -> bytes:
    return gzip.decompress(content) if response.headers.get("Content-Encoding") else content


@pytest.fixture(autouse=True)
def _open_connection() -> Iterator[None]:
    """Keep the connection of the tests open when a response is closed, as Django's client does."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


LAYERS = [plain, wrapped, compressed]
on = pytest.mark.parametrize
of_each_kind = on("kind", ["sync", "async"])
behind_each_layer = on("layer", LAYERS)


@on("response_class", BYTES)
@of_each_kind
@behind_each_layer
class TestFourMeetings:
    async def test_the_bytes_under_asgi(self, response_class: Any, kind: str, layer: Callable):
        response = layer(response_class(Source().of(kind)))
        content = b"".join([block async for block in response])
        assert decoded(response, content) == BYTES[response_class]

    def test_the_bytes_under_wsgi(self, response_class: Any, kind: str, layer: Callable):
        response = layer(response_class(Source().of(kind)))
        assert decoded(response, b"".join(response)) == BYTES[response_class]


def first_item(response: Any, blocks: list[bytes]) -> bool:
    """Tell whether the first item is in what came; its compressed form is flushed."""
    content = b"".join(blocks)
    if response.headers.get("Content-Encoding"):
        content = zlib.decompressobj(wbits=31).decompress(content)
    return b'{"n":0}' in content


@of_each_kind
@behind_each_layer
class TestStepByStep:
    async def test_an_item_is_sent_before_the_next_is_there_under_asgi(
        self, kind: str, layer: Callable
    ):
        source = Source(pause=0.3)
        response = layer(NDJSONResponse(source.of(kind)))
        blocks = aiter(response)
        received = [await anext(blocks)]
        while not first_item(response, received):
            received.append(await anext(blocks))
        assert source.pulled == [0]
        await blocks.aclose()
        assert source.closed.is_set()

    def test_an_item_is_sent_before_the_next_is_there_under_wsgi(self, kind: str, layer: Callable):
        source = Source(pause=0.3)
        response = layer(NDJSONResponse(source.of(kind)))
        blocks = iter(response)
        received = [next(blocks)]
        while not first_item(response, received):
            received.append(next(blocks))
        assert source.pulled == [0]
        # As a WSGI server does it: the response is closed, the iterator is not.
        response.close()
        assert source.closed.is_set()

    async def test_a_reader_that_is_cancelled_closes_the_source(self, kind: str, layer: Callable):
        source = Source(pause=0.2)
        response = layer(NDJSONResponse(source.of(kind)))

        async def read() -> None:
            async for _ in response:
                pass

        reader = asyncio.create_task(read())
        while not source.pulled:
            await asyncio.sleep(0.01)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert await sync_to_async(source.closed.wait, thread_sensitive=False)(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_an_error_of_the_source_is_the_readers_under_asgi(
        self, kind: str, layer: Callable, caplog: Any
    ):
        response = layer(NDJSONResponse(Source(error=KeyError("secret")).of(kind)))
        received = []
        with pytest.raises(KeyError):  # noqa: PT012
            async for block in response:
                received.append(block)
        assert len(caplog.records) == 1
        assert b"secret" not in b"".join(received)

    def test_an_error_of_the_source_is_the_readers_under_wsgi(
        self, kind: str, layer: Callable, caplog: Any
    ):
        response = layer(NDJSONResponse(Source(error=KeyError("secret")).of(kind)))
        with pytest.raises(KeyError):
            b"".join(response)
        assert len(caplog.records) == 1


@of_each_kind
@on("response_class", BYTES)
def test_what_opens_a_stream_is_there_before_the_first_item(response_class: Any, kind: str):
    source = Source()
    response = response_class(source.of(kind))
    if response_class in (StreamingJSONListResponse, SSEResponse) and kind == "sync":
        blocks = iter(response)
        opening = {StreamingJSONListResponse: b"[", SSEResponse: b"retry: 3000\n:\n"}
        assert (next(blocks), source.pulled) == (opening[response_class], [])
        blocks.close()
    else:
        assert b"".join(response) == BYTES[response_class]


async def test_a_burst_is_sent_before_the_pause_that_follows_it():
    resume = threading.Event()

    def bursts() -> Iterator[int]:
        yield from range(3)
        resume.wait(5)
        yield 3

    blocks = aiter(NDJSONResponse(bursts()))
    received = b""
    while received.count(b"\n") < 3:
        received += await anext(blocks)
    assert (received, resume.is_set()) == (b"0\n1\n2\n", False)
    resume.set()
    assert [block async for block in blocks] == [b"3\n"]


async def test_the_steps_of_an_async_source_are_one_task_under_asgi():
    source = Source()
    async for _ in NDJSONResponse(source.asynchronous()):
        pass
    assert len(source.places) == 1


def test_the_steps_of_an_async_source_are_one_task_under_wsgi():
    source = Source()
    assert b"".join(NDJSONResponse(source.asynchronous())) == BYTES[NDJSONResponse]
    assert len(source.places) == 1


async def with_time_limit() -> AsyncIterator[int]:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(0.01, "slept"))
        yield 1
        yield await task


async def test_time_limits_and_task_groups_may_span_items():
    content = [block async for block in NDJSONResponse(with_time_limit())]
    assert b"".join(content) == b'1\n"slept"\n'
    in_thread = sync_to_async(lambda: b"".join(NDJSONResponse(with_time_limit())))
    assert await in_thread() == b'1\n"slept"\n'


async def cancelling() -> AsyncIterator[int]:
    yield 1
    raise asyncio.CancelledError


def test_a_source_that_cancels_itself_is_no_complete_stream_under_wsgi():
    with pytest.raises(RuntimeError, match="The source of a stream was cancelled"):
        b"".join(NDJSONResponse(cancelling()))


async def test_a_source_that_cancels_itself_is_marked_and_logged_under_asgi(caplog: Any):
    received = []
    with pytest.raises(RuntimeError, match="The source of a stream was cancelled"):  # noqa: PT012
        async for block in NDJSONResponse(cancelling()):
            received.append(block)
    assert b"".join(received).splitlines()[-1].startswith(b'{"$stream":"error","status":500')
    assert len(caplog.records) == 1


async def test_a_source_that_cancels_itself_leaves_an_array_open():
    received = []
    response = StreamingJSONListResponse(cancelling(), on_error="cut")
    with pytest.raises(RuntimeError, match="was cancelled"):  # noqa: PT012
        async for block in response:
            received.append(block)
    assert b"".join(received) == b"[1"


async def test_a_source_that_never_waits_lets_others_have_their_turn():
    ended = []

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.append(True)

    async def read() -> None:
        async for _ in NDJSONResponse(endless()):
            pass

    reader = asyncio.create_task(read())
    for _ in range(20):
        await asyncio.sleep(0)
    start = time.monotonic()
    await asyncio.sleep(0.01)
    assert time.monotonic() - start < 5
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert ended == [True]


async def airlines() -> AsyncIterator[str]:
    async for airline in Airline.objects.filter(code="!!").aiterator():
        yield airline.code
    yield str(await Airline.objects.filter(code="!!").acount())
    yield str(await sync_to_async(threading.get_ident)())


@pytest.mark.django_db
def test_an_async_source_uses_the_orm_in_the_thread_that_iterates():
    Airline.objects.create(code="!!", name="of this test")
    threads = threading.active_count()
    *items, thread = b"".join(NDJSONResponse(airlines())).split()
    assert items == [b'"!!"', b'"1"']
    assert thread == b'"%d"' % threading.get_ident()
    assert threading.active_count() == threads


async def failing_call() -> AsyncIterator[int]:
    yield await sync_to_async(int)("not a number")


def test_an_error_of_a_call_in_the_iterating_thread_is_the_sources():
    with pytest.raises(ValueError, match="not a number"):
        b"".join(NDJSONResponse(failing_call()))


@pytest.mark.django_db
def test_leaving_lets_an_async_source_clean_up_with_the_orm():
    found = []

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(10)
        finally:
            found.append(await Airline.objects.acount())

    response = NDJSONResponse(source())
    assert next(iter(response)) == b"1\n"
    response.close()
    assert found == [16]


tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def surroundings() -> list[str]:
    return [
        str(translation.get_language()),
        timezone.get_current_timezone_name(),
        get_script_prefix(),
        tenant.get(),
    ]


def look_around() -> Iterator[list[str]]:
    yield surroundings()
    with translation.override("de"):
        yield surroundings()
        yield surroundings()
    yield surroundings()


async def look_around_async() -> AsyncIterator[list[str]]:
    for seen in look_around():
        await asyncio.sleep(0)
        yield seen


def in_another_context(response_class: Any, make: Callable[[], Any]) -> Any:
    """Make a response where middleware has set everything, and leave that place."""
    prefix = get_script_prefix()
    token = tenant.set("somebody")
    set_script_prefix("/mounted/")
    try:
        with translation.override("fr"), timezone.override("Asia/Tokyo"):
            return response_class(make())
    finally:
        set_script_prefix(prefix)
        tenant.reset(token)


async def look_around_in_threads() -> AsyncIterator[list[str]]:
    steps = look_around()
    while (seen := await sync_to_async(next)(steps, None)) is not None:
        yield seen


@on("make", [look_around, look_around_async, look_around_in_threads])
@on("response_class", [NDJSONResponse, SSEResponse])
@on("made", ["here", "in a thread"])
@on("read", ["wsgi", "asgi"])
async def test_language_time_zone_and_variables_hold_to_the_last_item(
    make: Callable, response_class: Any, made: str, read: str
):
    if made == "here":
        response = in_another_context(response_class, make)
    else:
        make_response = sync_to_async(in_another_context, thread_sensitive=False)
        response = await make_response(response_class, make)
    before = surroundings()
    if read == "asgi":
        async with ThreadSensitiveContext():
            content = b"".join([block async for block in response])
    else:
        content = await sync_to_async(lambda: b"".join(response), thread_sensitive=False)()
    found = re.findall(r"\[.*\]", content.decode())
    languages = [json.loads(each)[0] for each in found]
    others = {tuple(json.loads(each)[1:]) for each in found}
    assert languages == ["fr", "de", "de", "fr"]
    assert others == {("Asia/Tokyo", "/mounted/", "somebody")}
    assert surroundings() == before


async def test_no_language_stays_no_language():
    translation.deactivate_all()
    response = NDJSONResponse(look_around_async())
    translation.activate("en")
    content = await sync_to_async(lambda: b"".join(response), thread_sensitive=False)()
    assert json.loads(content.splitlines()[0])[0] == "None"


class TestErrors:
    @on("response_class", BYTES)
    @on(
        ("iterable", "got"),
        [(5, "int"), ("text", "str"), (b"bytes", "bytes"), ({"a": 1}, "dict"), (iter, "builtin")],
    )
    def test_what_cannot_be_iterated_is_refused(self, response_class: Any, iterable: Any, got: str):
        with pytest.raises(TypeError, match=f"sync or async iterable of items, got {got}"):
            response_class(iterable)

    def test_a_coroutine_is_refused_and_closed(self):
        async def items() -> list[int]:
            return [1]

        with pytest.raises(TypeError, match=r"got coroutine\. Await it first"):
            NDJSONResponse(items())

    @on("response_class", BYTES)
    @on("encoder", [json.dumps, str])
    def test_what_is_no_encoder_is_refused(self, response_class: Any, encoder: Any):
        with pytest.raises(TypeError, match="encoder must be a subclass"):
            response_class([], encoder=encoder)

    @on("retry", [1.5, "3000", -1, True])
    def test_a_retry_that_is_no_whole_number_is_refused(self, retry: Any):
        with pytest.raises(ValueError, match="whole number of milliseconds"):
            SSEResponse([], retry=retry)

    def test_a_failing_array_is_closed_or_cut(self):
        def read(**options: Any) -> bytes:
            received = []
            response = StreamingJSONListResponse([1, math.nan], **options)
            with pytest.raises(ValueError, match="JSON"):  # noqa: PT012
                for block in response:
                    received.append(block)
            return b"".join(received)

        assert (read(), read(on_error="cut")) == (b"[]", b"[")
        with pytest.raises(ValueError, match="on_error must be 'close' or 'cut', got 'x'"):
            StreamingJSONListResponse([], on_error="x")


class TestHeaders:
    def test_each_format_has_its_own(self):
        headers = {cls.__name__: dict(cls([]).headers) for cls in BYTES}
        unbuffered = {"X-Accel-Buffering": "no"}
        assert headers == {
            "NDJSONResponse": {"Content-Type": "application/x-ndjson", **unbuffered},
            "StreamingJSONListResponse": {"Content-Type": "application/json", **unbuffered},
            "JSONSeqResponse": {"Content-Type": "application/json-seq", **unbuffered},
            "SSEResponse": {
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-cache, no-transform",
                **unbuffered,
            },
            "CSVResponse": {
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": 'attachment; filename="export.csv"',
                **unbuffered,
            },
        }

    def test_those_of_the_caller_win(self):
        response = SSEResponse(
            [], status=202, headers={"Cache-Control": "private", "X-Accel-Buffering": "yes"}
        )
        assert response.status_code == 202
        assert response.headers["Cache-Control"] == "private"
        assert response.headers["X-Accel-Buffering"] == "yes"
        assert NDJSONResponse([], content_type="x/y").headers["Content-Type"] == "x/y"
        given = NDJSONResponse([], headers={"content-type": "x/z"})
        assert given.headers["Content-Type"] == "x/z"

    def test_the_file_name_of_csv_is_safe(self):
        response = CSVResponse([], filename='a"b\r\nX-Evil: 1.csv')
        assert "\r" not in response.headers["Content-Disposition"]
        assert "X-Evil" not in response.headers

    def test_middleware_compresses_what_it_can_and_never_events(self):
        ndjson, events = (compressed(cls([1])) for cls in (NDJSONResponse, SSEResponse))
        assert ("Content-Encoding" in ndjson.headers) == GZIP_STREAMS
        assert "Content-Encoding" not in events.headers
        assert events.has_header("Content-Type")
        assert not events.has_header("ETag")

    def test_events_may_leave_the_delay_to_the_client(self):
        assert b"".join(SSEResponse(["a"], retry=None)) == b":\ndata: a\n\n"


def test_an_async_iterable_that_is_not_its_own_iterator_is_closed_too():
    class AsyncRows:
        closed = False

        async def __aiter__(self) -> AsyncIterator[int]:
            yield 1

        async def aclose(self) -> None:
            self.closed = True

    rows = AsyncRows()
    assert b"".join(NDJSONResponse(rows)) == b"1\n"
    assert rows.closed


async def test_a_task_is_refused_as_a_coroutine_is():
    task = asyncio.ensure_future(asyncio.sleep(0))
    with pytest.raises(TypeError, match="got Task"):
        NDJSONResponse(task)
    await task


def test_an_evaluated_queryset_is_not_read_again(django_assert_num_queries: Any, db: None):
    airlines = Airline.objects.values("code").order_by("code")
    assert len(airlines) == 16
    airlines[0]["code"] = "changed"
    with django_assert_num_queries(0):
        content = b"".join(NDJSONResponse(airlines))
    assert content.startswith(b'{"code":"changed"}\n')


class Rows:
    """An iterable that holds something open."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Iterator[int]:
        return iter([1])

    def close(self) -> None:
        self.closed = True


def test_a_response_that_is_never_sent_closes_its_source():
    rows = Rows()
    NDJSONResponse(rows).close()
    assert rows.closed


@of_each_kind
def test_a_response_is_closed_with_its_request(kind: str):
    source, request = Source(), HttpRequest()
    response = NDJSONResponse(source.of(kind))
    response.close_with(request)
    blocks = iter(response)
    next(blocks)
    request.close()
    blocks.close()
    assert source.closed.is_set()


@pytest.mark.django_db
def test_a_queryset_is_read_with_one_query(django_assert_num_queries: Any):
    with django_assert_num_queries(1):
        content = b"".join(NDJSONResponse(Airline.objects.values("code")))
    assert content.count(b"\n") == 16
