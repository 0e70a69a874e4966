"""Clients that look closely: when a row came, how a response ended, and that they leave."""

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx

from servers import HOST, Server


def read_until(client: socket.socket, text: bytes) -> bytes:
    """Read on until the answer holds this text."""
    received = b""
    while text not in received:
        part = client.recv(4096)
        assert part, f"ended without {text!r}: {received!r}"
        received += part
    return received


def delays(server: Server, path: str, **kwargs: Any) -> list[float]:
    """Return how long each row was on its way from the source to the client, in seconds."""
    with httpx.stream("GET", server.url + path, **kwargs) as response:
        lines = ((time.monotonic(), line) for line in response.iter_lines())
        return [arrived - json.loads(line)["at"] for arrived, line in lines]


def get_with_curl(url: str, *options: str) -> tuple[int, bytes]:
    done = subprocess.run(
        ["curl", "-sN", "--max-time", "20", *options, url],
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout


def get_with_httpx(url: str) -> tuple[type[Exception] | None, bytes]:
    received = []
    try:
        with httpx.stream("GET", url) as response:
            received.extend(response.iter_raw())
    except httpx.HTTPError as error:
        return type(error), b"".join(received)
    return None, b"".join(received)


def leave_many_times(server: Server, path: str, clients: int = 50) -> None:
    """Let that many clients leave in mid-stream, as many at once as the server can serve."""
    for start in range(0, clients, server.kind.concurrency):
        with ExitStack() as stack:
            several = [
                stack.enter_context(server.connect(path))
                for _ in range(min(server.kind.concurrency, clients - start))
            ]
            for client in several:
                read_until(client, b'{"n":1}\n')


@contextmanager
def someone_reading(server: Server, path: str) -> Iterator[None]:
    """Let somebody read all that comes, and leave in the end."""
    with server.connect(path) as client:
        read_until(client, b'{"n":')

        def read() -> None:
            with suppress(OSError):
                while client.recv(65536):
                    pass

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            client.shutdown(2)
            reader.join()


def seconds_for_a_page(server: Server) -> float:
    start = time.monotonic()
    assert httpx.get(f"{server.url}/airports/JFK/", timeout=20).status_code == 200
    return time.monotonic() - start


@contextmanager
def connection_to(server: Server) -> Iterator[http.client.HTTPConnection]:
    client = http.client.HTTPConnection(HOST, server.port, timeout=10)
    try:
        yield client
    finally:
        client.close()


def ask(
    client: http.client.HTTPConnection, method: str, path: str
) -> tuple[int, dict[str, str], bytes]:
    client.request(method, path)
    response = client.getresponse()
    # These three are the server's.
    own = {"date", "connection", "transfer-encoding"}
    headers = {name.lower(): value for name, value in response.getheaders()}
    return (
        response.status,
        {name: value for name, value in headers.items() if name not in own},
        response.read(),
    )
