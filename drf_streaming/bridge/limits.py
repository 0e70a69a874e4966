"""What ends a stream from outside: its age, a server that stops, a client that takes nothing."""

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

import django
from django.core.exceptions import RequestAborted

from drf_streaming.bridge import shutdown
from drf_streaming.bridge.live import Live

logger = logging.getLogger("drf_streaming")

# Whether Django takes RequestAborted, and no longer a task that is cancelled, for a client that has
# left.
ABORTS = django.VERSION >= (6, 1)


class ended:
    """Call `end` on this event loop when the stream is old enough or the server stops."""

    # A generator would take up four times as much for each client that waits.
    __slots__ = ("_end", "_live", "_loop", "_timer")

    def __init__(self, live: Live, end: Callable[[], None]) -> None:
        self._live = live
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        age = self._live.age()
        if age is not None:
            self._timer = self._loop.call_later(age, self._end)
        if self._live.endless:
            shutdown.tell(self._end_soon)

    def __exit__(self, *_: object) -> None:
        shutdown.forget(self._end_soon)
        if self._timer is not None:
            self._timer.cancel()

    def _end_soon(self) -> None:
        # The loop may have closed meanwhile, and the stream with it.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end)


@contextmanager
def sending(live: Live) -> Generator[None]:
    """Give up the client, as if it had left, if this task does not come back in time."""
    if live.send_timeout is None:
        yield
        return
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    given_up = False

    def give_up() -> None:
        nonlocal given_up
        given_up = True
        logger.debug("A client took nothing for %s seconds; its stream ends", live.send_timeout)
        task.cancel()

    timer = asyncio.get_running_loop().call_later(live.send_timeout, give_up)
    try:
        yield
    finally:
        timer.cancel()
        if given_up and ABORTS:
            task.uncancel()
            raise RequestAborted
