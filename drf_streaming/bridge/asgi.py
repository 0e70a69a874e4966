"""Blocks for an event loop: of a source that is sync, in its thread; of an async one, in a task."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

from asgiref.sync import AsyncToSync, sync_to_async

from drf_streaming.bridge.context import RequestContext
from drf_streaming.bridge.idle import free_thread, give_back, watch_cursors
from drf_streaming.bridge.limits import ended, sending
from drf_streaming.bridge.live import LIST, Live
from drf_streaming.bridge.sink import Sink
from drf_streaming.bridge.steps import break_off, finished

# A reader that keeps up gets blocks of about this many bytes.
BLOCK_SIZE = 16 * 1024
# What is larger, as one large event, is sent in parts of this many bytes; Django would do so too.
PART_SIZE = 64 * 1024
# How long, in seconds, a block that is not full waits for more.
FLUSH_AFTER = 0.005
# How long, in seconds, an async source may go on before others have their turn.
TURN = 0.002
# How long, in seconds, it then leaves the interpreter to other threads. Letting go of the lock
# for no time, as the event loop does when it only looks for what is ready, wakes those threads
# but has the lock back before they run: pages of a granian under such a stream took up to 8 s.
PAUSE = 1e-5


class _Puller:
    """Pull blocks in the thread that owns them, as many in one hop as fill a block."""

    def __init__(self, blocks: Iterator[bytes], context: RequestContext, live: Live) -> None:
        self.sink = Sink()
        self.exhausted = False
        self.stopped = False
        self._holds = live.hold_connections
        self._blocks = blocks
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._wanted = 1

    def hop(self) -> "asyncio.Future[None]":
        """Let the thread pull until a block is full, or nothing is left."""
        hop = asyncio.ensure_future(sync_to_async(self._pull)())
        hop.add_done_callback(self.sink.fill)
        return hop

    def stop(self) -> None:
        """Let the step that runs be the last: what it gives is sent."""
        self.stopped = True

    def _pull(self) -> None:
        pulled = 0
        if not self._holds:
            watch_cursors()
        while pulled < self._wanted and not self.stopped:
            if not self._holds:
                give_back()
            block = self._context.run(next, self._blocks, None)
            if block is None:
                self.exhausted = True
                return
            pulled += len(block)
            if block and self.sink.put(block):
                self._loop.call_soon_threadsafe(self.sink.fill)
        self._wanted = BLOCK_SIZE


async def drive(
    blocks: Iterator[bytes],
    close: Callable[[], None],
    context: RequestContext,
    live: Live = LIST,
    interrupt: Callable[[], None] | None = None,
) -> AsyncGenerator[bytes]:
    """Iterate sync blocks from the event loop, one thread hop for each block that is sent.

    Shape: `interrupt` breaks off the step that runs, where that can be done, if nobody waits for it
        any more.
    """
    puller = _Puller(blocks, context, live)
    sink = puller.sink
    hop = puller.hop()
    try:
        with ended(live, puller.stop):
            while True:
                done = False
                while not done:
                    beat = await sink.fills(live)
                    if not beat:
                        # What came quickly goes out together; what comes slowly does not wait
                        # for more.
                        await asyncio.wait({hop}, timeout=FLUSH_AFTER)
                    done = hop.done()
                    for part in _parts(beat, sink.take()):
                        with sending(live):
                            yield part
                hop.result()
                if puller.exhausted or puller.stopped:
                    return
                hop = puller.hop()
    finally:
        puller.stop()
        await asyncio.shield(_close_in_thread(hop, close, context, interrupt))


def _parts(beat: bytes, block: bytes) -> list[bytes]:
    """Cut what a slow client could not take in time at once."""
    parts = [block[start : start + PART_SIZE] for start in range(0, len(block), PART_SIZE)]
    return [beat, *parts] if beat else parts


async def _close_in_thread(
    hop: "asyncio.Future[None]",
    close: Callable[[], None],
    context: RequestContext,
    interrupt: Callable[[], None] | None,
) -> None:
    # A thread cannot be interrupted, only its query: the step that runs comes to its end first.
    await (finished(hop) if interrupt is None else break_off(hop, interrupt))
    await sync_to_async(context.run)(close)


async def pump(
    blocks: AsyncIterator[bytes],
    aclose: Callable[[], Awaitable[None]],
    context: RequestContext,
    live: Live = LIST,
) -> AsyncGenerator[bytes]:
    """Iterate async blocks in one task of their own, inside the context, a block ahead at most."""
    filler = _Filler(blocks, aclose, live)
    filler.task = task = context.run(asyncio.ensure_future, filler.fill())
    task.add_done_callback(filler.sink.fill)
    try:
        with ended(live, filler.end):
            done = False
            while not done:
                beat = await filler.sink.fills(live)
                done = task.done()
                parts = _parts(beat, filler.sink.take())
                if parts:
                    filler.make_room()
                for part in parts:
                    with sending(live):
                        yield part
        if not (filler.last and task.cancelled()):
            task.result()
    finally:
        filler.left = True
        task.cancel()
        await asyncio.shield(finished(task))


class _Filler:
    """Take blocks from an async source, as far ahead of the reader as there is room."""

    task: "asyncio.Future[None]"

    def __init__(
        self, blocks: AsyncIterator[bytes], aclose: Callable[[], Awaitable[None]], live: Live
    ) -> None:
        self.sink = Sink()
        self._room: asyncio.Future[None] | None = None
        # The reader has left, or is to get only what is given already.
        self.left = self.last = False
        self._blocks = blocks
        self._aclose = aclose
        self._holds = live.hold_connections
        self._executor = getattr(AsyncToSync.executors, "current", None)

    def end(self) -> None:
        """Let what the source has given by now be the last."""
        self.last = True
        self.task.cancel()

    def make_room(self) -> None:
        """Let the source go on after a block that was taken."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def fill(self) -> None:
        """Take blocks until there are no more, or nobody wants them; then close the source."""
        # The one that the context remembers may have ended with the view.
        if getattr(AsyncToSync.executors, "current", None) is not self._executor:
            AsyncToSync.executors.current = self._executor
        # Zero: what opens the stream goes out before the source has worked.
        size, since = 0, 0.0
        try:
            if not self._holds:
                await free_thread()
            async for block in self._blocks:
                if self.left:
                    # The source had a last word, and nobody makes room for it any more.
                    return
                if not block:
                    continue
                size += len(block)
                if self.sink.put(block):
                    self.sink.fill()
                if self.last:
                    return
                # A source that never waits must not keep the event loop from others, nor from
                # learning that the client has left: send() alone need not suspend.
                if size >= BLOCK_SIZE or time.monotonic() - since > TURN:
                    self._room = asyncio.get_running_loop().create_future()
                    await self._room
                    time.sleep(PAUSE)
                    size, since = 0, time.monotonic()
        finally:
            await self._aclose()
