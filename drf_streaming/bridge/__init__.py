"""Sync blocks for an event loop, async blocks for a WSGI thread: step by step, always closed."""

from drf_streaming.bridge.asgi import BLOCK_SIZE, drive, pump
from drf_streaming.bridge.context import RequestContext
from drf_streaming.bridge.wsgi import iterate, iterate_async

__all__ = ["BLOCK_SIZE", "RequestContext", "drive", "iterate", "iterate_async", "pump"]
