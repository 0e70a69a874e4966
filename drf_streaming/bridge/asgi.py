"""Blocks for an event loop: of a source that is sync, in its thread; of an async one, in a task."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

from asgiref.sync import AsyncToSync, sync_to_async

from drf_streaming.bridge.context import RequestContext

# A reader that keeps up gets blocks of about this many bytes.
BLOCK_SIZE = 16 * 1024
# How long, in seconds, a block that is not full waits for more.
FLUSH_AFTER = 0.005
# How long, in seconds, an async source may go on before others have their turn.
TURN = 0.002
# How long, in seconds, it then leaves the interpreter to other threads. Letting go of the lock
# for no time, as the event loop does when it only looks for what is ready, wakes those threads
# but has the lock back before they run: pages of a granian under such a stream took up to 8 s.
PAUSE = 1e-5


class _Sink:
    """Collect blocks on the producer's side until the event loop takes them."""

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()
        self._lock = threading.Lock()
        self.filled = asyncio.Event()

    def put(self, block: bytes) -> bool:
        """Add a block and tell whether it is the first since the last take."""
        with self._lock:
            self._blocks.append(block)
            return len(self._blocks) == 1

    def take(self) -> bytes:
        with self._lock:
            taken = b"".join(self._blocks)
            self._blocks.clear()
            return taken


class _Puller:
    """Pull blocks in the thread that owns them, as many in one hop as fill a block."""

    def __init__(self, blocks: Iterator[bytes], context: RequestContext) -> None:
        self.sink = _Sink()
        self.exhausted = False
        self.stopped = False
        self._blocks = blocks
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._wanted = 1

    def hop(self) -> "asyncio.Future[None]":
        """Let the thread pull until a block is full, or nothing is left."""
        hop = asyncio.ensure_future(sync_to_async(self._pull)())
        hop.add_done_callback(lambda _: self.sink.filled.set())
        return hop

    def _pull(self) -> None:
        pulled = 0
        while pulled < self._wanted and not self.stopped:
            block = self._context.run(next, self._blocks, None)
            if block is None:
                self.exhausted = True
                return
            pulled += len(block)
            if block and self.sink.put(block):
                self._loop.call_soon_threadsafe(self.sink.filled.set)
        self._wanted = BLOCK_SIZE


async def drive(
    blocks: Iterator[bytes], close: Callable[[], None], context: RequestContext
) -> AsyncGenerator[bytes]:
    """Iterate sync blocks from the event loop, one thread hop for each block that is sent."""
    puller = _Puller(blocks, context)
    sink = puller.sink
    hop = puller.hop()
    try:
        while True:
            done = False
            while not done:
                await sink.filled.wait()
                sink.filled.clear()
                # What came quickly goes out together; what comes slowly does not wait for more.
                await asyncio.wait({hop}, timeout=FLUSH_AFTER)
                done = hop.done()
                if block := sink.take():
                    yield block
            hop.result()
            if puller.exhausted:
                return
            hop = puller.hop()
    finally:
        puller.stopped = True
        await asyncio.shield(asyncio.ensure_future(_close_in_thread(hop, close, context)))


async def _close_in_thread(
    hop: "asyncio.Future[None]", close: Callable[[], None], context: RequestContext
) -> None:
    # A thread cannot be interrupted: the step that runs comes to its end first.
    await _ended(hop)
    await sync_to_async(context.run)(close)


async def _ended(task: "asyncio.Future[None]") -> None:
    await asyncio.wait({task})
    if not task.cancelled():
        # asyncio would log an exception that nobody asked for; a failing source is logged already.
        task.exception()


async def pump(
    blocks: AsyncIterator[bytes], aclose: Callable[[], Awaitable[None]], context: RequestContext
) -> AsyncGenerator[bytes]:
    """Iterate async blocks in one task of their own, inside the context, a block ahead at most."""
    sink = _Sink()
    room = asyncio.Event()
    left = False
    executor = getattr(AsyncToSync.executors, "current", None)

    async def fill() -> None:
        # The one that the context remembers may have ended with the view.
        AsyncToSync.executors.current = executor
        # Zero: what opens the stream goes out before the source has worked.
        size, since = 0, 0.0
        try:
            async for block in blocks:
                if left:
                    # The source had a last word, and nobody makes room for it any more.
                    return
                if not block:
                    continue
                size += len(block)
                if sink.put(block):
                    sink.filled.set()
                # A source that never waits must not keep the event loop from others, nor from
                # learning that the client has left: send() alone need not suspend.
                if size >= BLOCK_SIZE or time.monotonic() - since > TURN:
                    await room.wait()
                    room.clear()
                    time.sleep(PAUSE)
                    size, since = 0, time.monotonic()
        finally:
            await aclose()

    task = context.run(asyncio.ensure_future, fill())
    task.add_done_callback(lambda _: sink.filled.set())
    try:
        done = False
        while not done:
            await sink.filled.wait()
            sink.filled.clear()
            done = task.done()
            if block := sink.take():
                room.set()
                yield block
        task.result()
    finally:
        left = True
        task.cancel()
        await asyncio.shield(_ended(task))
