"""Blocks for the thread of a WSGI server: of a sync source, and of one that wants an event loop."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import aclosing, closing, suppress
from dataclasses import replace
from math import inf
from queue import Empty, SimpleQueue
from typing import Any, cast

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from drf_streaming.bridge import shutdown
from drf_streaming.bridge.asgi import pump
from drf_streaming.bridge.context import RequestContext
from drf_streaming.bridge.idle import LINGER, Calls, give_back, lent, watch_cursors
from drf_streaming.bridge.live import LIST, Beat, Live

# How long, in seconds, the network has to tell that a client has left: it takes what is written
# first for one that is just gone, and refuses what comes then.
TOLD_AFTER = 0.05


def iterate(
    blocks: Iterator[bytes],
    close: Callable[[], None],
    context: RequestContext,
    live: Live = LIST,
) -> Generator[bytes]:
    """Iterate sync blocks: in this thread, or in another where this one sends heartbeats."""
    _watch_signals(live)
    if live.heartbeat is not None:
        return _SourceThread(live).blocks(_steps(blocks, close, context, live))
    return _steps(blocks, close, context, live)


def _steps(
    blocks: Iterator[bytes], close: Callable[[], None], context: RequestContext, live: Live
) -> Generator[bytes]:
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True

    age = live.age()
    end_at = inf if age is None else time.monotonic() + age
    if live.endless:
        shutdown.tell(stop)
    try:
        while not stopped and time.monotonic() < end_at:
            if not live.hold_connections:
                watch_cursors()
                give_back()
            if (block := context.run(next, blocks, None)) is None:
                return
            if block:
                yield block
    finally:
        shutdown.forget(stop)
        context.run(close)


def _watch_signals(live: Live) -> None:
    # Here, since the thread of the source is never the one in which signals can be set up.
    if live.endless:
        shutdown.watch_signals()


class _SourceThread:
    """Take blocks in a thread of their own, and send a heartbeat where none comes for long."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._wanted = threading.Semaphore(0)
        self._leaving = False
        self._error: BaseException | None = None

    def blocks(self, source: Generator[bytes]) -> Generator[bytes]:
        # This thread waits, so its connections, with the transaction of a test, may be lent.
        ours = connections.all(initialized_only=True)
        thread = threading.Thread(target=self._run, args=(source, ours), daemon=True)
        thread.start()
        between = True
        try:
            while (block := self._receive()) is not None:
                if block:
                    yield block
                    # Middleware may cut blocks anywhere: a comment is one only where a line begins.
                    between = block.endswith(b"\n")
                    self._wanted.release()
                elif between:
                    yield from _in_two_writes(self._live.beat)
        finally:
            self._leaving = True
            self._wanted.release()
            # A thread cannot be interrupted: the step that runs comes to its end first.
            thread.join()
        if self._error is not None:
            raise self._error

    def _receive(self) -> bytes | None:
        try:
            return self._messages.get(timeout=self._live.heartbeat)
        except Empty:
            return b""

    def _run(self, source: Generator[bytes], ours: "list[BaseDatabaseWrapper]") -> None:
        try:
            with lent(ours), closing(source):
                for block in source:
                    self._messages.put(block)
                    self._wanted.acquire()
                    if self._leaving:
                        return
        except BaseException as error:
            self._error = error
        finally:
            self._messages.put(None)


def _in_two_writes(beat: bytes) -> Generator[bytes]:
    yield beat[:-1]
    time.sleep(TOLD_AFTER)
    yield beat[-1:]


class _LoopThread:
    """Run one event loop for the life of one stream, and take its blocks in this thread."""

    def __init__(self, live: Live) -> None:
        self._live = live
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
                if isinstance(block, Beat):
                    yield from _in_two_writes(block)
                else:
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
        while (message := self._next()) is not None:
            if callable(message):
                message()
            else:
                yield message
        self._ended = True

    def _next(self) -> Any:
        if not self._live.hold_connections:
            # The source's calls of the ORM are made here: with none at hand it only waits.
            watch_cursors()
            with suppress(Empty):
                return self._messages.get(timeout=LINGER)
            give_back()
        return self._messages.get()

    def _run(self, source: AsyncGenerator[bytes], context: RequestContext) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._send(source, context))
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            if not (self._leaving and isinstance(error, asyncio.CancelledError)):
                self._error = error
        finally:
            self._messages.put(None)

    async def _send(self, source: AsyncGenerator[bytes], context: RequestContext) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        here = ThreadSensitiveContext()
        SyncToAsync.context_to_thread_executor[here] = Calls(self._messages)
        context.variables.run(SyncToAsync.thread_sensitive_context.set, here)
        self._started.set_result((asyncio.get_running_loop(), task))
        async with aclosing(source):
            async for block in source:
                self._messages.put(block)
                await self._wanted.wait()
                self._wanted.clear()


def iterate_async(
    blocks: AsyncIterator[bytes],
    aclose: Callable[[], Awaitable[None]],
    context: RequestContext,
    live: Live = LIST,
) -> Generator[bytes]:
    """Iterate async blocks from a thread without an event loop."""
    _watch_signals(live)
    # A write that gets nowhere blocks this thread, which only its server can end.
    in_loop = replace(live, hold_connections=True, send_timeout=None)
    return _LoopThread(live).blocks(pump(blocks, aclose, context, in_loop), context)
