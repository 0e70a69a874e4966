"""Slots for open streams in a cache: taken by one only, renewed while held, free after a crash."""

import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.db import connections
from django.http import HttpRequest

logger = logging.getLogger("drf_streaming")

# How often, in seconds, is looked for leases that are due.
TICK = 0.5
# How much earlier, in seconds, a lease counts as over here than in the cache: some caches round
# down to whole seconds.
MARGIN = 1.0
# Between asking for a slot that is free and yet refused, in seconds. SQLite refuses a write at once
# while another connection writes, and Django's cache in a database says then what it says of a
# slot that is taken. All together is about as long as SQLite waits where it can.
PAUSES = (0.0, *(0.001 * 2**n for n in range(12)))
# How many slots are looked at to find a free one. Of more, the last few in a thousand may be
# refused, but a refusal has a bounded cost.
LOOKED_AT = 1000

_ATTRIBUTE = "_drf_streaming_leases"


class Lease:
    """Hold slots in a cache for one stream, each a key that expires unless it is renewed.

    Shape: with `ended` set, slots that are still held are given back at the next renewal.
    Unit: `seconds` is how long the slots stay taken when nobody renews them.
    """

    def __init__(self, alias: str, seconds: int) -> None:
        self.alias = alias
        self.seconds = seconds
        self.keys: list[str] = []
        self.ended = False
        self._count_from(time.monotonic())

    def take(self, name: str, limit: int) -> bool:
        """Take one of this many slots, and tell whether one was free."""
        start = secrets.randbelow(limit) if limit else 0
        slots = [f"{name}:{(start + n) % limit}" for n in range(min(limit, LOOKED_AT))]
        # Where most slots are free, the first of these is the only round trip.
        free = slots[:1]
        for pause in PAUSES:
            if self._add(free):
                return True
            free = self._free(slots)
            if not free:
                break
            time.sleep(pause)
        return False

    def release_with(self, request: HttpRequest) -> None:
        """Release the slots with the request, whatever becomes of its response."""
        setattr(request, _ATTRIBUTE, [*leases_of(request), self])
        close_request = request.close

        def close() -> None:
            try:
                close_request()
            finally:
                self.release()

        request.close = close  # type: ignore[method-assign]  # Django calls it at the very end

    def begin(self) -> None:
        """Renew the slots from now on."""
        if self.keys:
            _renewer.add(self)

    def renew(self) -> None:
        """Keep the slots for another term."""
        now = time.monotonic()
        cache = caches[self.alias]
        for key in self.keys:
            # No more than one that is there is kept by `touch`, so that what is given back at
            # this very moment stays so. What the cache has lost is taken anew.
            if not cache.touch(key, self.seconds) and self.keys:
                cache.add(key, 1, self.seconds)
        self._count_from(now)

    def release(self) -> None:
        """Give the slots back, if they are still held."""
        self.ended = True
        keys, self.keys = self.keys, []
        # What is over may be someone else's by now.
        if not keys or time.monotonic() >= self._over:
            return
        try:
            caches[self.alias].delete_many(keys)
        except Exception:
            logger.warning(
                "A stream's slot could not be given back; it is free in %d s at the latest",
                self.seconds,
                exc_info=True,
            )

    def _count_from(self, now: float) -> None:
        self.due = now + self.seconds / 3
        self._over = now + self.seconds - MARGIN

    def _free(self, slots: list[str]) -> list[str]:
        held = caches[self.alias].get_many(slots) if slots else {}
        return [key for key in slots if key not in held]

    def _add(self, slots: Iterable[str]) -> bool:
        # Of all that ask for one key at once, `add` lets one have it: no cache has another
        # operation that decides and also sets an expiry. A counter (`incr`) would keep the
        # streams of a process that was killed.
        cache = caches[self.alias]
        for key in slots:
            if cache.add(key, 1, self.seconds):
                self.keys.append(key)
                return True
        return False


class _Renewer:
    """Renew the leases of all streams of this process, from one thread, while there are any.

    A stream cannot do that itself: it stands still while its source is silent, or for as long as
    its client does not read.
    """

    def __init__(self) -> None:
        self._begun: set[Lease] = set()
        self._thread: threading.Thread | None = None
        # Never held while the cache is asked.
        self._lock = threading.Lock()

    def add(self, lease: Lease) -> None:
        with self._lock:
            self._begun.add(lease)
            # After a fork there is a thread that does not live.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while begun := self._still_held():
            renew(begun)
            connections.close_all()
            time.sleep(TICK)

    def _still_held(self) -> list[Lease]:
        with self._lock:
            self._begun = {lease for lease in self._begun if lease.keys}
            if not self._begun:
                self._thread = None
            return [*self._begun]


_renewer = _Renewer()


def renew(leases: Iterable[Lease]) -> None:
    """Renew what is due, and give back what has ended without being released."""
    failed = set()
    for lease in leases:
        if lease.ended:
            lease.release()
        elif lease.due <= time.monotonic():
            # Even if it fails: a cache that is down is not asked all the time.
            lease.due += lease.seconds / 3
            if lease.alias in failed:
                continue
            try:
                lease.renew()
            except Exception:
                failed.add(lease.alias)
                logger.warning("Slots of streams could not be renewed", exc_info=True)


def leases_of(request: HttpRequest) -> list[Lease]:
    """Return the leases of a request."""
    leases: list[Lease] = getattr(request, _ATTRIBUTE, [])
    return leases


def held(lease: Lease, content: Any) -> Any:
    """Return the same blocks, sync or async, with a lease that is held while they are sent."""
    return _aheld(lease, content) if hasattr(content, "__aiter__") else _held(lease, content)


def _held(lease: Lease, blocks: Iterator[bytes]) -> Iterator[bytes]:
    lease.begin()
    try:
        yield from blocks
        # Before the end is sent: who has read it may ask for the next stream.
        lease.release()
    finally:
        # No more than that: the garbage collector comes here as well, from the midst of anything,
        # such as of a cache that has a lock.
        lease.ended = True


async def _aheld(lease: Lease, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    lease.begin()
    try:
        async for block in blocks:
            yield block
        await sync_to_async(lease.release)()
    finally:
        lease.ended = True
