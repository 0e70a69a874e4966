"""Thousands of clients that leave at a random moment, and what a server has left of them."""

import os
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product

import pytest
from django.db import connection

from servers import Server, database_sessions, eventually, settled
from soak.sizes import size

pytestmark = pytest.mark.django_db

MIB = 2**20
CLIENTS = size(10_000, 500)
AT_ONCE = 20
# Threads that an event loop makes when it first needs them, and keeps: asyncio.to_thread().
OF_THE_LOOP = (os.cpu_count() or 1) + 4
# With a cursor, MySQL's driver loads the whole result for each of them.
SOURCES = ["keyset"] if connection.vendor == "mysql" else ["cursor", "keyset"]
PATHS = [
    *(
        f"/soak/{grade}/?stream={wire}&source={source}"
        for grade, wire, source in product(
            ["columns", "objects", "DRF"], ["ndjson", "json", "sse", "csv"], SOURCES
        )
    ),
    "/source/sync/?stream=ndjson&pause=0.01",
    "/source/async/?stream=ndjson&pause=0.01",
    "/live/events/?async&pause=0.01",
    "/airports/?stream=ndjson",
]


def leave(server: Server, seed: int) -> None:
    """Ask for a list, and leave after some bytes, or half a second at most."""
    chance = random.Random(seed)
    with suppress(ConnectionError), server.connect(chance.choice(PATHS)) as client:
        if chance.random() < 0.1:
            client.shutdown(socket.SHUT_WR)
        most = int(10 ** chance.uniform(0, 5.5)) - 1
        end = time.monotonic() + 10 ** chance.uniform(-3, -0.3)
        with suppress(TimeoutError):
            while most > 0 and (rest := end - time.monotonic()) > 0:
                client.settimeout(rest)
                most -= len(client.recv(most)) or most


def leave_all(server: Server, seeds: range) -> None:
    with ThreadPoolExecutor(AT_ONCE) as clients:
        for left in [clients.submit(leave, server, seed) for seed in seeds]:
            left.result()


def is_back(server: Server, held: tuple[int, int]) -> bool:
    """Tell whether a server has no more threads and file descriptors than it had."""
    threads, descriptors = server.held
    return threads <= held[0] + OF_THE_LOOP and descriptors <= held[1]


@pytest.mark.parametrize("fresh", ["uvicorn", "uvicorn-pool"], indirect=True)
def test_clients_that_leave_at_random_moments_leave_nothing_behind(
    fresh: Server, many: int
) -> None:
    log = fresh.logged_from_now()
    # The allocator keeps what threads at work at once have needed: +20 MiB after the first 4,000,
    # of the 4,000 after the first 20,000 another 0.4 MiB.
    leave_all(fresh, range(size(5_000, 500)))
    sessions, held = database_sessions(fresh), settled(lambda: fresh.held)
    idle, start = settled(lambda: fresh.rss), time.monotonic()
    leave_all(fresh, range(10_000, 10_000 + CLIENTS))
    seconds = time.monotonic() - start
    assert eventually(lambda: is_back(fresh, held), True, within=10), (held, fresh.held)
    assert eventually(lambda: database_sessions(fresh) <= sessions, True, within=10)
    grown = settled(lambda: fresh.rss) - idle
    print(  # noqa: T201
        f"{CLIENTS} clients of {fresh.name} left in {seconds:.0f} s: threads and descriptors"
        f" {held} before, {fresh.held} after, memory {grown / MIB:+.1f} MiB"
    )
    # A few hundred are too few for the allocator to have all that it keeps: +19 MiB on MariaDB.
    assert grown < size(16, 48) * MIB
    assert log.troubles() == []
    assert log.lines() == []
