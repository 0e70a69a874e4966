"""Steps on a database that another thread may break off, since nobody waits for them any more."""

from collections.abc import Generator, Iterator
from threading import Lock
from typing import Any, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")

# How a driver breaks off what another thread waits for: psycopg 3, psycopg 2, SQLite.
_BREAK_OFF = ("cancel_safe", "cancel", "interrupt")


class Interrupted(BaseException):
    """End a step that was broken off; it is no failure, so no `except Exception` sees it."""


class Steps(Iterator[T]):
    """Iterate what reads from a database; `interrupt` breaks off the step that runs."""

    def __init__(self, alias: str, steps: Generator[T]) -> None:
        self._alias = alias
        self._steps = steps
        self._lock = Lock()
        self._runs_on: BaseDatabaseWrapper | None = None
        self._interrupted = False

    def __next__(self) -> T:
        with self._lock:
            if self._interrupted:
                raise Interrupted
            self._runs_on = connections[self._alias]
        try:
            return next(self._steps)
        except Exception as error:
            if self._interrupted:
                raise Interrupted from error
            raise
        finally:
            with self._lock:
                self._runs_on = None

    def interrupt(self) -> None:
        """Begin no more steps, and break off the one that runs if the driver can.

        Any thread may call it.
        """
        with self._lock:
            self._interrupted = True
            driver: Any = self._runs_on and self._runs_on.connection
            names = [name for name in _BREAK_OFF if hasattr(driver, name)]
            if names:
                getattr(driver, names[0])()

    def close(self) -> None:
        """Close what is left."""
        self._steps.close()


class Interruptible(Iterator[bytes]):
    """Blocks of a stream, with what breaks off the step that makes the next one."""

    def __init__(self, blocks: Generator[bytes], steps: Steps[Any]) -> None:
        self._blocks = blocks
        self.interrupt = steps.interrupt

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        """Close the blocks that are left."""
        self._blocks.close()
