"""What uses the database, and sees what it holds there."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from flights.models import Airline
from servers import eventually


class Use:
    """One use of the database: in which thread, over which connections."""

    def __init__(self) -> None:
        assert Airline.objects.count() == 16
        assert Airline.objects.using("other").exists() in (True, False)
        self.thread = threading.current_thread()
        self.connections: list[BaseDatabaseWrapper] = [*connections.all(initialized_only=True)]

    @property
    def open(self) -> int:
        return sum(each.connection is not None for each in self.connections)

    async def ends(self) -> bool:
        """Tell whether the connections and the thread are given back."""
        return await asyncio.to_thread(self.is_over, thread=True)

    def is_over(self, *, thread: bool = False) -> bool:
        """Tell whether the connections are given back, and the thread if that is asked."""
        return eventually(
            lambda: self.open == 0 and not (thread and self.thread.is_alive()), True, within=10
        )


class Asking:
    """Use the database, then wait until told to use it again."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.again = threading.Event()

    def sync(self) -> Iterator[str]:
        yield "opened"
        while True:
            self.uses.append(Use())
            yield "asked"
            assert self.again.wait(20)
            self.again.clear()

    async def asynchronous(self) -> AsyncIterator[str]:
        yield "opened"
        while True:
            self.uses.append(await sync_to_async(Use)())
            yield "asked"
            while not self.again.is_set():
                await asyncio.sleep(0.01)
            self.again.clear()

    def of(self, kind: str) -> Any:
        return self.sync() if kind == "sync" else self.asynchronous()
