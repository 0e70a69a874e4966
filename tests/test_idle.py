# ruff: noqa: F811  # a fixture of another module
"""What a request holds is given back while its stream of events waits."""

import asyncio
import threading
import unittest
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import DatabaseError, connection, connections, transaction  # noqa: F401
from django.test import SimpleTestCase

from drf_streaming.bridge import idle
from drf_streaming.responses import SSEResponse
from flights.models import Airline
from live_readers import Reader
from live_uses import Asking, Use
from test_snapshots import configurations, configured  # noqa: F401

on = pytest.mark.parametrize
of_each_kind = on("kind", ["sync", "async"])
with_or_without_a_thread = on("heartbeat", [None, 5])


def close_all() -> None:
    connections.close_all()


@on("configured", configurations(), indirect=True)
class TestEachConfiguration:
    async def test_an_async_source_holds_nothing_under_asgi(self, configured: None):
        source = Asking()
        async with ThreadSensitiveContext():
            request = await sync_to_async(Use)()
            reader = Reader(SSEResponse(source.asynchronous()), "asgi")
            await reader.until(b"data: opened\n\n")
            assert await request.ends()
            await reader.until(b"data: asked\n\n")
            assert await source.uses[0].ends()
            source.again.set()
            await reader.until(b"data: asked\n\n")
            assert source.uses[1].thread is not source.uses[0].thread
            assert await source.uses[1].ends()
            await reader.close()

    async def test_a_sync_source_holds_no_connection_under_asgi(self, configured: None):
        source = Asking()
        async with ThreadSensitiveContext():
            request = await sync_to_async(Use)()
            reader = Reader(SSEResponse(source.sync()), "asgi")
            await reader.until(b"data: asked\n\n")
            assert request.is_over()
            assert source.uses[0].is_over()
            assert source.uses[0].thread is request.thread
            closing = asyncio.create_task(reader.close())
            source.again.set()
            await closing
            await sync_to_async(close_all)()

    @of_each_kind
    @with_or_without_a_thread
    def test_no_connection_is_held_under_wsgi(
        self, configured: None, kind: str, heartbeat: float | None
    ):
        source, request = Asking(), Use()
        blocks = iter(SSEResponse(source.of(kind), heartbeat=heartbeat))
        while next(blocks) != b"data: opened\n\n":
            pass
        assert next(blocks) == b"data: asked\n\n"
        seen: list[bool] = []

        def look() -> None:
            seen.extend([request.is_over(), source.uses[0].is_over()])
            source.again.set()

        looking = threading.Thread(target=look)
        looking.start()
        # While this thread waits for the source.
        assert next(blocks) == b"data: asked\n\n"
        looking.join()
        assert seen == [True, True]
        source.again.set()
        blocks.close()


@pytest.mark.django_db(databases=["default", "other"])
@of_each_kind
@with_or_without_a_thread
def test_in_the_transaction_of_a_test_nothing_is_closed(kind: str, heartbeat: float | None):
    Airline.objects.filter(code="9E").delete()
    Airline.objects.create(code="!!", name="of this test")
    source, request = Asking(), Use()
    blocks = iter(SSEResponse(source.of(kind), heartbeat=heartbeat))
    while next(blocks) != b"data: asked\n\n":
        pass
    source.again.set()
    assert next(blocks) == b"data: asked\n\n"
    source.again.set()
    blocks.close()
    assert request.open == source.uses[0].open == 2
    assert Airline.objects.filter(code="!!").exists()


def test_events_can_be_read_in_a_test_case_that_may_not_use_databases():
    class WithoutDatabases(SimpleTestCase):
        def runTest(self) -> None:
            for heartbeat in (None, 5):
                assert b"".join(SSEResponse([1], heartbeat=heartbeat)).endswith(b"data: 1\n\n")

    result = unittest.TestSuite([WithoutDatabases()]).run(unittest.TestResult())
    assert (result.testsRun, result.failures, result.errors) == (1, [], [])


async def test_connections_are_held_where_that_is_wanted(committed: None):
    source = Asking()
    async with ThreadSensitiveContext():
        request = await sync_to_async(Use)()
        reader = Reader(SSEResponse(source.asynchronous(), hold_connections=True), "asgi")
        await reader.until(b"data: asked\n\n")
        assert source.uses[0].thread is request.thread
        await asyncio.sleep(4 * idle.LINGER)
        assert request.open == 2
        await reader.close()
        await sync_to_async(close_all)()


async def test_calls_that_follow_each_other_share_a_connection(committed: None, monkeypatch: Any):
    monkeypatch.setattr(idle, "LINGER", 20)

    async def source() -> AsyncIterator[int]:
        uses = [await sync_to_async(Use)() for _ in range(3)]
        yield len({use.thread for use in uses})

    async with ThreadSensitiveContext():
        reader = Reader(SSEResponse(source()), "asgi")
        assert (await reader.rest()).endswith(b"data: 1\n\n")


async def test_a_call_that_comes_as_its_thread_ends_is_made(committed: None, monkeypatch: Any):
    monkeypatch.setattr(idle, "LINGER", 0.0001)

    async def source() -> AsyncIterator[int]:
        for n in range(300):
            yield await sync_to_async(int)(n)

    async with ThreadSensitiveContext():
        received = await Reader(SSEResponse(source()), "asgi").rest()
    assert received.count(b"data: ") == 300


async def test_a_transaction_is_not_taken_away_from_a_source(committed: None):
    uses: list[Use] = []

    async def source() -> AsyncIterator[bool]:
        block = transaction.atomic()
        await sync_to_async(block.__enter__)()
        uses.append(await sync_to_async(Use)())
        await asyncio.sleep(4 * idle.LINGER)
        uses.append(await sync_to_async(Use)())
        yield uses[0].thread is uses[1].thread
        await sync_to_async(block.__exit__)(None, None, None)
        await asyncio.sleep(20)

    async with ThreadSensitiveContext():
        reader = Reader(SSEResponse(source()), "asgi")
        await reader.until(b"data: true\n\n")
        assert await uses[0].ends()
        await reader.close()


async def test_a_queryset_that_is_read_no_further_holds_nothing(committed: None):
    uses: list[Use] = []

    async def source() -> AsyncIterator[str]:
        async for _ in codes().aiterator(chunk_size=2):
            uses.append(await sync_to_async(Use)())
            await asyncio.sleep(4 * idle.LINGER)
            assert uses[0].open == 1
            break
        yield "read"
        await asyncio.sleep(20)

    async with ThreadSensitiveContext():
        reader = Reader(SSEResponse(source()), "asgi")
        await reader.until(b"data: read\n\n")
        assert await uses[0].ends()
        await reader.close()


async def test_a_sync_source_that_fails_holds_nothing(committed: None):
    uses: list[Use] = []

    def source() -> Iterator[str]:
        uses.append(Use())
        raise ZeroDivisionError
        yield ""

    async with ThreadSensitiveContext():
        reader = Reader(SSEResponse(source()), "asgi")
        with pytest.raises(ZeroDivisionError):
            await reader.rest()
        assert [use.open for use in uses] == [0]


class Closing:
    """Give nothing; know whether it was closed before it was asked."""

    def __init__(self) -> None:
        self.closed = False

    def __aiter__(self) -> "Closing":
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


async def test_while_the_thread_of_the_request_is_busy_there_are_heartbeats_and_an_end():
    source, free = Closing(), threading.Event()

    class Response(SSEResponse):
        async def _aclose_iterators(self) -> None:
            await super()._aclose_iterators()
            await source.aclose()

    async with ThreadSensitiveContext():
        busy = asyncio.create_task(sync_to_async(free.wait)(20))
        await asyncio.sleep(0)
        reader = Reader(Response(source, heartbeat=0.05), "asgi")
        await reader.until(b":\n:\n")
        await reader.close()
        assert source.closed
        free.set()
        assert await busy


async def test_a_transaction_that_a_view_left_open_stays_with_its_thread(committed: None):
    block = transaction.atomic()

    async def source() -> AsyncIterator[bool]:
        use = await sync_to_async(Use)()
        yield use.thread is request.thread
        await sync_to_async(block.__exit__)(None, None, None)

    async with ThreadSensitiveContext():
        await sync_to_async(block.__enter__)()
        request = await sync_to_async(Use)()
        reader = Reader(SSEResponse(source()), "asgi")
        assert (await reader.rest()).endswith(b"data: true\n\n")
        await sync_to_async(close_all)()


def codes() -> Any:
    return Airline.objects.order_by("code").values_list("code", flat=True)


def read_slowly() -> Iterator[str]:
    for code in codes().iterator(chunk_size=2):
        threading.Event().wait(0.01)
        yield code


async def aread_slowly() -> AsyncIterator[str]:
    async for code in codes().aiterator(chunk_size=2):
        await asyncio.sleep(1.5 * idle.LINGER)
        yield code


@on("server", ["wsgi", "asgi"])
@on("read", [read_slowly, aread_slowly])
async def test_a_queryset_that_a_source_reads_slowly_is_read_to_its_end(
    committed: None, server: str, read: Any
):
    expected = [f"data: {code}" async for code in codes()]
    async with ThreadSensitiveContext():
        received = await Reader(SSEResponse(read(), heartbeat=None), server).rest()
        await sync_to_async(close_all)()
    assert received.decode().split("\n\n")[:-1][1:] == expected[1:]


async def test_without_a_thread_of_the_request_there_is_nothing_to_give_back(committed: None):
    source = Asking()
    assert SyncToAsync.thread_sensitive_context.get(None) is None
    reader = Reader(SSEResponse(source.asynchronous()), "asgi")
    await reader.until(b"data: asked\n\n")
    await asyncio.sleep(2 * idle.LINGER)
    assert source.uses[0].open == 2
    await reader.close()
    await sync_to_async(close_all)()
