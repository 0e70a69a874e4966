"""Sync blocks for an event loop, async blocks for a WSGI thread: step by step, always closed."""

from drf_streaming.bridge.asgi import BLOCK_SIZE, drive, pump
from drf_streaming.bridge.context import RequestContext
from drf_streaming.bridge.live import LIST, Live, is_time
from drf_streaming.bridge.shutdown import end_streams, watch_signals
from drf_streaming.bridge.steps import take
from drf_streaming.bridge.unsent import close_at_the_end
from drf_streaming.bridge.wsgi import iterate, iterate_async

__all__ = [
    "BLOCK_SIZE",
    "LIST",
    "Live",
    "RequestContext",
    "close_at_the_end",
    "drive",
    "end_streams",
    "is_time",
    "iterate",
    "iterate_async",
    "pump",
    "take",
    "watch_signals",
]
