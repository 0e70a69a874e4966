"""What a stream costs in memory, however long it is and however slowly it is read."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from servers import Server, settled
from soak.sizes import SOAK, size

on = pytest.mark.parametrize
pytestmark = pytest.mark.django_db

MIB = 2**20
# The last chunk of HTTP/1.1, and the end of the line before: those of CSV may end with a 0.
LAST = b"\r\n0\r\n\r\n"
FORMATS = ["ndjson", "json", "sse", "csv"]
GRADES = ["columns", "objects", "DRF"]
# The quick form takes each format once, and each grade.
CASES = [
    ("uvicorn", grade, wire)
    for grade in GRADES
    for wire in FORMATS
    if SOAK or grade == "columns" or wire == "ndjson"
]
of_uvicorn = on("fresh", ["uvicorn"], indirect=True)
of_some_grades = on("grade", size(GRADES, ["DRF"]))


class Cost:
    """The most memory that a server had above what it has idle, in bytes."""

    peak = 0


@contextmanager
def cost(server: Server, path: str, what: str) -> Iterator[Cost]:
    """Measure what is done here, after a first client of the same list has left."""
    take(server, path, most=MIB // 8)
    idle = settled(lambda: server.rss)
    server.forget_peak()
    measured = Cost()
    start = time.monotonic()
    yield measured
    measured.peak = server.peak_rss - idle
    seconds = time.monotonic() - start
    print(f"{what}: {measured.peak / MIB:.1f} MiB in {seconds:.1f} s")  # noqa: T201


def take(server: Server, path: str, most: int | None = None) -> int:
    """Read a list to its end, or until there is so much of it, and return how much it was."""
    taken = 0
    with server.connect(path) as client:
        last = b""
        while (most is None or taken < most) and (part := client.recv(MIB)):
            taken += len(part)
            last = (last + part)[-len(LAST) :]
            if last == LAST:
                break
        assert most is not None or last == LAST
    return taken


@on(
    ("fresh", "grade", "wire"), [*CASES, ("gunicorn-sync", "columns", "ndjson")], indirect=["fresh"]
)
def test_memory_does_not_grow_with_the_stream(
    fresh: Server, many: int, grade: str, wire: str
) -> None:
    path = f"/soak/{grade}/?stream={wire}"
    with cost(fresh, path, f"{fresh.name} {grade} {wire}") as measured:
        taken = take(fresh, path)
    assert taken > many * 100
    assert measured.peak < 16 * MIB


@of_uvicorn
@of_some_grades
def test_memory_does_not_grow_with_a_reader_of_10_kb_a_second(
    fresh: Server, many: int, grade: str
) -> None:
    path = f"/soak/{grade}/?stream=ndjson"
    with cost(fresh, path, f"{grade} at 10 KB/s") as measured, fresh.connect(path) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        for _ in range(size(200, 15)):
            assert client.recv(1_000)
            time.sleep(0.1)
    assert measured.peak < 16 * MIB


@of_uvicorn
@of_some_grades
def test_ten_streams_at_once_cost_what_ten_streams_cost(
    fresh: Server, many: int, grade: str
) -> None:
    path, most = f"/soak/{grade}/?stream=ndjson", size(20 * MIB, MIB)
    with cost(fresh, path, f"{grade}, ten at once") as measured, ThreadPoolExecutor(10) as readers:
        found = [readers.submit(take, fresh, path, most) for _ in range(10)]
        assert min(reader.result() for reader in found) >= most
    assert measured.peak < 100 * MIB
