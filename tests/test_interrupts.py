"""A query that nobody waits for any more is broken off."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, markcoroutinefunction, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import DatabaseError, connection
from django.db.models.expressions import RawSQL
from django.urls import path
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from drf_streaming.body import Started
from drf_streaming.generics import StreamingListAPIView
from drf_streaming.interrupts import Interrupted, Interruptible, Steps
from flights.models import Flight
from servers import eventually


class Slow(serializers.Serializer):
    id = serializers.IntegerField()
    slow = serializers.IntegerField()


LONG = {
    "postgresql": "SELECT pg_sleep(20)",
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 300000000) "
    "SELECT count(*) FROM n",
    # Its driver has no way to break off a query.
    "mysql": "SELECT SLEEP(1)",
}


def queries(*statements: str) -> Iterator[Any]:
    for statement in statements:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            yield cursor.fetchone()


class Running(threading.Thread):
    """Take one step in a thread of its own."""

    def __init__(self, steps: Steps[Any]) -> None:
        super().__init__()
        self._steps = steps
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = next(self._steps)
        except BaseException as error:
            self.outcome = error
        finally:
            connection.close()

    def wait_for_the_query(self) -> None:
        deadline = time.monotonic() + 10
        while getattr(self._steps._runs_on, "connection", None) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # What runs now is the query: to connect took longer than it takes to send it.
        time.sleep(0.2)


def test_a_query_that_runs_is_broken_off(committed: None):
    steps: Steps[Any] = Steps("default", queries(LONG[connection.vendor]))
    running = Running(steps)
    running.wait_for_the_query()
    asked = time.monotonic()
    steps.interrupt()
    running.join(20)
    if connection.vendor == "mysql":
        assert running.outcome == (0,)
    else:
        assert isinstance(running.outcome, Interrupted)
        assert isinstance(running.outcome.__cause__, DatabaseError)
        assert time.monotonic() - asked < 8
    steps.close()


@pytest.mark.django_db
def test_no_step_begins_after_that():
    steps: Steps[Any] = Steps("default", queries("SELECT 1", "SELECT 2"))
    assert next(steps) == (1,)
    steps.interrupt()
    with pytest.raises(Interrupted):
        next(steps)
    steps.close()


@pytest.mark.django_db
def test_a_step_that_fails_by_itself_fails_as_it_does():
    steps: Steps[Any] = Steps("default", queries("SELECT no_such_column"))
    with pytest.raises(DatabaseError):
        next(steps)


def test_a_stream_without_a_database_has_nothing_to_break_off():
    started = Started(block for block in [b"a", b"b"])
    started.interrupt()
    assert [*started] == [b"a", b"b"]


def test_what_is_left_can_be_closed():
    closed = []

    def left() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    steps: Steps[Any] = Steps("default", left())
    next(steps)
    steps.close()
    assert closed == [True]


SLOW = {
    # A function that may give something else each time is called after rows are sorted.
    "postgresql": "length(pg_sleep(20)::text)",
    "sqlite": f"({LONG['sqlite']})",
}


@pytest.mark.skipif("connection.vendor == 'mysql'", reason="its driver cannot break off a query")
@pytest.mark.parametrize("source", ["cursor", "keyset"])
async def test_a_client_that_leaves_breaks_off_the_query_that_runs(committed: None, source: str):
    keys = await sync_to_async(Flight.objects.order_by("id").values_list)("id", flat=True)
    last = await sync_to_async(keys.__getitem__)(150)
    slow = RawSQL(f"CASE WHEN id > %s THEN {SLOW[connection.vendor]} ELSE 0 END", [last])

    class View(StreamingListAPIView):
        queryset = Flight.objects.order_by("id").annotate(slow=slow)
        serializer_class = Slow
        filter_backends: Any = ()
        stream_source = source

    request = APIRequestFactory().get("/", {"stream": "ndjson"})
    response = await sync_to_async(View.as_view())(request)
    lines = 0

    async def read() -> None:
        nonlocal lines
        async for block in response:
            lines += block.count(b"\n")

    reader = asyncio.create_task(read())
    async with asyncio.timeout(10):
        while lines < 70:
            await asyncio.sleep(0.01)
    # The query for what comes next runs by now.
    await asyncio.sleep(0.3)
    left = time.monotonic()
    reader.cancel()
    await asyncio.wait({reader}, timeout=10)
    assert reader.cancelled()
    assert time.monotonic() - left < 8


class AtOnce(StreamingListAPIView):
    """A list of which the first row takes long."""

    serializer_class = Slow
    filter_backends: Any = ()

    def get_queryset(self) -> Any:
        slow = RawSQL(SLOW[connection.vendor], ())
        return Flight.objects.order_by("id").annotate(slow=slow)

    def get_stream_source(self) -> str:
        return self.request.query_params["source"]


class Async(AtOnce):
    """The same in an async view."""

    @classmethod
    def as_view(cls, **kwargs: Any) -> Any:
        return sync_to_async(super().as_view(**kwargs))


class URLs:
    urlpatterns = [
        path("sync/", AtOnce.as_view()),
        path("async/", markcoroutinefunction(Async.as_view())),
    ]


def sync_middleware(get_response: Any) -> Any:
    return get_response


RUNNING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
    " AND pid <> pg_backend_pid()"
)


def running() -> int:
    """Return how many queries, and open transactions, there are on the server."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(RUNNING)
        return cursor.fetchone()[0]


@pytest.mark.skipif("connection.vendor == 'mysql'", reason="its driver cannot break off a query")
@pytest.mark.parametrize("source", ["cursor", "keyset"])
@pytest.mark.parametrize("view", ["sync", "async"])
@pytest.mark.parametrize("middleware", [[], [f"{__name__}.sync_middleware"]])
async def test_a_client_that_leaves_before_there_is_a_row_breaks_off_the_query(
    committed: None, settings: Any, view: str, source: str, middleware: list[str], caplog: Any
):
    settings.ROOT_URLCONF, settings.MIDDLEWARE = URLs, middleware
    before = await sync_to_async(running)()
    left: list[float] = []
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.5)
        left.append(time.monotonic())
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": f"/{view}/",
        "query_string": f"stream=ndjson&source={source}".encode(),
        "headers": [(b"host", b"testserver")],
    }
    async with asyncio.timeout(15):
        await ASGIHandler()(scope, receive, send)
    assert (sent, caplog.records) == ([], [])
    assert time.monotonic() - left[0] < 8
    assert await sync_to_async(eventually)(running, before, within=2) == before


async def test_a_first_step_that_cannot_be_broken_off_is_closed_when_it_has_ended():
    events = []

    def blocks() -> Iterator[bytes]:
        try:
            time.sleep(0.3)
            events.append("first")
            yield b"first"
        finally:
            events.append("closed")

    source = blocks()
    stream = Interruptible(source, Steps("default", iter(())))
    async with ThreadSensitiveContext():
        view = asyncio.create_task(sync_to_async(Started)(stream))
        await asyncio.sleep(0.1)
        view.cancel()
        await asyncio.wait({view}, timeout=5)
    assert view.cancelled()
    assert events == ["first", "closed"]
