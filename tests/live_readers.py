"""Sources of live events, and a reader that takes them as servers do."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

OPENING = b"retry: 3000\n:\n"
BEAT = b":\n"


class Waiting:
    """Give one item, wait until told to go on, then give another; sync or async."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.closed = threading.Event()
        self.threads: set[int] = set()

    def sync(self) -> Iterator[str]:
        try:
            self.threads.add(threading.get_ident())
            yield "first\nitem"
            assert self.go_on.wait(20)
            yield "second"
        finally:
            self.threads.add(threading.get_ident())
            self.closed.set()

    async def asynchronous(self) -> AsyncIterator[str]:
        try:
            yield "first\nitem"
            while not self.go_on.is_set():
                await asyncio.sleep(0.01)
            yield "second"
        finally:
            self.closed.set()

    def of(self, kind: str) -> Any:
        return self.sync() if kind == "sync" else self.asynchronous()


class Ticks:
    """Number items without end; it knows what it gave, and whether it was closed."""

    def __init__(self) -> None:
        self.given = 0
        self.closed = threading.Event()

    def sync(self) -> Iterator[int]:
        try:
            while True:
                time.sleep(0.01)
                self.given += 1
                yield self.given
        finally:
            self.closed.set()

    async def asynchronous(self) -> AsyncIterator[int]:
        try:
            while True:
                await asyncio.sleep(0.01)
                self.given += 1
                yield self.given
        finally:
            self.closed.set()

    of = Waiting.of


class Reader:
    """Read a response as a server of one kind does, one block at a time."""

    def __init__(self, response: Any, server: str) -> None:
        self._asgi = server == "asgi"
        self._blocks: Any = aiter(response) if self._asgi else iter(response)
        self._thread = ThreadPoolExecutor(1)

    async def next(self) -> bytes | None:
        if self._asgi:
            return await anext(self._blocks, None)
        return await self._call(next, self._blocks, None)

    async def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    async def until(self, ending: bytes) -> bytes:
        received = b""
        async with asyncio.timeout(20):
            while not received.endswith(ending):
                block = await self.next()
                assert block is not None, received
                received += block
        return received

    async def rest(self) -> bytes:
        blocks = []
        async with asyncio.timeout(20):
            while (block := await self.next()) is not None:
                blocks.append(block)
        await self._call(connections.close_all)
        return b"".join(blocks)

    async def close(self) -> None:
        if self._asgi:
            await self._blocks.aclose()
        else:
            await self._call(self._blocks.close)
            await self._call(connections.close_all)
