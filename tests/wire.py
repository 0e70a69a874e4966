"""A server that sends the bytes that a test gives it, and keeps what it was asked for."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from servers import HOST


@dataclass(frozen=True)
class Answer:
    """What one request gets, each part in a packet of its own; then the connection is closed.

    With `stays` it's left open.
    """

    parts: tuple[bytes, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(
        default_factory=lambda: {"Content-Type": "text/event-stream"}
    )
    stays: bool = False


@dataclass(frozen=True)
class Asked:
    path: str
    headers: Mapping[str, str]
    at: float


def events(*parts: bytes, stays: bool = False) -> Answer:
    return Answer(parts, stays=stays)


class Wire:
    """Answers each request for a path with the next answer of that path, and at last with 204."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Answer]] = {}
        self.closing = Event()

    def at(self, path: str, *answers: Answer) -> str:
        self.answers[path] = list(answers)
        return path

    def asked_for(self, path: str) -> list[Asked]:
        return [each for each in self.asked if each.path == path]

    def next(self, path: str) -> Answer:
        if path == "/":
            return Answer((b"<!doctype html><link rel=icon href=data:,>",), headers=HTML)
        waiting = self.answers.get(path)
        return waiting.pop(0) if waiting else Answer(status=204, headers={})


HTML = {"Content-Type": "text/html"}


@contextmanager
def serving() -> Iterator[Wire]:
    class Conversation(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wire.asked.append(Asked(self.path, dict(self.headers), time.monotonic()))
            answer = wire.next(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for part in answer.parts:
                self.wfile.write(part)
                # Else the network would put them together again.
                time.sleep(0.01 if len(answer.parts) > 1 else 0)
            if answer.stays:
                wire.closing.wait()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Conversation) as server:
        wire = Wire(f"http://{HOST}:{server.server_port}")
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield wire
        finally:
            wire.closing.set()
            server.shutdown()
