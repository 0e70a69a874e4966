"""Give back what a request holds while its stream waits: database connections, and its thread."""

import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from asgiref.sync import AsyncToSync, SyncToAsync, sync_to_async
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

P = ParamSpec("P")
T = TypeVar("T")

# How long, in seconds, the next call may take to come: calls that follow each other share a
# connection.
LINGER = 0.05
# How often, in seconds, a connection is looked at that could not be given back.
HELD = 1

_reading: "WeakKeyDictionary[BaseDatabaseWrapper, WeakSet[Any]]" = WeakKeyDictionary()


def watch_cursors() -> None:
    """Notice from now on which connections of this thread have a queryset's cursor open."""
    for connection in connections.all():
        # Where Django's tests forbid a database, they put a refusal in place of the method, and
        # expect to find it there.
        if connection not in _reading and not hasattr(connection.chunked_cursor, "wrapped"):
            _reading[connection] = WeakSet()
            _remember_cursors(connection, _reading[connection])


def _remember_cursors(connection: BaseDatabaseWrapper, cursors: "WeakSet[Any]") -> None:
    # Django asks for such a cursor where it reads rows in chunks, on every database.
    make: Callable[[], Any] = connection.chunked_cursor

    def chunked_cursor() -> Any:
        cursor = make()
        cursors.add(cursor)
        return cursor

    connection.chunked_cursor = chunked_cursor  # type: ignore[method-assign]


def give_back() -> bool:
    """Close the connections of this thread, or put them back into their pool.

    Shape: False if one is kept, for a transaction that is open or a queryset that is being read.
    """
    given = True
    for connection in connections.all(initialized_only=True):
        if connection.connection is None:
            continue
        if connection.in_atomic_block or not connection.autocommit or _reading.get(connection):
            given = False
        else:
            _close(connection)
    return given


def _close(connection: BaseDatabaseWrapper) -> None:
    # What cannot be closed has no connection any more, and Django then makes a new one.
    with suppress(Error):
        connection.close()


@contextmanager
def lent(borrowed: Iterable[BaseDatabaseWrapper]) -> Generator[None]:
    """Use the connections of another thread, which waits meanwhile, in this one."""
    own = [*borrowed]
    for connection in own:
        connection.inc_thread_sharing()
        connections[connection.alias] = connection
    try:
        yield
    finally:
        for connection in own:
            connection.dec_thread_sharing()
        for connection in connections.all(initialized_only=True):
            if connection not in own:
                _close(connection)


class Calls(Executor):
    """Queue thread-sensitive calls, such as the ORM's, for a thread that makes them."""

    def __init__(self, messages: "SimpleQueue[Any]") -> None:
        self._messages = messages

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Queue one call."""
        future: Future[T] = Future()

        def call() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        self._messages.put(call)
        return future


class BriefThread(Calls):
    """Make thread-sensitive calls in a thread that is there only while there are some."""

    def __init__(self) -> None:
        super().__init__(SimpleQueue())
        self._lock = threading.Lock()
        self._works = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Queue one call, and see to it that a thread makes it."""
        with self._lock:
            if not self._works:
                threading.Thread(target=self._work, daemon=True).start()
                self._works = True
            return super().submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the thread end after the calls that are queued; whoever asks may be an event loop."""
        with self._lock:
            if self._works:
                self._messages.put(None)

    def _work(self) -> None:
        watch_cursors()
        patience = LINGER
        while True:
            try:
                call = self._messages.get(timeout=patience)
            except Empty:
                if give_back() and self._ends():
                    return
                patience = HELD
                continue
            if call is not None:
                call()
                patience = LINGER
                continue
            for connection in connections.all(initialized_only=True):
                _close(connection)
            if self._ends():
                return

    def _ends(self) -> bool:
        with self._lock:
            self._works = not self._messages.empty()
            return not self._works


async def free_thread() -> None:
    """Give back the connections and the thread that Django keeps for a request until its end.

    Thread-sensitive calls that come later have a thread, with connections, for as long as they
    need it. Nothing is done in the thread of a caller that waits, as in tests.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    if context is None or getattr(AsyncToSync.executors, "current", None) is not None:
        return
    executors = SyncToAsync.context_to_thread_executor
    executor = executors.get(context)
    if executor is not None and not await sync_to_async(give_back)():
        return
    executors[context] = BriefThread()
    if executor is not None:
        executor.shutdown(wait=False)
