"""Connections that end as a test wants them to: what lies between a client and a server."""

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

from servers import HOST, Server

REQUEST_END = b"\r\n\r\n"
# https://man7.org/linux/man-pages/man7/socket.7.html: closing sends a reset.
RESET = struct.pack("ii", 1, 0)


class Listener(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def listening(handler: type[BaseRequestHandler]) -> Iterator[str]:
    with Listener((HOST, 0), handler) as listener:
        thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://{HOST}:{listener.server_address[1]}"
        finally:
            listener.shutdown()
            thread.join()


def request_on(client: socket.socket) -> bytes:
    request = b""
    while REQUEST_END not in request and (part := client.recv(65536)):
        request += part
    return request


@contextmanager
def relay(server: Server, limits: Iterable[int | None]) -> Iterator[str]:
    """Pass on as many bytes of each answer, one after another, as the limits say.

    What comes after an odd number of bytes is a reset, else an orderly end.
    """
    remaining = iter(limits)

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            left = next(remaining)
            request = request_on(self.request).replace(b"keep-alive", b"close")
            with socket.create_connection((HOST, server.port)) as there, suppress(OSError):
                there.sendall(request)
                passed = 0
                while part := there.recv(65536 if left is None else min(left - passed, 65536)):
                    self.request.sendall(part)
                    passed += len(part)
                if passed % 2:
                    self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    with listening(Relay) as url:
        yield url


@contextmanager
def answering(answers: Iterable[bytes], requests: list[str]) -> Iterator[str]:
    """Give these answers, one after another, each on a connection that then ends."""
    remaining = iter(answers)

    class Answer(BaseRequestHandler):
        def handle(self) -> None:
            requests.append(request_on(self.request).decode())
            with suppress(OSError):
                self.request.sendall(next(remaining))

    with listening(Answer) as url:
        yield url


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer that ends with its connection, as one of HTTP/1.0 does."""
    given = {"Content-Type": "application/x-ndjson"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"HTTP/1.0 {status}", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + REQUEST_END + body
