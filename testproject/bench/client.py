"""One request on a raw socket: nothing is parsed while the clock runs."""

import csv
import io
import json
import socket
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

HOST = "127.0.0.1"
READ_SIZE = 1024 * 1024
TIMEOUT = 900
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    first_byte: float
    """Seconds from the request to the first byte of the body."""
    seconds: float
    body: bytes


class _Received:
    """Bytes that http.client takes for a socket."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._received)


def fetch(port: int, path: str) -> Answer:
    """Return what a server answers, and when.

    A response that is cut raises IncompleteRead.
    """
    parts = []
    head, first_byte = b"", None
    with socket.create_connection((HOST, port), TIMEOUT) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
        start = time.perf_counter()
        connection.sendall(request)
        while part := connection.recv(READ_SIZE):
            parts.append(part)
            if first_byte is None:
                head += part
                if head.partition(HEAD_END)[2]:
                    first_byte = time.perf_counter() - start
        seconds = time.perf_counter() - start
    response = HTTPResponse(_Received(b"".join(parts)))  # type: ignore[arg-type]
    response.begin()
    body = response.read()
    if response.status != 200 or first_byte is None:
        raise RuntimeError(f"{path} gave {response.status}: {body[:500].decode()}")
    return Answer(first_byte, seconds, body)


def count(body: bytes, format: str) -> int:
    """Return how many rows a body holds."""
    return body.count(b"\r\n") - 1 if format == "csv" else body.count(b'"uuid":')


def items(body: bytes, format: str) -> list[Any]:
    """Return the rows of a body."""
    match format:
        case "json":
            return json.loads(body)
        case "ndjson":
            records = body.splitlines()
        case "json-seq":
            records = body.split(b"\x1e")[1:]
        case "sse":
            events = body.split(b"\n\n")
            records = [event.partition(b"data: ")[2] for event in events if b"uuid" in event]
        case "csv":
            return [*csv.DictReader(io.StringIO(body.decode(), newline=""))]
    return [json.loads(record) for record in records]
