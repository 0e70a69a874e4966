"""A read-only transaction on a connection that nobody else uses meanwhile."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from django.db import Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLiteWrapper

from drf_streaming import loaders

# What makes a transaction read-only, and what has to be undone after it.
_READ_ONLY = {
    "oracle": ("SET TRANSACTION READ ONLY", ""),
    "mysql": ("SET TRANSACTION READ ONLY", ""),
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
}


def within(alias: str, blocks: Generator[bytes]) -> Generator[bytes]:
    """Take each block inside one snapshot of the database, and end it on every way out.

    Middleware that runs between the first block and the others, as the one that saves sessions,
    uses the same alias. On the same connection its write would fail in the read-only
    transaction, or be undone with it. So the stream keeps the connection that it finds, and
    whoever comes next gets a new one.
    """
    snapshot = _open(alias)
    try:
        with snapshot.lent():
            block = next(blocks, None)
        while block is not None:
            yield block
            snapshot.release_others()
            with snapshot.lent():
                block = next(blocks, None)
    finally:
        with snapshot.lent():
            blocks.close()
        snapshot.close()


def _open(alias: str) -> "_Shared | _Own":
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
        connections[alias] = found.copy()
    return _Own(alias, own)


def _must_share(found: BaseDatabaseWrapper) -> bool:
    """Tell whether a second connection would see other data, or lock others out."""
    if any(getattr(block, "_from_testcase", False) for block in found.atomic_blocks):
        return True
    if not isinstance(found, SQLiteWrapper):
        return False
    if found.is_in_memory_db():
        return True
    with found.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        # https://www.sqlite.org/wal.html: elsewhere a reader makes every other writer wait.
        mode: tuple[str] = cursor.fetchone()
        return mode[0] != "wal"


def _declare_read_only(connection: BaseDatabaseWrapper, read_only: bool | None) -> None:
    """Let PostgreSQL's driver say so as it begins the transaction: one round trip less."""
    driver = connection.connection
    if connection.vendor == "postgresql" and driver is not None:
        # psycopg 3 and psycopg 2
        setattr(driver, "read_only" if hasattr(driver, "read_only") else "readonly", read_only)


def _pooled(connection: BaseDatabaseWrapper) -> bool:
    return bool(connection.settings_dict["OPTIONS"].get("pool"))


class _Shared:
    """Read on the connection of the request."""

    @contextmanager
    def lent(self) -> Generator[None]:
        yield

    def release_others(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Own:
    """Let an alias mean the stream's own connection, for one step at a time."""

    def __init__(self, alias: str, own: BaseDatabaseWrapper) -> None:
        self._alias = alias
        self._own = own
        self._thread = threading.get_ident()
        self._transaction = transaction.atomic(using=alias)
        self._begun = False
        self._begin, self._after = _READ_ONLY.get(own.vendor, ("", ""))
        # One step at a time, but some servers take them in different threads.
        own.inc_thread_sharing()

    @contextmanager
    def lent(self) -> Generator[None]:
        others = connections[self._alias]
        connections[self._alias] = self._own
        try:
            if not self._begun:
                self._begun = True
                self._own.ensure_connection()
                _declare_read_only(self._own, True)
                loaders.load_moments_fast(self._own)
                self._transaction.__enter__()
                self._execute(self._begin)
            yield
        finally:
            connections[self._alias] = others

    def release_others(self) -> None:
        """Give back what middleware opened: the rest of the request is this stream."""
        others = connections[self._alias]
        if not others.in_atomic_block:
            others.close()

    def close(self) -> None:
        """End the transaction and give the connection back."""
        try:
            self._end()
        except Error:
            self._own.close()
        others = connections[self._alias]
        if self._thread != threading.get_ident() or others.in_atomic_block or _pooled(others):
            self._own.close()
            return
        others.close()
        self._own.dec_thread_sharing()
        connections[self._alias] = self._own
        self._own.close_if_unusable_or_obsolete()

    def _end(self) -> None:
        with self.lent():
            self._own.set_rollback(True)
            self._transaction.__exit__(None, None, None)
            _declare_read_only(self._own, None)
            self._execute(self._after)

    def _execute(self, statement: str) -> None:
        if statement:
            with self._own.cursor() as cursor:
                cursor.execute(statement)
