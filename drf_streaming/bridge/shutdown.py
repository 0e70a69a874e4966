"""Tell the open streams when the server stops, where its signals say so."""

import signal
import threading
import time
from collections.abc import Callable
from math import inf
from types import FrameType

# For how long, in seconds, a stream that opens belongs to a request that was under way when the
# server was told to stop.
UNDER_WAY = 60

_open: set[Callable[[], None]] = set()
_signalled = -inf


def end_streams() -> None:
    """End the open streams of events of this process in order; any thread may call it."""
    for end in [*_open]:
        end()


def tell(end: Callable[[], None]) -> None:
    """Call `end`, in any thread, when the server stops."""
    watch_signals()
    _open.add(end)
    if time.monotonic() - _signalled < UNDER_WAY:
        end()


def forget(end: Callable[[], None]) -> None:
    """Tell a stream no more that the server stops."""
    _open.discard(end)


class _Announced:
    """Tell the streams, then do what the server does at this signal."""

    def __init__(self, handler: Callable[[int, FrameType | None], object]) -> None:
        self._handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        global _signalled
        _signalled = time.monotonic()
        end_streams()
        self._handler(number, frame)


def watch_signals() -> None:
    """Learn of the signals that stop the server, where it has a handler of its own for them.

    Servers wait for open responses and tell nobody that they wait. Where Python only exits, at
    Ctrl+C or because nobody handles the signal, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        handler = signal.getsignal(number)
        if handler is signal.default_int_handler or isinstance(handler, _Announced | int | None):
            continue
        signal.signal(number, _Announced(handler))
