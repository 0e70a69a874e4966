import asyncio
import re
import time
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

import psycopg
from django.core.management.base import BaseCommand

from bench import databases
from bench.client import HOST
from bench.live import PEERS
from bench.server import Server

# How long, in seconds, a client waits for its first event, and an ordinary request for its answer.
PATIENCE = 10
WARM_UP = 20
ROW = "| {} | {} | {} | {} | {} | {} |"


class Command(BaseCommand):
    help = "Measure what clients cost that wait for events, on PostgreSQL: here and with peers."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--clients", type=int, default=150)
        parser.add_argument("--at-once", type=int, default=20, help="how many come together")

    def handle(self, *, clients: int, at_once: int, **options: Any) -> None:
        url = databases.postgresql()
        databases.load(url, 1_000)
        self.stdout.write(
            ROW.format("", "served", "connections", "threads", "memory a client", "another request")
        )
        self.stdout.write(ROW.format("---", *["---:"] * 5))
        # Opened before there are none left.
        with psycopg.connect(url, autocommit=True) as own:
            for peer in PEERS:
                with Server("bench.asgi:application", url, BENCH_SESSIONS="1") as server:
                    figures = asyncio.run(measure(server, peer, clients, at_once, own))
                self.stdout.write(ROW.format(peer, *figures))


async def measure(
    server: Server, peer: str, clients: int, at_once: int, own: psycopg.Connection
) -> list[str]:
    """Let so many clients wait, and return what is measured meanwhile."""
    _, signed_in = await request(server, "/live/sign-in/")
    (session,) = re.findall(r"sessionid=\w+", signed_in)
    threads = server.threads

    async def come(number: int) -> list[asyncio.StreamWriter]:
        answers = await asyncio.gather(*(opened(server, peer, session) for _ in range(number)))
        return [*filter(None, answers)]

    # The first cost what is loaded with them.
    served = await come(WARM_UP)
    memory = grown = server.memory
    counted = warm = len(served)
    for start in range(WARM_UP, clients, at_once):
        served += await come(number := min(at_once, clients - start))
        if len(served) == start + number:
            # Those that are refused later cost something too.
            grown, counted = server.memory, len(served)
    # What is given back after a while is given back by then.
    await asyncio.sleep(2)
    used = [
        f"{len(served)} of {clients}",
        str(connections(own)),
        f"{server.threads - threads:+}",
        f"{(grown - memory) / 1024 / (counted - warm):,.1f} KiB",
        await timed(server),
    ]
    for writer in served:
        writer.close()
    return used


async def opened(server: Server, peer: str, session: str) -> asyncio.StreamWriter | None:
    """Return a connection on which the first event has come."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    lines = [f"GET /live/{peer}/ HTTP/1.1", f"Host: {HOST}", f"Cookie: {session}"]
    lines += ["Accept: text/event-stream", "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    with suppress(TimeoutError, asyncio.IncompleteReadError, ConnectionError):
        async with asyncio.timeout(PATIENCE):
            if b" 200 " in await reader.readline():
                await reader.readuntil(b"listener, customers")
                return writer
    writer.close()
    return None


async def timed(server: Server) -> str:
    """Return how long an ordinary request takes meanwhile."""
    start = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            status, _ = await request(server, "/live/page/")
    except TimeoutError:
        return f"none in {PATIENCE} s"
    return f"{(time.perf_counter() - start) * 1e3:.0f} ms" if status == 200 else str(status)


async def request(server: Server, path: str) -> tuple[int, str]:
    """Return the status and the whole answer of a request that ends."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split(maxsplit=2)[1]), answer.decode()


def connections(own: psycopg.Connection) -> int:
    """Return how many connections to the database there are, besides this one."""
    found = own.execute(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    return found[0]
