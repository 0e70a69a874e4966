"""Where blocks wait for the event loop, and the event loop for blocks."""

import asyncio
import threading

from drf_streaming.bridge.live import Beat, Live


class Sink:
    """Collect blocks on the producer's side until the event loop takes them."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._lock = threading.Lock()
        self._between = True
        self._filled = False
        self._waits: asyncio.Future[None] | None = None

    def fill(self, *_: object) -> None:
        """Let whoever waits for blocks go on; only the thread of the event loop may call it."""
        self._filled = True
        self._wake()

    def _wake(self) -> None:
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)

    async def fills(self, live: Live) -> bytes:
        """Wait for blocks; return what is to be sent if none comes for long, or nothing."""
        if not self._filled:
            # asyncio's own Event and timeout() would be 1.3 KiB of each client that waits.
            loop = asyncio.get_running_loop()
            self._waits = loop.create_future()
            timer = None if live.heartbeat is None else loop.call_later(live.heartbeat, self._wake)
            try:
                await self._waits
            finally:
                if timer is not None:
                    timer.cancel()
        if not self._filled:
            # Middleware may cut blocks anywhere: a comment is one only where a line begins.
            return Beat(live.beat) if self._between else b""
        self._filled = False
        return b""

    def put(self, block: bytes) -> bool:
        """Add a block and tell whether it is the first since the last take."""
        with self._lock:
            self._blocks.append(block)
            return len(self._blocks) == 1

    def take(self) -> bytes:
        """Return what was put since the last take."""
        with self._lock:
            taken = b"".join(self._blocks)
            self._blocks.clear()
        if taken:
            self._between = taken.endswith(b"\n")
        return taken
