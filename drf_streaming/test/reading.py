"""A client that reads a stream item by item, and leaves when it wants to."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Generic, Self, TypeVar

from asgiref.sync import sync_to_async
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpResponseBase

from drf_streaming.test.parsing import Parser

T = TypeVar("T")


class OpenStream(Generic[T]):
    """Iterate what a stream gives as a WSGI server does; closed, its client has left."""

    def __init__(self, response: HttpResponseBase, parser: Parser[T]) -> None:
        self._response = response
        self._parts: Any = iter(response)
        self._read = self._parse(parser)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return next(self._read)

    def _parse(self, parser: Parser[T]) -> Iterator[T]:
        for part in self._parts:
            yield from parser.feed(part)
        yield from parser.end()

    def close(self) -> None:
        """Leave; what the stream reads is closed when this returns."""
        if close := getattr(self._parts, "close", None):
            close()
        leave(self._response)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncOpenStream(Generic[T]):
    """Iterate what a stream gives as an ASGI server does; closed, its client has left."""

    def __init__(self, response: HttpResponseBase, parser: Parser[T]) -> None:
        self._response = response
        self._parser = parser
        self._waiting: deque[T] = deque()
        self._sent: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._wanted = asyncio.Event()
        self._server: asyncio.Task[None] | None = None
        self._ended = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        # No generator: that would end where a test gives up waiting for an event.
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            part = await self._receive()
            self._waiting += self._parser.end() if part is None else self._parser.feed(part)
        return self._waiting.popleft()

    async def _receive(self) -> bytes | None:
        if self._server is None:
            self._server = asyncio.create_task(self._serve())
        self._wanted.set()
        part = await self._sent.get()
        if part is None:
            self._ended = True
            await self._server
        return part

    async def _serve(self) -> None:
        """Send the response as Django's handler does, each part when it is wanted."""
        try:
            response: Any = self._response
            parts = aiter(response) if response.streaming else _whole(response)
            async with aclosing(parts):
                async for part in parts:
                    self._sent.put_nowait(part)
                    self._wanted.clear()
                    await self._wanted.wait()
        finally:
            self._sent.put_nowait(None)

    async def aclose(self) -> None:
        """Leave; what the stream reads is closed when this returns."""
        self._ended = True
        if self._server is not None:
            self._server.cancel()
            # An error that comes now is nobody's: gather() takes it, and the cancellation.
            await asyncio.gather(self._server, return_exceptions=True)
        await sync_to_async(leave)(self._response)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _whole(response: Any) -> AsyncGenerator[bytes]:
    for part in response:
        yield part


def leave(response: HttpResponseBase) -> None:
    """Close a response as its server does when the client has left; the test goes on."""
    if response.closed:
        return
    # As Django's test client does: in a TestCase this would close the connection of the test.
    request_finished.disconnect(close_old_connections)
    try:
        response.close()
    finally:
        request_finished.connect(close_old_connections)
