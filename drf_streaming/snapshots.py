"""The connection of a stream: one of its own for a snapshot, or the request's for a moment."""

import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLiteWrapper

from drf_streaming import loaders, transactions
from drf_streaming.transactions import REPEATABLE, REPEATABLE_READ, in_test

# How long, in seconds, a reader that keeps up may take for a block.
SLOW = 0.1


def within(
    alias: str,
    blocks: Generator[bytes],
    timeout: float | None = None,
    isolation: str | None = None,
) -> Generator[bytes]:
    """Take each block inside one transaction of the database, and end it on every way out.

    Shape: with the `isolation` "repeatable read" all its queries see the same moment.
    Unit: `timeout` is in seconds: PostgreSQL ends a transaction in which nobody asks for so long.

    Middleware that runs between the first block and the others, as the one that saves sessions,
    uses the same alias. On the same connection its write would fail in the read-only
    transaction, or be undone with it. So the stream keeps the connection that it finds, and
    whoever comes next gets a new one.
    """
    snapshot = _open(alias, timeout, isolation)
    try:
        with snapshot.lent():
            block = next(blocks, None)
        while block is not None:
            yield block
            snapshot.release_others()
            with snapshot.lent():
                block = next(blocks, None)
    finally:
        snapshot.close(blocks)


def without(alias: str, blocks: Generator[bytes]) -> Generator[bytes]:
    """Take each block outside of a transaction, and hold no connection that others wait for.

    Shape: one of a pool goes back after each block. Any other does once the reader is slow: to
        open it anew costs as much as the rows of a chunk.
    """
    slow = False
    with closing(blocks):
        for block in blocks:
            connection = connections[alias]
            idle = connection.autocommit and not connection.in_atomic_block
            if idle and (slow or _pooled(connection)):
                connection.close()
            given = time.monotonic()
            yield block
            slow = time.monotonic() - given > SLOW


def check_isolation(alias: str, wanted: str | None) -> None:
    """Refuse an isolation that is unknown, or that this database cannot give.

    Errors: ImproperlyConfigured.
    """
    if wanted is None:
        return
    if wanted != REPEATABLE_READ:
        raise ImproperlyConfigured(
            f"The isolation of a stream must be {REPEATABLE_READ!r} or None, got {wanted!r}."
        )
    connection, trouble = connections[alias], None
    if connection.vendor not in REPEATABLE:
        trouble = f"how {connection.display_name} does that is not known"
    elif keeps_writers_out(connection):
        trouble = "SQLite is not in WAL mode, so that streams read outside of transactions"
    if trouble is not None:
        raise ImproperlyConfigured(
            f"The isolation of a stream is to be {wanted!r}, but of {alias!r} it cannot be: "
            f"{trouble}."
        )


def _open(alias: str, timeout: float | None, isolation: str | None) -> "_Shared | _Own":
    found = connections[alias]
    if _must_share(found):
        return _Shared()
    if found.in_atomic_block or _pooled(found):
        own = found.copy()
        # A download that lasts an hour must not hold a place in the pool for as long. And with
        # one place only, middleware would wait for the stream, which waits for middleware.
        own.settings_dict["OPTIONS"].pop("pool", None)
    else:
        own = found
        del connections[alias]
    return _Own(alias, own, timeout, isolation)


def _must_share(found: BaseDatabaseWrapper) -> bool:
    """Tell whether a second connection would see other data, or lock others out."""
    if in_test(found):
        return True
    return isinstance(found, SQLiteWrapper) and (
        found.is_in_memory_db() or keeps_writers_out(found)
    )


def keeps_writers_out(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether others cannot write while this connection reads."""
    if not isinstance(connection, SQLiteWrapper) or connection.is_in_memory_db():
        return False
    if in_test(connection):
        return False
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        # https://www.sqlite.org/wal.html: elsewhere a reader makes every other writer wait.
        mode: tuple[str] = cursor.fetchone()
        return mode[0] != "wal"


def _opened(alias: str) -> BaseDatabaseWrapper | None:
    """Return what the alias means in this thread, without making it so."""
    opened = connections.all(initialized_only=True)
    return next((connection for connection in opened if connection.alias == alias), None)


def _pooled(connection: BaseDatabaseWrapper) -> bool:
    return bool(connection.settings_dict["OPTIONS"].get("pool"))


class _Shared:
    """Read on the connection of the request."""

    @contextmanager
    def lent(self) -> Generator[None]:
        yield

    def release_others(self) -> None:
        pass

    def close(self, blocks: Generator[bytes]) -> None:
        blocks.close()


class _Own:
    """Let an alias mean the stream's own connection, for one step at a time."""

    def __init__(
        self,
        alias: str,
        own: BaseDatabaseWrapper,
        timeout: float | None,
        isolation: str | None,
    ) -> None:
        self._alias = alias
        self._own = own
        self._thread = threading.get_ident()
        self._transaction = transaction.atomic(using=alias)
        self._begun = False
        self._timeout = timeout
        self._isolation = isolation
        # One step at a time, but some servers take them in different threads.
        own.inc_thread_sharing()

    @contextmanager
    def lent(self) -> Generator[None]:
        others = _opened(self._alias)
        connections[self._alias] = self._own
        try:
            if not self._begun:
                self._begun = True
                self._own.ensure_connection()
                transactions.declare_read_only(self._own, True)
                loaders.load_moments_fast(self._own)
                self._transaction.__enter__()
                transactions.begin(self._own, self._timeout, self._isolation)
            yield
        finally:
            if others is None:
                del connections[self._alias]
            else:
                connections[self._alias] = others

    def release_others(self) -> None:
        """Give back what middleware opened: the rest of the request is this stream."""
        others = _opened(self._alias)
        if others is not None and not others.in_atomic_block:
            others.close()

    def close(self, blocks: Generator[bytes]) -> None:
        """Close what reads, end the transaction and give the connection back."""
        try:
            with self.lent():
                try:
                    blocks.close()
                finally:
                    self._end()
        except Error:
            self._own.close()
        finally:
            self._give_back()

    def _end(self) -> None:
        self._own.set_rollback(True)
        self._transaction.__exit__(None, None, None)
        transactions.end(self._own)

    def _give_back(self) -> None:
        others = _opened(self._alias)
        kept = others is not None and (others.in_atomic_block or _pooled(others))
        if kept or self._thread != threading.get_ident():
            self._own.close()
            return
        if others is not None:
            others.close()
        self._own.dec_thread_sharing()
        connections[self._alias] = self._own
        self._own.close_if_unusable_or_obsolete()
