"""Steps in a thread that are broken off as soon as nobody waits for them any more."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async

T = TypeVar("T")

# After how long, in seconds, a step that did not end is broken off again; at most LONGEST.
AGAIN, LONGEST = 0.05, 5.0


def take(step: Callable[[], T], interrupt: Callable[[], None]) -> T:
    """Take a step in the thread of a view, and break it off if the client leaves under ASGI.

    Shape: `interrupt` may be called from any thread, and more than once.
    """
    if SyncToAsync.thread_sensitive_context.get(None) is None:
        return step()
    # What a cancelled request tells its view, asgiref tells the coroutine that the view waits for.
    return async_to_sync(_take)(step, interrupt)


async def _take(step: Callable[[], T], interrupt: Callable[[], None]) -> T:
    # Back in the thread that waits.
    taken = asyncio.ensure_future(sync_to_async(step)())
    try:
        return await asyncio.shield(taken)
    except asyncio.CancelledError:
        await break_off(taken, interrupt)
        raise


async def break_off(step: "asyncio.Future[T]", interrupt: Callable[[], None]) -> None:
    """Break a step off, and wait for its end.

    Once may be too early: for a step that still connects, or is between two queries.
    """
    pause = AGAIN
    while not step.done():
        await asyncio.to_thread(interrupt)
        await asyncio.wait({step}, timeout=pause)
        pause = min(2 * pause, LONGEST)
    await finished(step)


async def finished(step: "asyncio.Future[T]") -> None:
    """Wait for the end of a step, however it comes."""
    await asyncio.wait({step})
    if not step.cancelled():
        # asyncio would log an exception that nobody asked for; a failing source is logged already.
        step.exception()
