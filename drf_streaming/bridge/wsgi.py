"""Blocks for the thread of a WSGI server: of a sync source, and of one that wants an event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import Executor, Future
from contextlib import aclosing
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar, cast

from asgiref.sync import SyncToAsync, ThreadSensitiveContext

from drf_streaming.bridge.asgi import pump
from drf_streaming.bridge.context import RequestContext

P = ParamSpec("P")
T = TypeVar("T")


def iterate(
    blocks: Iterator[bytes], close: Callable[[], None], context: RequestContext
) -> Generator[bytes]:
    """Iterate sync blocks in this thread."""
    try:
        while (block := context.run(next, blocks, None)) is not None:
            if block:
                yield block
    finally:
        context.run(close)


class _CallsHere(Executor):
    """Hand thread-sensitive calls, such as the ORM's, to the thread that iterates the response."""

    def __init__(self, messages: "SimpleQueue[Any]") -> None:
        self._messages = messages

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()

        def call() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        self._messages.put(call)
        return future


class _LoopThread:
    """Run one event loop for the life of one stream, and take its blocks in this thread."""

    def __init__(self) -> None:
        self._messages: SimpleQueue[Any] = SimpleQueue()
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()
        self._wanted = asyncio.Event()
        self._ended = False
        self._leaving = False
        self._error: BaseException | None = None

    def blocks(self, source: AsyncGenerator[bytes], context: RequestContext) -> Generator[bytes]:
        threading.Thread(target=self._run, args=(source, context), daemon=True).start()
        loop, task = self._started.result()
        try:
            for block in self._receive():
                yield block
                loop.call_soon_threadsafe(self._wanted.set)
        finally:
            if not self._ended:
                self._leaving = True
                loop.call_soon_threadsafe(task.cancel)
                deque(self._receive(), maxlen=0)
        if self._error is not None:
            raise self._error

    def _receive(self) -> Generator[bytes]:
        while (message := self._messages.get()) is not None:
            if callable(message):
                message()
            else:
                yield message
        self._ended = True

    def _run(self, source: AsyncGenerator[bytes], context: RequestContext) -> None:
        try:
            asyncio.run(self._send(source, context))
        except BaseException as error:
            if not (self._leaving and isinstance(error, asyncio.CancelledError)):
                self._error = error
        finally:
            self._messages.put(None)

    async def _send(self, source: AsyncGenerator[bytes], context: RequestContext) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        here = ThreadSensitiveContext()
        SyncToAsync.context_to_thread_executor[here] = _CallsHere(self._messages)
        context.variables.run(SyncToAsync.thread_sensitive_context.set, here)
        self._started.set_result((asyncio.get_running_loop(), task))
        async with aclosing(source):
            async for block in source:
                self._messages.put(block)
                await self._wanted.wait()
                self._wanted.clear()


def iterate_async(
    blocks: AsyncIterator[bytes], aclose: Callable[[], Awaitable[None]], context: RequestContext
) -> Generator[bytes]:
    """Iterate async blocks from a thread without an event loop."""
    return _LoopThread().blocks(pump(blocks, aclose, context), context)
