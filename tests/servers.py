"""Real servers as processes of their own, on the database of the tests."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
import psutil

T = TypeVar("T")
HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent

ASGI = "streamtests.asgi:application"
WSGI = "streamtests.wsgi:application"
GUNICORN = ("gunicorn", WSGI, "--workers=1", "--graceful-timeout=5", "--bind={host}:{port}")
GRANIAN = ("granian", "--workers=1", "--host={host}", "--port={port}")


@dataclass(frozen=True)
class Kind:
    """How one server is started, and in what it differs from the others."""

    command: tuple[str, ...]
    asgi: bool = False
    concurrency: int = 50
    """How many streams it accepts and sends at once."""
    keeps_alive: bool = True
    """Whether a connection goes on after a stream."""
    cuts: bool = True
    """Whether a client can see that a response was broken off."""
    env: dict[str, str] = field(default_factory=dict)


UVICORN = ("-m", "uvicorn", ASGI, "--no-access-log", "--host={host}", "--port={port}")
GTHREAD = ("-m", *GUNICORN, "--worker-class=gthread", "--threads=8")

KINDS = {
    "uvicorn": Kind(UVICORN, asgi=True),
    "hypercorn": Kind(("-m", "hypercorn", ASGI, "--bind={host}:{port}"), asgi=True),
    "granian-asgi": Kind(("-m", *GRANIAN, "--interface=asgi", ASGI), asgi=True),
    # Granian ends a WSGI response cleanly even where its iterator raised.
    "granian-wsgi": Kind(
        ("-m", *GRANIAN, "--interface=wsgi", "--blocking-threads=8", WSGI),
        concurrency=8,
        cuts=False,
    ),
    "gunicorn-sync": Kind(("-m", *GUNICORN), concurrency=1, keeps_alive=False),
    "gunicorn-gthread": Kind(GTHREAD, concurrency=8),
    # Django's own server has no chunked encoding: the end of the connection is that of the body.
    "runserver": Kind(
        ("testproject/manage.py", "runserver", "--noreload", "{host}:{port}"),
        concurrency=8,
        keeps_alive=False,
        cuts=False,
    ),
    "uvicorn-gzip": Kind(UVICORN, asgi=True, env={"STREAMTESTS_GZIP": "1"}),
    "gunicorn-gzip": Kind(GTHREAD, env={"STREAMTESTS_GZIP": "1"}),
    "uvicorn-sync-middleware": Kind(
        UVICORN, asgi=True, env={"STREAMTESTS_CONTEXT": "streamtests.middleware.sync_context"}
    ),
}
# Daphne isn't among them: it leaves the client of a response that was broken off hanging.

TROUBLE = re.compile(
    r"(INFO|WARNING|ERROR|CRITICAL) (asyncio|concurrent|drf_streaming|django)\b"
    r"|Traceback|\bRuntimeError\b|Warning: |Exception ignored"
    r"|was destroyed|never (retrieved|awaited)"
)
# The development server tells of each request, and of each client that left. Django 5.2 leaves the
# empty body of a request to the garbage collector when the client leaves.
HARMLESS = re.compile(
    r"INFO django\.server: "
    r"|.*Unclosed file <tempfile\.SpooledTemporaryFile"
    r"|ResourceWarning: Enable tracemalloc to get"
)


class Server:
    """One running server."""

    def __init__(self, name: str, database_url: str, directory: Path) -> None:
        self.name = name
        self.kind = KINDS[name]
        self.directory = directory
        self.log = directory / "log"
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        command = [part.format(host=HOST, port=self.port) for part in self.kind.command]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self._environment(database_url),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_for_an_answer()

    def _environment(self, database_url: str) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": database_url,
            "DEBUG": "0",
            "DJANGO_SETTINGS_MODULE": "streamtests.server_settings",
            "PYTHONPATH": os.pathsep.join(map(str, [ROOT / "testproject", ROOT / "tests"])),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "default",
            "STREAMTESTS_CONTEXT": "streamtests.middleware.context",
            "STREAMTESTS_MARKS": str(self.directory),
            **self.kind.env,
        }

    def _wait_for_an_answer(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert httpx.get(f"{self.url}/collect/").text == "collected"
            except httpx.TransportError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._process.kill()
                    self._process.wait()
                    raise AssertionError(self.log.read_text()) from None
                time.sleep(0.05)
            else:
                return

    def terminate(self) -> None:
        self._process.terminate()

    def ends(self, *, within: float) -> bool:
        """Tell whether the server ends by itself; it's killed if it doesn't."""
        try:
            self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            for process in self.processes:
                process.kill()
            self._process.wait()
            return False
        return True

    @property
    def processes(self) -> list[psutil.Process]:
        main = psutil.Process(self._process.pid)
        return [main, *main.children(recursive=True)]

    @property
    def rss(self) -> int:
        """Return the memory of all its processes, in bytes."""
        return sum(process.memory_info().rss for process in self.processes)

    @property
    def held(self) -> tuple[int, int]:
        """Return how many threads and file descriptors it has."""
        return (
            sum(process.num_threads() for process in self.processes),
            sum(process.num_fds() for process in self.processes),
        )

    def open_files(self) -> set[tuple[int, str, int]]:
        return {
            (process.pid, file.path, file.fd)
            for process in self.processes
            for file in process.open_files()
        }

    def logged_from_now(self) -> "LogPart":
        return LogPart(self)

    @contextmanager
    def connect(self, path: str) -> Iterator[socket.socket]:
        """Ask for a page on a connection that is closed at the end, however much was read."""
        with socket.create_connection((HOST, self.port), timeout=10) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            yield client

    def mark(self) -> "Mark":
        return Mark(self.directory / uuid4().hex)


class LogPart:
    """What a server logs after a certain moment."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._start = server.log.stat().st_size

    def lines(self) -> list[str]:
        return self._server.log.read_bytes()[self._start :].decode().splitlines()

    def of(self, logger: str) -> list[str]:
        return [line for line in self.lines() if re.match(rf"[A-Z]+ {logger}: ", line)]

    def troubles(self) -> list[str]:
        """Return what nobody should have to read, garbage collection's complaints included."""
        httpx.get(f"{self._server.url}/collect/")
        return [line for line in self.lines() if TROUBLE.search(line) and not HARMLESS.match(line)]


class Mark:
    """Tells whether the source of one request was closed, and after how many rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.query = f"mark={path.name}"

    @property
    def is_there(self) -> bool:
        return self._path.exists()

    @property
    def rows(self) -> int:
        return int(self._path.read_text())


def eventually(look: Callable[[], T], expected: T, *, within: float) -> T:
    """Return what is seen as soon as it is what was expected, or what is seen in the end."""
    deadline = time.monotonic() + within
    while (seen := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.01)
    return seen


def settled(look: Callable[[], T]) -> T:
    """Return what is seen as soon as it no longer changes."""
    seen = look()
    for _ in range(50):
        before = seen
        time.sleep(0.1)
        if (seen := look()) == before:
            break
    return seen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def url_of(database: dict[str, Any]) -> str:
    """Return the DATABASE_URL of a database that Django is connected to."""
    scheme = database["ENGINE"].rpartition(".")[2]
    if scheme == "sqlite3":
        return f"sqlite:///{database['NAME']}"
    user, password = quote(database["USER"]), quote(database["PASSWORD"])
    place = f"{database['HOST']}:{database['PORT']}".rstrip(":")
    return f"{scheme}://{user}:{password}@{place}/{quote(database['NAME'])}"
